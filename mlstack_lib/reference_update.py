"""The specification of the update, and of what varies from one step to the next.

All arrays are flat; `state` is the device's array of `Slot`s. These functions write the arguments
that their text names, and no others.
"""

import numpy as np

from .array import SCHEDULED, Slot


def squared_norm(x):
    """The sum of x * x over all elements: ()."""
    return np.asarray((x * x).sum(), x.dtype)


def count_nonfinite(x):
    """How many elements are NaN or infinite: (); in f32 exact up to 2**24."""
    return np.asarray(x.size - np.isfinite(x).sum(), x.dtype)


def clip_coefficient(norm2, state, max_norm):
    """Write GRAD_NORM = sqrt(norm2) and CLIP = min(1, max_norm / (GRAD_NORM + 1e-6)) into state.

    A norm that is not finite sets HALTED, which stays set until the host takes it away.
    Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063.
    """
    norm = np.sqrt(norm2)
    state[Slot.GRAD_NORM] = norm
    state[Slot.CLIP] = min(1.0, max_norm / (norm + 1e-6))
    if not np.isfinite(norm):
        state[Slot.HALTED] = 1


def adamw(params, grads, m, v, state, n_decay, beta1, beta2, eps, weight_decay):
    """One AdamW update of all parameters at once; writes params, m, v. All flat, of one size.

    The first n_decay elements shrink by learning_rate * weight_decay. Nothing happens once
    state[HALTED] is set. Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2.
    """
    if not state[Slot.HALTED]:
        lr, g = state[Slot.LEARNING_RATE], grads * state[Slot.CLIP]
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        params[:n_decay] *= 1 - lr * weight_decay
        denominator = np.sqrt(v / state[Slot.BIAS_CORRECTION2]) + eps
        params -= lr / state[Slot.BIAS_CORRECTION1] * m / denominator


def sgd(params, grads, m, state, n_decay, momentum, weight_decay):
    """One update by gradient descent with momentum; writes params, m. All flat, of one size.

    g = clipped gradient + weight_decay * params (first n_decay elements); m = momentum * m + g;
    params -= learning_rate * m. Nothing happens once state[HALTED] is set.
    """
    if not state[Slot.HALTED]:
        m *= momentum
        m += grads * state[Slot.CLIP]
        m[:n_decay] += weight_decay * params[:n_decay]
        params -= state[Slot.LEARNING_RATE] * m


def advance(state, schedule):
    """Copy the schedule's next row (STEP .. BIAS_CORRECTION2) into state, and count it."""
    state[:SCHEDULED] = schedule[int(state[Slot.SCHEDULE_ROW])]
    state[Slot.SCHEDULE_ROW] += 1


def take_batch(tables, state):
    """The next micro-batch of each uploaded table (K, ...); count it in BATCH and DROPOUT."""
    row = int(state[Slot.BATCH])
    state[Slot.BATCH] += 1
    state[Slot.DROPOUT] += 1
    return tuple(table[row] for table in tables)


def record(value, table, state, slot):
    """Keep a number, value (), in table (K,), at the place before the one in state[slot]."""
    table[int(state[slot]) - 1] = value
