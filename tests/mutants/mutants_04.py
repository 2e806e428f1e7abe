"""Wrong solutions of chapter 04."""

import numpy as np
from zoo import mutant

# ---- 4.1 layernorm_forward ----


@mutant("4.1 layernorm_forward", "mean has the shape (3,), want (2,)")
def normalises_the_columns(x, weight, bias, eps):
    mean, rstd = x.mean(axis=0), 1 / np.sqrt(x.var(axis=0) + eps)
    return (x - mean) * rstd * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "mean has the shape (), want (2,)")
def normalises_everything_at_once(x, weight, bias, eps):
    mean, rstd = x.mean(), 1 / np.sqrt(x.var() + eps)
    return (x - mean) * rstd * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "mean has the shape (2, 1), want (2,)")
def leaves_the_kept_axis_in(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1, keepdims=True), 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return (x - mean) * rstd * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "ValueError: operands could not be broadcast together")
def forgets_the_new_axis(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + eps)
    return (x - mean) * rstd * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "rstd[0] is")
def divides_by_c_minus_one(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1, ddof=1) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "Look: each row on its own: a mean and a deviation")
def forgets_the_root(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / (x.var(axis=1) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "Look: each row on its own")
def adds_eps_outside_the_root(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / (np.sqrt(x.var(axis=1)) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "Case: x (2, 4) f64, eps 0.5. Look: eps is added to the variance")
def writes_eps_as_a_constant(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + 1e-5)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "y[0, 0] is")
def forgets_weight_and_bias(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + eps)
    return (x - mean[:, None]) * rstd[:, None], mean, rstd


@mutant("4.1 layernorm_forward", "rstd[0] is")
def returns_the_variance(x, weight, bias, eps):
    mean, var = x.mean(axis=1), x.var(axis=1)
    return (x - mean[:, None]) / np.sqrt(var + eps)[:, None] * weight + bias, mean, var


@mutant("4.1 layernorm_forward", "it must return three things: y, mean and rstd")
def returns_y_alone(x, weight, bias, eps):
    return (x - x.mean(1)[:, None]) / np.sqrt(x.var(1) + eps)[:, None] * weight + bias


@mutant("4.1 layernorm_forward", "it changed `x`: work on a copy")
def works_in_place(x, weight, bias, eps):
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + eps)
    x -= mean[:, None]
    return x * rstd[:, None] * weight + bias, mean, rstd


@mutant("4.1 layernorm_forward", "mean has the dtype float64, want float32. Case: x (3, 4) f32")
def goes_through_float64(x, weight, bias, eps):
    x = x.astype(np.float64)
    mean, rstd = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


@mutant(
    "4.1 layernorm_forward", "Case: x (2, 64) f32, numbers around 3000. Look: take the mean off"
)
def takes_the_school_formula(x, weight, bias, eps):
    mean = x.mean(axis=1)
    rstd = 1 / np.sqrt(np.maximum((x * x).mean(axis=1) - mean * mean, 0) + eps)
    return (x - mean[:, None]) * rstd[:, None] * weight + bias, mean, rstd


# ---- 4.2 welford ----


@mutant("4.2 welford", "ZeroDivisionError")
def divides_by_the_old_count(count, mean, m2, value):
    new_mean = mean + (value - mean) / count
    return count + 1, new_mean, m2 + (value - mean) * (value - new_mean)


@mutant("4.2 welford", "(count, mean, m2)[2] is 25, want 0")
def squares_the_distance_to_the_old_mean(count, mean, m2, value):
    count = count + 1
    return count, mean + (value - mean) / count, m2 + (value - mean) ** 2


@mutant("4.2 welford", "(count, mean, m2)[2] is 2.25, want 4.5")
def squares_the_distance_to_the_new_mean(count, mean, m2, value):
    count = count + 1
    mean = mean + (value - mean) / count
    return count, mean, m2 + (value - mean) ** 2


@mutant("4.2 welford", "(count, mean, m2)[2] is 2.25, want 4.5")
def returns_the_variance_so_far(count, mean, m2, value):
    count = count + 1
    new_mean = mean + (value - mean) / count
    return count, new_mean, (m2 + (value - mean) * (value - new_mean)) / count


