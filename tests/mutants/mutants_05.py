"""Wrong solutions of chapter 05."""

import math

import numpy as np
from zoo import mutant

# ---- 5.1 momentum step ----


@mutant("5.1 momentum step", "m is as before: the change was 0, or it was lost")
def makes_new_arrays(params, grads, m, rate, momentum):
    m = momentum * m + grads
    params = params - rate * m
    return params, m


@mutant("5.1 momentum step", "params is as before: the change was 0, or it was lost")
def forgets_params_in_place(params, grads, m, rate, momentum):
    m *= momentum
    m += grads
    params = params - rate * m  # noqa: F841


@mutant("5.1 momentum step", "after the step, m[0] is")
def averages_as_adam_does(params, grads, m, rate, momentum):
    m += (1 - momentum) * (grads - m)
    params -= rate * m


@mutant("5.1 momentum step", "after the step, params[0] is")
def moves_before_it_remembers(params, grads, m, rate, momentum):
    params -= rate * m
    m *= momentum
    m += grads


@mutant("5.1 momentum step", "after the step, m[0] is")
def remembers_the_rate_too(params, grads, m, rate, momentum):
    m *= momentum
    m += rate * grads
    params -= m


@mutant("5.1 momentum step", "after the step, params[0] is")
def climbs(params, grads, m, rate, momentum):
    m *= momentum
    m += grads
    params += rate * m


@mutant("5.1 momentum step", "it changed grads, which it may only read")
def sums_into_the_gradient(params, grads, m, rate, momentum):
    grads += momentum * m
    m[...] = grads
    params -= rate * m


# ---- 5.2 adam step ----


