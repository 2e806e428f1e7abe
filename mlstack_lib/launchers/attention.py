"""Launchers of attention. Signatures and meaning: the reference."""

from math import sqrt

from .elementwise import BLOCK, ceil_div, each, empty_like

WARPS = 8
QUERIES, KEYS = 64, 64  # of a block's tile
LARGEST_HEAD = 128


def _tiles(qkv):
    d = qkv.shape[-1]
    if d > LARGEST_HEAD:
        raise NotImplementedError(f"attention: heads of {d} numbers; at most {LARGEST_HEAD}")
    return {"D": d, "BQ": QUERIES, "BK": KEYS}


def _shared(d: int, tiles: int, squares: int) -> int:
    """Bytes of shared memory: tiles of rows, and squares of scores."""
    return 4 * (tiles * QUERIES * (d + 1) + squares * QUERIES * (KEYS + 1))


def attention_forward(qkv):
    b, t, _, h, d = qkv.shape
    out, lse = empty_like(qkv, (b, t, h, d)), empty_like(qkv, (b, h, t))
    args = [qkv, out, lse, t, h, 1 / sqrt(d)]
    grid, shared = (ceil_div(t, QUERIES), b * h), _shared(d, 2, 1)
    qkv.device.launch("attention_forward", grid, (256,), args, shared=shared, **_tiles(qkv))
    return out, lse


def attention_backward(dout, qkv, out, lse):
    b, t, _, h, d = qkv.shape
    delta, dqkv, rows = empty_like(lse), empty_like(qkv), b * t * h
    args = [dout, out, delta, rows, t, h, d]
    grid = (ceil_div(rows, WARPS),)
    qkv.device.launch("attention_delta", grid, (32 * WARPS,), args, WARPS=WARPS)
    args, tiles = [dout, qkv, lse, delta, dqkv, t, h, 1 / sqrt(d)], _tiles(qkv)
    for name, grid, squares in (
        ("attention_backward_kv", (ceil_div(t, KEYS), b * h), 2),
        ("attention_backward_q", (ceil_div(t, QUERIES), b * h), 1),
    ):
        qkv.device.launch(name, grid, (256,), args, shared=_shared(d, 4, squares), **tiles)
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
