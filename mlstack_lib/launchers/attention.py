"""Launchers of attention. Signatures and meaning: the reference."""

from math import sqrt

from .elementwise import BLOCK, ceil_div, each, empty_like

DELTA_ROWS = 32  # of a block of attention_delta
THREADS, WIDE = 128, 8  # of a block, and in a row of it
# A block's own rows, and the others it goes through at a time: the first tile that fits. Of an
# H100's shared memory 64 by 32 leave room for three blocks a multiprocessor, 64 by 64 for two.
TILES = ((64, 32), (32, 32), (16, 16))
SLICED = {"ROWS": 64, "COLUMNS": 32}  # where there is too little shared memory for whole heads
LARGEST_HEAD = 128


def _launch(name, args, arrays, kept, t, heads):
    """Launch with tiles that fit the device; `kept`: tiles of own rows and of others, a block."""
    d, device = arrays[0].shape[-1], arrays[0].device
    if d > LARGEST_HEAD:
        raise NotImplementedError(f"attention: heads of {d} numbers; at most {LARGEST_HEAD}")
    if device.shared_memory < _bytes(TILES[-1], kept, LARGEST_HEAD):
        grid = (heads, ceil_div(t, SLICED["ROWS"]))
        device.launch(name, grid, (THREADS,), args, D=d, **SLICED)
        return
    tile = next(tile for tile in TILES if _bytes(tile, kept, d) <= device.shared_memory)
    constants = {
        "D": d,
        "ROWS": tile[0],
        "COLUMNS": tile[1],
        "THREADS": THREADS,
        "WIDE": WIDE,
        "VECTOR": _in_vectors(d, arrays),
    }
    grid, shared = (heads, ceil_div(t, tile[0])), _bytes(tile, kept, d)
    device.launch(name, grid, (THREADS,), args, shared=shared, **constants)


def _bytes(tile: tuple[int, int], kept: tuple[int, int], d: int) -> int:
    """Of shared memory for tiles of rows of heads, and one of scores."""
    (own, others), row = tile, 4 * ceil_div(d, 4) + 4
    return 4 * ((kept[0] * own + kept[1] * others) * row + own * (others + 4))


def _in_vectors(d: int, arrays) -> int:
    """1 where all rows of heads begin at multiples of 16 bytes."""
    return int(d % 4 == 0 and all(a.offset % 16 == 0 for a in arrays))


def attention_forward(qkv):
    b, t, _, h, d = qkv.shape
    out, lse = empty_like(qkv, (b, t, h, d)), empty_like(qkv, (b, h, t))
    args = [qkv, out, lse, t, h, 1 / sqrt(d)]
    _launch("attention_forward", args, (qkv, out), (1, 2), t, b * h)
    return out, lse


def attention_backward(dout, qkv, out, lse):
    b, t, _, h, d = qkv.shape
    delta, dqkv, rows = empty_like(lse), empty_like(qkv), b * t * h
    args = [dout, out, delta, rows, t, h, d]
    constants = {"ROWS": DELTA_ROWS, "VECTOR": _in_vectors(d, (dout, out))}
    grid, block = (ceil_div(rows, DELTA_ROWS),), (8 * DELTA_ROWS,)
    qkv.device.launch("attention_delta", grid, block, args, **constants)
    args = [dout, qkv, lse, delta, dqkv, t, h, 1 / sqrt(d)]
    for name in ("attention_backward_kv", "attention_backward_q"):
        _launch(name, args, (dout, qkv, dqkv), (2, 2), t, b * h)
    return dqkv


def attention_cached(qkv, cache, state):
    (b, t, _, h, d), context = qkv.shape, cache.shape[3]
    each("cache_write", b * t * 2 * h * d, qkv, state, cache, b, t, h, d, context)
    out = empty_like(qkv, (b, t, h, d))
    args = [qkv, cache, state, out, b, t, h, d, context, 1 / sqrt(d)]
    qkv.device.launch(
        "attention_cached", (t, b * h), (BLOCK,), args, shared=4 * context, BLOCK=BLOCK
    )
    return out
