"""Launchers of attention. Signatures and meaning: the reference."""

from math import sqrt

from .elementwise import BLOCK, ceil_div, each, empty_like

ROWS = 32  # of a block of attention_delta
THREADS, WIDE = 128, 8  # of a block, and in a row of it
TILES = (64, 32, 16)  # queries and keys of a block's tile, whichever fits first
SLICED = {"ROWS": 64, "COLUMNS": 32}  # where there is too little shared memory for whole heads
LARGEST_HEAD = 128


def _launch(name, args, arrays, tiles_of_rows, t, heads):
    """Launch with tiles that fit the device."""
    d, device = arrays[0].shape[-1], arrays[0].device
    if d > LARGEST_HEAD:
        raise NotImplementedError(f"attention: heads of {d} numbers; at most {LARGEST_HEAD}")
    if device.shared_memory < _bytes(TILES[-1], tiles_of_rows, LARGEST_HEAD):
        grid = (ceil_div(t, SLICED["ROWS"]), heads)
        device.launch(name, grid, (THREADS,), args, D=d, **SLICED)
        return
    tile = next(t for t in TILES if _bytes(t, tiles_of_rows, d) <= device.shared_memory)
    vector = d % 4 == 0 and all(a.offset % 16 == 0 for a in arrays)
    constants = {
        "D": d,
        "BQ": tile,
        "BK": tile,
        "THREADS": THREADS,
        "WIDE": WIDE,
        "VECTOR": int(vector),
    }
    grid, shared = (ceil_div(t, tile), heads), _bytes(tile, tiles_of_rows, d)
    device.launch(name, grid, (THREADS,), args, shared=shared, **constants)


def _bytes(tile: int, tiles_of_rows: int, d: int) -> int:
    """Of shared memory for square tiles: so many of rows, and one of scores."""
    return 4 * tile * (tiles_of_rows * (4 * ceil_div(d, 4) + 4) + tile + 4)


def attention_forward(qkv):
    b, t, _, h, d = qkv.shape
    out, lse = empty_like(qkv, (b, t, h, d)), empty_like(qkv, (b, h, t))
    args = [qkv, out, lse, t, h, 1 / sqrt(d)]
    _launch("attention_forward", args, (qkv, out), 3, t, b * h)
    return out, lse


def attention_backward(dout, qkv, out, lse):
    b, t, _, h, d = qkv.shape
    delta, dqkv, rows = empty_like(lse), empty_like(qkv), b * t * h
    args = [dout, out, delta, rows, t, h, d]
    grid = (ceil_div(rows, ROWS),)
    qkv.device.launch("attention_delta", grid, (8 * ROWS,), args, ROWS=ROWS)
    args = [dout, qkv, lse, delta, dqkv, t, h, 1 / sqrt(d)]
    for name in ("attention_backward_kv", "attention_backward_q"):
        _launch(name, args, (dout, qkv, dqkv), 4, t, b * h)
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
