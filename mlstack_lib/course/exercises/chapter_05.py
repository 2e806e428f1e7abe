"""Chapter 05: momentum, Adam and AdamW in place, clipping, flat buffers, and their checks."""

import math

import numpy as np

from ...optim import cosine
from ..cases import Case
from ..judging import exercise

# ---- what the chapter builds ----


def momentum_step(params, grads, m, rate, momentum):
    """One step of gradient descent with momentum. Writes params and m, arrays of one shape."""
    ### BEGIN SOLUTION
    m *= momentum
    m += grads
    params -= rate * m
    ### END SOLUTION


def adam_step(params, grads, m, v, t, rate, beta1, beta2, eps):
    """Step number t (1, 2, ...) of Adam. Writes params, m and v, arrays of one shape."""
    ### BEGIN SOLUTION
    m += (1 - beta1) * (grads - m)
    v += (1 - beta2) * (grads * grads - v)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    params -= rate * m_hat / (np.sqrt(v_hat) + eps)
    ### END SOLUTION


adam_step_ = adam_step  # in the chapter: the learner's, once it is right


def adamw_step(params, grads, m, v, t, rate, n_decay, beta1, beta2, eps, weight_decay):
    """Step number t of AdamW; the first n_decay elements decay. Writes params, m, v, all flat."""
    ### BEGIN SOLUTION
    params[:n_decay] *= 1 - rate * weight_decay
    adam_step_(params, grads, m, v, t, rate, beta1, beta2, eps)
    ### END SOLUTION


def clip(grads, max_norm):
    """Scale all arrays of the list in place, by one factor, so that their common norm is at most
    max_norm. Returns the norm before, a float."""
    ### BEGIN SOLUTION
    norm = math.sqrt(sum(float((g * g).sum()) for g in grads))
    for g in grads:
        g *= min(1.0, max_norm / (norm + 1e-6))
    return norm
    ### END SOLUTION


