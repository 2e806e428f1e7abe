"""Launchers of the operations on rows and on tokens. Signatures and meaning: the reference."""

import numpy as np

from .elementwise import BLOCK, ceil_div, column_sum, copy, empty_like, sum_parts

WARPS = 8  # of a block, each with a row of its own
LARGEST_ROW = 32 * 64  # channels that a warp can hold in registers
MOST_CLASSES = 65_536  # that a block can hold in registers, 64 a thread
SUM_BLOCKS = 264  # blocks of a backward pass that each keep sums of their own


# ---- embedding ----


def embedding_forward(idx, weight, positions=None):
    c = weight.shape[1]
    y = empty_like(weight, (*idx.shape, c))
    t = 1 if positions is None else positions.shape[0]
    args = [idx, weight, weight if positions is None else positions, y, idx.size, c, t]
    constants = {"BLOCK": BLOCK, "POSITIONS": int(positions is not None)}
    weight.device.launch(
        "embedding_forward", (ceil_div(y.size, BLOCK),), (BLOCK,), args, **constants
    )
    return y


def embedding_backward(dy, idx, order, rows, out=None, accumulate=False):
    n, c = dy.shape
    dweight = empty_like(dy, (rows, c)) if out is None else out
    constants = {"BLOCK": 128, "ACCUMULATE": int(accumulate)}
    args = [dy, idx, order, dweight, n, c]
    dy.device.launch("embedding_backward", (rows,), (128,), args, **constants)
    return dweight


# ---- layernorm ----


def _per_lane(name, c):
    if c > LARGEST_ROW:
        raise NotImplementedError(f"{name}: {c} channels; the kernel holds at most {LARGEST_ROW}")
    return {"WARPS": WARPS, "PER_LANE": ceil_div(c, 32)}


def layernorm_forward(x, weight, bias, eps):
    n, c = x.shape
    y, mean, rstd = empty_like(x), empty_like(x, (n,)), empty_like(x, (n,))
    args = [x, weight, bias, y, mean, rstd, n, c, float(eps)]
    constants = _per_lane("layernorm", c)
    x.device.launch("layernorm_forward", (ceil_div(n, WARPS),), (32 * WARPS,), args, **constants)
    return y, mean, rstd


def residual_layernorm_forward(x, delta, weight, bias, eps):
    n, c = x.shape
    residual, y = empty_like(x), empty_like(x)
    mean, rstd = empty_like(x, (n,)), empty_like(x, (n,))
    args = [x, delta, weight, bias, residual, y, mean, rstd, n, c, float(eps)]
    constants, grid = _per_lane("layernorm", c), (ceil_div(n, WARPS),)
    x.device.launch("residual_layernorm_forward", grid, (32 * WARPS,), args, **constants)
    return residual, y, mean, rstd


def layernorm_backward(dy, x, weight, mean, rstd, out=(None, None), accumulate=False):
    return residual_layernorm_backward(None, dy, x, weight, mean, rstd, out, accumulate)


def residual_layernorm_backward(
    dresidual, dy, residual, weight, mean, rstd, out=(None, None), accumulate=False
):
    n, c = dy.shape
    blocks = min(SUM_BLOCKS, ceil_div(n, WARPS))
    dx, parts, sums = empty_like(dy), empty_like(dy, (blocks, 2 * c)), empty_like(dy, (2 * c,))
    constants = {"RESIDUAL": int(dresidual is not None), **_per_lane("layernorm", c)}
    args = [
        dy if dresidual is None else dresidual,
        dy,
        residual,
        weight,
        mean,
        rstd,
        dx,
        parts,
        n,
        c,
    ]
    dy.device.launch("layernorm_backward", (blocks,), (32 * WARPS,), args, **constants)
    sum_parts(parts, sums, blocks, 2 * c, 1)
    gradients = (sums.view(0, (c,)), sums.view(c, (c,)))
    return dx, *(_store(g, o, accumulate) for g, o in zip(gradients, out, strict=True))


def _store(value, out, accumulate):
    if out is None:
        return value
    if accumulate:
        sum_parts(value, out, 1, value.size, 1, accumulate)
        return out
    return copy(value, out)


# ---- softmax and cross-entropy ----


def _row_in_registers(name, x):
    """Constants of a kernel whose blocks keep the rows of x in registers (softmax_row.cuh)."""
    c = x.shape[-1]
    if c > MOST_CLASSES:
        raise NotImplementedError(f"{name}: {c} numbers a row; at most {MOST_CLASSES:,}")
    block = BLOCK if c <= 32 * BLOCK else x.device.largest_block
    vector = c % 4 == 0 and x.offset % 16 == 0
    each = 4 * ceil_div(c, 4 * block) if vector else ceil_div(c, block)
    return {"BLOCK": block, "PER_THREAD": each, "VECTOR": int(vector)}


def softmax_forward(x):
    y, c = empty_like(x), x.shape[-1]
    constants = _row_in_registers("softmax", x)
    grid, block = (x.size // c,), (constants["BLOCK"],)
    x.device.launch("softmax_forward", grid, block, [x, y, c], **constants)
    return y


def softmax_backward(dy, y):
    dx, c = empty_like(y), y.shape[-1]
    y.device.launch("softmax_backward", (y.size // c,), (BLOCK,), [dy, y, dx, c], BLOCK=BLOCK)
    return dx


def _count_kept(logits, targets, ignore_index):
    count = empty_like(logits, (1,))
    args = [targets, count, targets.size, np.int32(ignore_index)]
    logits.device.launch("count_kept", (1,), (BLOCK,), args, BLOCK=BLOCK)
    return count


def cross_entropy_forward(logits, targets, ignore_index):
    n, v = logits.shape
    losses, count = empty_like(logits, (n, 1)), _count_kept(logits, targets, ignore_index)
    args = [logits, targets, count, losses, v, np.int32(ignore_index)]
    logits.device.launch("cross_entropy_forward", (n,), (BLOCK,), args, BLOCK=BLOCK)
    return column_sum(losses).reshape(())


def cross_entropy_with_gradient(logits, targets, ignore_index, overwrite=False):
    n, v = logits.shape
    constants = _row_in_registers("cross_entropy", logits)
    dlogits = logits if overwrite else copy(logits)
    losses, count = empty_like(logits, (n, 1)), _count_kept(logits, targets, ignore_index)
    args = [dlogits, targets, count, losses, v, np.int32(ignore_index)]
    block = (constants["BLOCK"],)
    logits.device.launch("cross_entropy_with_gradient", (n,), block, args, **constants)
    return column_sum(losses).reshape(()), dlogits