@mutant("4.2 welford", "Case: 200 values f32 around 10,000. Look: squares of differences")
def keeps_the_sum_of_squares(count, mean, m2, value):
    squares = m2 + count * mean * mean + value * value
    mean = (count * mean + value) / (count + 1)
    return count + 1, mean, squares - (count + 1) * mean * mean


@mutant("4.2 welford", "(count, mean, m2)[0] is 0, want 1")
def forgets_to_count(count, mean, m2, value):
    new_mean = mean + (value - mean) / (count + 1)
    return count, new_mean, m2 + (value - mean) * (value - new_mean)


@mutant("4.2 welford", "it must return three things: count, mean and m2")
def returns_mean_and_m2(count, mean, m2, value):
    new_mean = mean + (value - mean) / (count + 1)
    return new_mean, m2 + (value - mean) * (value - new_mean)


# ---- 4.3 parameter_gradients ----


@mutant("4.3 parameter_gradients", "dbias has the shape (2,), want (3,)")
def sums_along_the_rows(dy, x, mean, rstd):
    xhat = (x - mean[:, None]) * rstd[:, None]
    return (dy * xhat).sum(axis=1), dy.sum(axis=1)


@mutant("4.3 parameter_gradients", "dbias[0] is")
def takes_means_over_the_rows(dy, x, mean, rstd):
    xhat = (x - mean[:, None]) * rstd[:, None]
    return (dy * xhat).mean(axis=0), dy.mean(axis=0)


@mutant("4.3 parameter_gradients", "dweight[0] is")
def multiplies_with_x_itself(dy, x, mean, rstd):
    return (dy * x).sum(axis=0), dy.sum(axis=0)


@mutant("4.3 parameter_gradients", "dweight[0] is")
def computes_rstd_again_without_eps(dy, x, mean, rstd):
    xhat = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return (dy * xhat).sum(axis=0), dy.sum(axis=0)


@mutant("4.3 parameter_gradients", "dbias has the shape (2, 3), want (3,)")
def does_not_sum(dy, x, mean, rstd):
    return dy * (x - mean[:, None]) * rstd[:, None], dy


@mutant("4.3 parameter_gradients", "dbias[0] is")
def returns_them_swapped(dy, x, mean, rstd):
    xhat = (x - mean[:, None]) * rstd[:, None]
    return dy.sum(axis=0), (dy * xhat).sum(axis=0)


# ---- 4.4 layernorm_backward ----


def _backward(dy, x, weight, mean, rstd, g, subtract):
    """dx = rstd * (g - subtract(g, xhat)), the rest right."""
    xhat = (x - mean[:, None]) * rstd[:, None]
    dx = (g - subtract(g, xhat)) * rstd[:, None]
    return dx, (dy * xhat).sum(axis=0), dy.sum(axis=0)


def _mean(a, axis=1):
    return a.mean(axis=axis, keepdims=True)


@mutant("4.4 layernorm_backward", "dx[0, 0] is")
def holds_mean_and_rstd_still(dy, x, weight, mean, rstd):
    return _backward(dy, x, weight, mean, rstd, dy * weight, lambda g, xhat: 0)


@mutant("4.4 layernorm_backward", "dx[0, 0] is")
def forgets_the_mean_of_g(dy, x, weight, mean, rstd):
    return _backward(dy, x, weight, mean, rstd, dy * weight, lambda g, xhat: xhat * _mean(g * xhat))


@mutant("4.4 layernorm_backward", "dx[0, 0] is")
def forgets_the_share_along_xhat(dy, x, weight, mean, rstd):
    return _backward(dy, x, weight, mean, rstd, dy * weight, lambda g, xhat: _mean(g))


@mutant("4.4 layernorm_backward", "Look: line 8, term by term: g is dy * weight")
def forgets_the_weight(dy, x, weight, mean, rstd):
    return _backward(
        dy, x, weight, mean, rstd, dy, lambda g, xhat: _mean(g) + xhat * _mean(g * xhat)
    )


@mutant("4.4 layernorm_backward", "both means go along a row")
def takes_means_over_the_batch(dy, x, weight, mean, rstd):
    return _backward(
        dy, x, weight, mean, rstd, dy * weight,
        lambda g, xhat: _mean(g, 0) + xhat * _mean(g * xhat, 0),
    )  # fmt: skip