def pack(arrays, unit=64):
    """Copy arrays into one flat buffer, each from a multiple of `unit` elements on, zeros between.

    Returns the buffer, whose size is a multiple of `unit` too, and a list of views into it.
    """
    ### BEGIN SOLUTION
    starts = np.cumsum([0] + [-(-a.size // unit) * unit for a in arrays])
    flat = np.zeros(starts[-1], arrays[0].dtype)
    views = [flat[i : i + a.size].reshape(a.shape) for i, a in zip(starts, arrays, strict=False)]
    for view, array in zip(views, arrays, strict=True):
        view[...] = array
    return flat, views
    ### END SOLUTION


# ---- the checks ----


def _written(case: Case, mine, written: tuple, **arguments) -> dict:
    """Call mine with copies of the arrays; return those it may write, the rest must be the same."""
    copies = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    mine(*copies.values())
    arrays = {k: v for k, v in arguments.items() if isinstance(v, np.ndarray)}
    for name, before in arrays.items():
        same = copies[name].tobytes() == before.tobytes()
        case.require(name in written or same, f"it changed {name}, which it may only read")
    for name in written:
        case.require(
            copies[name].tobytes() != arrays[name].tobytes(),
            f"{name} is as before: the change was 0, or it was lost (`x -= y` writes into the "
            "array x, `x = x - y` makes a new one)",
        )
    return {name: copies[name] for name in written}


def _equal(case: Case, got: dict, want: dict, dtype, when: str = "after the step") -> None:
    tolerance = 1e-6 if dtype == np.float32 else 1e-8
    for name, values in want.items():
        case.equal(got[name], values.astype(dtype), f"{when}, {name}", tolerance)


@exercise("5.1 momentum step")
def check_momentum_step(mine):
    rng = np.random.default_rng(0)
    cases = [
        ((3,), np.float64, 0.5, 0.9),
        ((2, 3), np.float32, 0.01, 0.8),
        ((1,), np.float64, 0.1, 0.0),
    ]
    for shape, dtype, rate, momentum in cases:
        params, grads, m = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
        case = Case(
            f"params {shape} {np.dtype(dtype).name}, rate {rate}, momentum {momentum}, m not zero",
            "m takes the whole gradient, no rate; then params move by rate times the new m",
        )
        got = _written(case, mine, ("m", "params"), params=params, grads=grads, m=m,
                       rate=rate, momentum=momentum)  # fmt: skip
        new = momentum * m.astype(float) + grads
        _equal(case, got, {"m": new, "params": params - rate * new}, dtype)
    return "3 shapes"


def _adam(p, g, m, v, t, rate, beta1, beta2, eps):
    """An element at a time, from the definition."""
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    step = rate * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
    return p - step, m, v


def _by_element(params, grads, m, v, *numbers) -> dict:
    flat = [np.ravel(a).astype(float).tolist() for a in (params, grads, m, v)]
    rows = [_adam(*four, *numbers) for four in zip(*flat, strict=True)]
    new = [np.reshape(column, params.shape) for column in zip(*rows, strict=True)]
    return {"m": new[1], "v": new[2], "params": new[0]}


@exercise("5.2 adam step")
def check_adam_step(mine):
    rng = np.random.default_rng(1)
    numbers = {"rate": 0.1, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8}
    for shape, dtype in [((4,), np.float64), ((2, 3), np.float32), ((1,), np.float64)]:
        arrays = {"params": rng.standard_normal(shape).astype(dtype)}
        grads = [rng.standard_normal(shape).astype(dtype) for _ in range(3)]
        arrays |= {"m": np.zeros(shape, dtype), "v": np.zeros(shape, dtype)}
        for t in (1, 2, 3):
            case = Case(
                f"step t = {t} from m = v = 0, shape {shape} {np.dtype(dtype).name}",
                "m averages the gradients, v their squares; the corrected ones are new arrays",
            )
            given = {
                "params": arrays["params"], "grads": grads[t - 1], "m": arrays["m"],
                "v": arrays["v"], "t": t, **numbers,
            }  # fmt: skip
            got = _written(case, mine, ("m", "v", "params"), **given)
            _equal(case, got, _by_element(*given.values()), dtype, f"after step {t}")
            arrays = got

    _check_other_numbers(mine, rng)
    case = Case("one gradient 0 from m = v = 0, t = 1", "eps keeps 0 / 0 away")
    given = {
        "params": np.array([1.5, -2.0]), "grads": np.array([0.0, 1e6]), "m": np.zeros(2),
        "v": np.zeros(2), "t": 1, **numbers,
    }  # fmt: skip
    got = _written(case, mine, ("m", "v", "params"), **given)
    case.equal(got["params"], np.array([1.5, -2.1]), "params", 1e-6)
    return "3 shapes, 3 steps each, small and zero gradients"


def _check_other_numbers(mine, rng):
    case = Case(
        "t = 7, beta1 0.8, beta2 0.6, eps 0.01, small gradients",
        "are these numbers the ones it uses? And where does eps stand?",
    )
    given = {name: rng.standard_normal(5) * 1e-2 for name in ("params", "grads", "m")}
    given |= {"v": rng.uniform(1e-5, 1e-4, 5), "t": 7, "rate": 0.3, "beta1": 0.8, "beta2": 0.6}
    got = _written(case, mine, ("m", "v", "params"), **given, eps=0.01)
    _equal(case, got, _by_element(*given.values(), 0.01), np.float64)


@exercise("5.3 decoupled decay")
def check_adamw_step(mine):
    rng = np.random.default_rng(2)
    cases = [(5, 2, 0.5), (4, 4, 0.3), (3, 0, 0.5), (1, 1, 0.2), (6, 3, 0.0)]
    for size, n_decay, decay in cases:
        case = Case(
            f"{size} elements, n_decay {n_decay}, weight_decay {decay}, rate 0.2, t = 4",
            "first params[:n_decay] times 1 - rate * weight_decay, then Adam's step",
        )
        given = {name: rng.standard_normal(size) for name in ("params", "grads", "m")}
        given |= {"v": rng.uniform(0.5, 1.5, size), "t": 4, "rate": 0.2, "n_decay": n_decay}
        betas = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8}
        got = _written(case, mine, ("m", "v", "params"), **given, **betas, weight_decay=decay)
        shrunk = given["params"] * np.where(np.arange(size) < n_decay, 1 - 0.2 * decay, 1.0)
        want = _by_element(
            shrunk, *[given[k] for k in ("grads", "m", "v")], 4, 0.2, 0.9, 0.95, 1e-8
        )
        _equal(case, got, want, np.float64)
    return "5 cases"


@exercise("5.4 cosine")
def check_cosine(mine):
    cases = [
        ((1.0, 10, 50, 0.1), [1, 5, 10, 11, 30, 49, 50, 60]),
        ((0.02, 0, 8, 0.0), [1, 4, 8, 9]),
        ((0.5, 4, 4, 0.3), [2, 4]),
    ]
    for (peak, warmup, total, floor), steps in cases:
        want = cosine(peak, warmup=warmup, total=total, floor=floor)
        given = f"peak {peak}, warmup {warmup}, total {total}, floor {floor}"
        case = Case(given, "it returns the function `rate`")
        rate = case.call(mine, peak, warmup=warmup, total=total, floor=floor)
        case.require(callable(rate), "it must return a function of the step")
        for step in steps:
            where = "warm-up" if step <= warmup else "after the end" if step > total else "cosine"
            case = Case(f"{given}; {where}", "what share of its part has passed, from 0 to 1?")
            case.equal(case.call(rate, step), float(want(step)), f"rate({step})")
    return "3 schedules"


@exercise("5.5 clip")
def check_clip(mine):
    rng = np.random.default_rng(3)
    for shapes, dtype, size, max_norm in [
        ([(2, 3), (4,), (1,)], np.float64, 5.0, 1.0),
        ([(3,), (2, 2)], np.float32, 20.0, 7.0),
        ([(2, 3), (4,)], np.float64, 0.01, 1.0),
        ([(5,)], np.float64, 0.0, 1.0),
    ]:
        grads = [(size * rng.standard_normal(shape)).astype(dtype) for shape in shapes]
        norm = math.sqrt(sum(float((g.astype(float) ** 2).sum()) for g in grads))
        case = Case(
            f"arrays {', '.join(map(str, shapes))} of common norm {norm:.3g}, max_norm {max_norm}",
            "one norm over all the numbers of all the arrays, one factor for all, at most 1",
        )
        copies = [g.copy() for g in grads]
        result = mine(list(copies), max_norm)  # a list of its own: only the arrays count
        case.require(result is not None, "it returned None: is there a return?")
        wanted = [g * min(1.0, max_norm / max(norm, 1e-9)) for g in grads]
        for i, (got, want) in enumerate(zip(copies, wanted, strict=True)):
            same = norm > max_norm and got.tobytes() == grads[i].tobytes()
            case.require(not same, f"grads[{i}] is as before: write into the array, `g *= factor`")
            case.equal(got, want.astype(dtype), f"grads[{i}]", 1e-5)
        case.equal(result, norm, "the norm returned", 1e-5)
    return "4 lists of arrays"


@exercise("5.6 pack")
def check_pack(mine):
    rng = np.random.default_rng(4)
    for shapes, dtype, unit in [
        ([(2, 3), (4,), (1,)], np.float32, 64),
        ([(4, 4), (3,)], np.float64, 16),
        ([(1,), (8, 2), (5, 1)], np.float32, 4),
    ]:
        arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
        sizes = [-(-a.size // unit) * unit for a in arrays]
        case = Case(
            f"arrays {', '.join(map(str, shapes))} {np.dtype(dtype).name}, unit {unit}",
            "each takes its size, rounded up to a multiple of unit",
        )
        starts = np.cumsum([0, *sizes]).tolist()
        want = np.zeros(starts[-1], dtype)
        for start, array in zip(starts, arrays, strict=False):
            want[start : start + array.size] = array.ravel()
        result = case.call(mine, [array.copy() for array in arrays], unit)
        pair = isinstance(result, tuple) and len(result) == 2
        case.require(pair and isinstance(result[1], list), "it must return the buffer and a list")
        flat, views = result
        case.equal(flat, want, "the buffer", 0.0)
        case.require(len(views) == len(arrays), f"{len(views)} views, want {len(arrays)}")
        case.look = "a view is a slice of the buffer, reshaped: the same memory, no copy"
        flat[...] = np.arange(1, flat.size + 1)
        for i, (view, start, array) in enumerate(zip(views, starts, arrays, strict=False)):
            numbers = np.arange(start + 1, start + 1 + array.size, dtype=dtype)
            what = f"with 1, 2, 3, ... written into the buffer, views[{i}]"
            case.equal(view, numbers.reshape(array.shape), what, 0.0)
    return "3 lists of arrays"