@mutant("5.2 adam step", "after step 1, params[0] is")
def forgets_the_correction(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    params -= rate * m / (np.sqrt(v) + eps)


@mutant("5.2 adam step", "after step 1, m[0] is")
def keeps_the_corrected_averages(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    m /= 1 - beta1**t
    v /= 1 - beta2**t
    params -= rate * m / (np.sqrt(v) + eps)


@mutant("5.2 adam step", "ZeroDivisionError")
def counts_from_zero(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    scale = math.sqrt(1 - beta2 ** (t - 1)) / (1 - beta1 ** (t - 1))
    params -= rate * scale * m / (np.sqrt(v) + eps)


@mutant("5.2 adam step", "after step 2, params[0] is")
def always_corrects_as_in_the_first_step(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    params -= rate * m / (1 - beta1) / (np.sqrt(v / (1 - beta2)) + eps)


@mutant("5.2 adam step", "after step 1, v[0] is")
def forgets_the_square(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (np.abs(grads) - v)
    params -= rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


@mutant("5.2 adam step", "after step 1, params[0] is")
def forgets_the_root(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    params -= rate * m / (1 - beta1**t) / (v / (1 - beta2**t) + eps)


@mutant("5.2 adam step", "where does eps stand?")
def puts_eps_into_the_root(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    params -= rate * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps)


@mutant("5.2 adam step", "after step 1, v[0] is")
def uses_one_beta_for_both(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta1) * (grads * grads - v)
    params -= rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


@mutant("5.2 adam step", "m is as before: the change was 0, or it was lost")
def loses_its_memory(params, grads, m, v, t, rate, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * grads * grads
    params -= rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


# ---- 5.3 decoupled decay ----


def _adam(params, grads, m, v, t, rate, beta1, beta2, eps):
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    params -= rate * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


@mutant("5.3 decoupled decay", "after the step, m[0] is")
def decays_through_the_gradient(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    decayed = grads.copy()
    decayed[:n_decay] += weight_decay * params[:n_decay]
    _adam(params, decayed, m, v, t, rate, b1, b2, eps)


@mutant("5.3 decoupled decay", "it changed grads, which it may only read")
def decays_into_the_gradient(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    grads[:n_decay] += weight_decay * params[:n_decay]
    _adam(params, grads, m, v, t, rate, b1, b2, eps)


@mutant("5.3 decoupled decay", "after the step, params[2] is")
def decays_everything(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    params *= 1 - rate * weight_decay
    _adam(params, grads, m, v, t, rate, b1, b2, eps)


@mutant("5.3 decoupled decay", "after the step, params[0] is")
def decays_without_the_rate(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    params[:n_decay] *= 1 - weight_decay
    _adam(params, grads, m, v, t, rate, b1, b2, eps)


@mutant("5.3 decoupled decay", "after the step, params[0] is")
def decays_the_step_as_well(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    _adam(params, grads, m, v, t, rate, b1, b2, eps)
    params[:n_decay] *= 1 - rate * weight_decay


@mutant("5.3 decoupled decay", "after the step, params[0] is")
def decays_the_last_ones(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    params[n_decay:] *= 1 - rate * weight_decay
    _adam(params, grads, m, v, t, rate, b1, b2, eps)


@mutant("5.3 decoupled decay", "params is as before")
def decays_a_copy(params, grads, m, v, t, rate, n_decay, b1, b2, eps, weight_decay):
    params = np.concatenate([params[:n_decay] * (1 - rate * weight_decay), params[n_decay:]])
    _adam(params, grads, m, v, t, rate, b1, b2, eps)


# ---- 5.4 cosine ----


def _schedule(warm, share, shape=lambda s: 0.5 * (1 + math.cos(math.pi * s))):
    """A schedule from its warm-up, its share, and the shape of its descent."""

    def make(peak, *, warmup, total, floor):
        def rate(step):
            if step <= warmup:
                return peak * warm(step, warmup)
            return floor + (peak - floor) * shape(share(step, warmup, total))

        return rate

    return make


def _warm(step, warmup):
    return step / max(warmup, 1)


def _share(step, warmup, total):
    return min((step - warmup) / max(total - warmup, 1), 1.0)


@mutant("5.4 cosine", "rate(1) is 0, want 0.1")
def begins_with_a_rate_of_zero(peak, *, warmup, total, floor):
    return _schedule(lambda s, w: (s - 1) / max(w, 1), _share)(
        peak, warmup=warmup, total=total, floor=floor
    )


@mutant("5.4 cosine", "rate(11) is")
def takes_the_share_of_all_steps(peak, *, warmup, total, floor):
    return _schedule(_warm, lambda s, w, n: min(s / n, 1.0))(
        peak, warmup=warmup, total=total, floor=floor
    )


@mutant("5.4 cosine", "rate(60) is 0.2318, want 0.1")
def rises_again_after_the_end(peak, *, warmup, total, floor):
    return _schedule(_warm, lambda s, w, n: (s - w) / max(n - w, 1))(
        peak, warmup=warmup, total=total, floor=floor
    )


@mutant("5.4 cosine", "rate(11) is")
def goes_down_in_a_straight_line(peak, *, warmup, total, floor):
    return _schedule(_warm, _share, lambda s: 1 - s)(peak, warmup=warmup, total=total, floor=floor)


@mutant("5.4 cosine", "rate(11) is")
def forgets_pi(peak, *, warmup, total, floor):
    return _schedule(_warm, _share, lambda s: 0.5 * (1 + math.cos(s)))(
        peak, warmup=warmup, total=total, floor=floor
    )


@mutant("5.4 cosine", "rate(11) is")
def forgets_the_floor(peak, *, warmup, total, floor):
    return _schedule(_warm, _share)(peak, warmup=warmup, total=total, floor=0.0)


@mutant("5.4 cosine", "it must return a function of the step")
def returns_a_number(peak, *, warmup, total, floor):
    return peak


# ---- 5.5 clip ----


def _norm(grads):
    return math.sqrt(sum(float((g * g).sum()) for g in grads))


@mutant("5.5 clip", "grads[0][0, 0] is")
def clips_each_array_by_itself(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= min(1.0, max_norm / (_norm([g]) + 1e-6))
    return norm


@mutant("5.5 clip", "grads[0][0, 0] is")
def clips_each_number(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        np.clip(g, -max_norm, max_norm, out=g)
    return norm


@mutant("5.5 clip", "Case: arrays (2, 3), (4,) of common norm 0.0")
def scales_small_gradients_up(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= max_norm / (norm + 1e-6)
    return norm


@mutant("5.5 clip", "grads[0] is as before: write into the array, `g *= factor`")
def gives_the_name_to_new_arrays(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g = g * min(1.0, max_norm / (norm + 1e-6))  # noqa: PLW2901
    return norm


@mutant("5.5 clip", "grads[0] is as before: write into the array, `g *= factor`")
def puts_new_arrays_into_the_list(grads, max_norm):
    norm = _norm(grads)
    for i in range(len(grads)):
        grads[i] = grads[i] * min(1.0, max_norm / (norm + 1e-6))
    return norm


@mutant("5.5 clip", "grads[0][0, 0] is")
def adds_the_norms(grads, max_norm):
    norm = sum(_norm([g]) for g in grads)
    for g in grads:
        g *= min(1.0, max_norm / (norm + 1e-6))
    return norm


@mutant("5.5 clip", "grads[1][0] is")
def measures_again_after_each_array(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= min(1.0, max_norm / (_norm(grads) + 1e-6))
    return norm


@mutant("5.5 clip", "ZeroDivisionError")
def divides_by_a_norm_of_zero(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= min(1.0, max_norm / norm)
    return norm


@mutant("5.5 clip", "it returned None: is there a return?")
def returns_nothing(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= min(1.0, max_norm / (norm + 1e-6))


@mutant("5.5 clip", "the norm returned is 1, want")
def returns_the_norm_after(grads, max_norm):
    norm = _norm(grads)
    for g in grads:
        g *= min(1.0, max_norm / (norm + 1e-6))
    return _norm(grads)


# ---- 5.6 pack ----


def _rounded(size, unit):
    return -(-size // unit) * unit


@mutant("5.6 pack", "the buffer has the shape (11,), want (192,)")
def lays_them_without_gaps(arrays, unit=64):
    flat = np.concatenate([a.ravel() for a in arrays])
    ends = np.cumsum([a.size for a in arrays])
    return flat, [flat[e - a.size : e].reshape(a.shape) for e, a in zip(ends, arrays, strict=True)]


@mutant("5.6 pack", "with 1, 2, 3, ... written into the buffer, views[0][0, 0] is")
def returns_copies(arrays, unit=64):
    parts = [np.pad(a.ravel(), (0, _rounded(a.size, unit) - a.size)) for a in arrays]
    return np.concatenate(parts), [a.copy() for a in arrays]


@mutant("5.6 pack", "with 1, 2, 3, ... written into the buffer, views[0][0, 0] is")
def flattens_the_views(arrays, unit=64):
    starts = np.cumsum([0] + [_rounded(a.size, unit) for a in arrays])
    flat = np.zeros(starts[-1], arrays[0].dtype)
    for i, a in zip(starts, arrays, strict=False):
        flat[i : i + a.size] = a.ravel()
    views = [flat[i : i + a.size].copy() for i, a in zip(starts, arrays, strict=False)]
    return flat, [view.reshape(a.shape) for view, a in zip(views, arrays, strict=True)]


@mutant("5.6 pack", "the buffer has the shape (48,), want (32,). Case: arrays (4, 4)")
def adds_a_unit_that_is_not_needed(arrays, unit=64):
    starts = np.cumsum([0] + [(a.size // unit + 1) * unit for a in arrays])
    flat = np.zeros(starts[-1], arrays[0].dtype)
    views = [flat[i : i + a.size].reshape(a.shape) for i, a in zip(starts, arrays, strict=False)]
    for view, a in zip(views, arrays, strict=True):
        view[...] = a
    return flat, views


@mutant("5.6 pack", "the buffer has the shape (129,), want (192,)")
def forgets_the_last_gap(arrays, unit=64):
    starts = np.cumsum([0] + [_rounded(a.size, unit) for a in arrays])
    flat = np.zeros(starts[-2] + arrays[-1].size, arrays[0].dtype)
    views = [flat[i : i + a.size].reshape(a.shape) for i, a in zip(starts, arrays, strict=False)]
    for view, a in zip(views, arrays, strict=True):
        view[...] = a
    return flat, views


@mutant("5.6 pack", "the buffer has the dtype float64, want float32")
def forgets_the_dtype(arrays, unit=64):
    starts = np.cumsum([0] + [_rounded(a.size, unit) for a in arrays])
    flat = np.zeros(starts[-1])
    views = [flat[i : i + a.size].reshape(a.shape) for i, a in zip(starts, arrays, strict=False)]
    for view, a in zip(views, arrays, strict=True):
        view[...] = a
    return flat, views


@mutant("5.6 pack", "it returned None: is there a return?")
def forgets_the_return(arrays, unit=64):
    np.zeros(sum(_rounded(a.size, unit) for a in arrays), arrays[0].dtype)


@mutant("5.6 pack", "the buffer[0] is 0, want")
def forgets_the_values(arrays, unit=64):
    starts = np.cumsum([0] + [_rounded(a.size, unit) for a in arrays])
    flat = np.zeros(starts[-1], arrays[0].dtype)
    return flat, [
        flat[i : i + a.size].reshape(a.shape) for i, a in zip(starts, arrays, strict=False)
    ]