@mutant("4.4 layernorm_backward", "dx[0, 0] is")
def sums_where_a_mean_is_wanted(dy, x, weight, mean, rstd):
    def subtract(g, xhat):
        return g.sum(1, keepdims=True) + xhat * (g * xhat).sum(1, keepdims=True)

    return _backward(dy, x, weight, mean, rstd, dy * weight, subtract)


@mutant("4.4 layernorm_backward", "dx[0, 0] is")
def forgets_rstd(dy, x, weight, mean, rstd):
    dx, dweight, dbias = _backward(
        dy, x, weight, mean, rstd, dy * weight, lambda g, xhat: _mean(g) + xhat * _mean(g * xhat)
    )
    return dx / rstd[:, None], dweight, dbias


@mutant("4.4 layernorm_backward", "dweight[0] is")
def weighs_the_gradient_of_the_weight(dy, x, weight, mean, rstd):
    return _backward(
        dy * weight, x, weight, mean, rstd, dy * weight,
        lambda g, xhat: _mean(g) + xhat * _mean(g * xhat),
    )  # fmt: skip


@mutant("4.4 layernorm_backward", "it changed `dy`: work on a copy")
def weighs_dy_in_place(dy, x, weight, mean, rstd):
    dy *= weight
    return holds_mean_and_rstd_still(dy, x, weight, mean, rstd)


@mutant("4.4 layernorm_backward", "it must return three things: dx, dweight and dbias")
def returns_dx_alone(dy, x, weight, mean, rstd):
    return holds_mean_and_rstd_still(dy, x, weight, mean, rstd)[0]


# ---- 4.5 rmsnorm ----


def _rmsnorm(x, weight, eps, dx_of):
    rstd = 1 / np.sqrt(_mean(x * x) + eps)
    xhat = x * rstd
    return xhat * weight, lambda dy: (dx_of(dy, xhat, rstd), (dy * xhat).sum(axis=0))


@mutant("4.5 rmsnorm", "value[0, 0] is")
def still_takes_the_mean_off(x, weight, eps):
    return _rmsnorm(x - _mean(x), weight, eps, lambda dy, xhat, rstd: dy)


@mutant("4.5 rmsnorm", "value[0, 0] is")
def divides_by_the_deviation(x, weight, eps):
    rstd = 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    return x * rstd * weight, lambda dy: (dy * weight * rstd, (dy * x * rstd).sum(axis=0))


@mutant("4.5 rmsnorm", "value[0, 0] is")
def takes_the_sum_of_squares(x, weight, eps):
    rstd = 1 / np.sqrt((x * x).sum(axis=1, keepdims=True) + eps)
    return x * rstd * weight, lambda dy: (dy * weight * rstd, (dy * x * rstd).sum(axis=0))


@mutant("4.5 rmsnorm", "vjp(dy)[0][0, 0] is")
def keeps_the_mean_in_the_gradient(x, weight, eps):
    return _rmsnorm(x, weight, eps, lambda dy, xhat, rstd: rstd * (
        dy * weight - _mean(dy * weight) - xhat * _mean(dy * weight * xhat)
    ))  # fmt: skip


@mutant("4.5 rmsnorm", "vjp(dy)[0][0, 0] is")
def holds_rstd_still(x, weight, eps):
    return _rmsnorm(x, weight, eps, lambda dy, xhat, rstd: rstd * dy * weight)


@mutant("4.5 rmsnorm", "Look: lines 3 to 8 again")
def forgets_the_weight_in_the_gradient(x, weight, eps):
    return _rmsnorm(x, weight, eps, lambda dy, xhat, rstd: rstd * (dy - xhat * _mean(dy * xhat)))


@mutant("4.5 rmsnorm", "it must return two things: a value and a function")
def returns_the_normalised_rows_alone(x, weight, eps):
    return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + eps) * weight


@mutant("4.5 rmsnorm", "vjp(dy) is an array (2, 3), want a tuple of 2")
def returns_dx_without_dweight(x, weight, eps):
    value, vjp = _rmsnorm(
        x, weight, eps,
        lambda dy, xhat, rstd: rstd * (dy * weight - xhat * _mean(dy * weight * xhat)),
    )  # fmt: skip
    return value, lambda dy: vjp(dy)[0]
