"""Launchers of the update and of what goes from step to step. Meaning: reference_update."""

from .elementwise import BLOCK, ceil_div, column_sum, each, empty_like

NORM_BLOCKS = 264


def squared_norm(x):
    return _sum_of_parts("squared_norm", x)


def count_nonfinite(x):
    return _sum_of_parts("count_nonfinite", x)


def _sum_of_parts(name, x):
    blocks = min(NORM_BLOCKS, ceil_div(x.size, BLOCK))
    parts = empty_like(x, (blocks, 1))
    x.device.launch(name, (blocks,), (BLOCK,), [x, parts, x.size], BLOCK=BLOCK)
    return column_sum(parts).reshape(())


def clip_coefficient(norm2, state, max_norm):
    norm2.device.launch("clip_coefficient", (1,), (1,), [norm2, state, float(max_norm)])


def adamw(params, grads, m, v, state, n_decay, beta1, beta2, eps, weight_decay):
    numbers = [n_decay, float(beta1), float(beta2), float(eps), float(weight_decay)]
    args = [grads, state, params, m, v, params.size, *numbers]
    grid = (ceil_div(params.size, 4 * BLOCK),)  # a thread takes four neighbours
    params.device.launch("adamw", grid, (BLOCK,), args, BLOCK=BLOCK)


def sgd(params, grads, m, state, n_decay, momentum, weight_decay):
    each("sgd", params.size, grads, state, params, m, n_decay, float(momentum), float(weight_decay))


def advance(state, schedule):
    state.device.launch("advance", (1,), (1,), [schedule, state])


def take_batch(tables, state):
    rows = []
    for table in tables:
        rows.append(empty_like(table, table.shape[1:]))
        each("take_row", rows[-1].size, table, state, rows[-1])
    state.device.launch("count_batch", (1,), (1,), [state])
    return tuple(rows)


def record(value, table, state, slot):
    value.device.launch("record", (1,), (1,), [value, state, table, int(slot)])
