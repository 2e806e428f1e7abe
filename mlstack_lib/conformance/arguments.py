"""Random arguments for the functions of the reference, the same for all devices."""

import numpy as np

from .. import reference
from ..array import STATE_SIZE, Slot


class Random:
    """Random numbers of a seed, f64: random(*shape) is normally distributed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.standard_normal(shape))

    def whole(self, high: int, *shape: int) -> np.ndarray:
        """Whole numbers below `high`, i32."""
        return self.rng.integers(high, size=shape, dtype=np.int32)

    def words(self, *shape: int) -> np.ndarray:
        """Any bits, u32."""
        return self.rng.integers(2**32, size=shape, dtype=np.uint32)

    def state(self, **slots: float) -> np.ndarray:
        """A step state (16,), random but for `slots`."""
        state = self(STATE_SIZE)
        for name, value in slots.items():
            state[Slot[name]] = value
        return state


# ---- arguments that depend on each other ----


def linear(r, n, k, m, bias=True, activation=None):
    bias = r(m) if bias else None
    return {"x": r(n, k), "weight": r(m, k), "bias": bias, "activation": activation}


def embedding(r, b, t, v, c, positions=True):
    rows = r(t, c) if positions else None
    return {"idx": r.whole(v, b, t), "weight": r(v, c), "positions": rows}


def embedding_gradient(r, b, t, v, c):
    idx = r.whole(v, b * t)
    order = np.argsort(idx, kind="stable").astype(np.int32)
    return {"dy": r(b * t, c), "idx": idx, "order": order, "rows": v}


def norm(r, n, c):
    x = r(n, c) * 3 + 2
    _, mean, rstd = reference.layernorm_forward(x, np.ones(c), np.zeros(c), 1e-5)
    return {"dy": r(n, c), "x": x, "weight": r(c), "mean": mean, "rstd": rstd}


def residual_norm(r, n, c, dresidual=True):
    args = norm(r, n, c)
    args["residual"] = args.pop("x")
    return {"dresidual": r(n, c) if dresidual else None, **args}


def cross_entropy(r, n, v, ignored=slice(1, None, 3), factor=4):
    targets = r.whole(v, n)
    targets[ignored] = -1
    return {"logits": r(n, v) * factor, "targets": targets, "ignore_index": -1}


def attention_gradient(r, b, t, h, d, apart=0):
    """apart: queries are moved by it and keys by minus that, so that all scores are far below 0."""
    qkv = r(b, t, 3, h, d)
    qkv[:, :, 0] += apart
    qkv[:, :, 1] -= apart
    out, lse = reference.attention_forward(qkv)
    return {"dout": r(b, t, h, d), "qkv": qkv, "out": out, "lse": lse}


def attention_token_by_token(dout, qkv, out, lse):
    """reference.attention_backward, every sum taken one term after the other."""

    def dot(a, b):
        return np.cumsum(a * b, axis=-1)[..., -1]

    q, k, v = np.moveaxis(qkv, (2, 3), (0, 2))  # each (B, H, T, D)
    do, dqkv, scale = dout.swapaxes(1, 2), np.zeros_like(qkv), qkv.dtype.type(q.shape[-1] ** -0.5)
    dq, dk, dv = np.moveaxis(dqkv, (2, 3), (0, 2))  # views
    delta = dot(dout, out).swapaxes(1, 2)
    for i in range(q.shape[2]):  # one query after the other, and all the keys that it sees
        seen = np.s_[:, :, : i + 1]
        p = np.exp(dot(q[:, :, i, None], k[seen]) * scale - lse[:, :, i, None])[..., None]
        ds = p * (dot(do[:, :, i, None], v[seen]) - delta[:, :, i, None])[..., None] * scale
        dq[:, :, i] = np.cumsum(ds * k[seen], axis=2)[:, :, -1]
        dk[seen] += ds * q[:, :, i, None]
        dv[seen] += p * do[:, :, i, None]
    return dqkv


def attention_cached(r, b, t, h, d):
    cache, state = r(2, b, h, t + 5, d), r.state(POSITION=2)
    return {"qkv": r(b, t, 3, h, d), "cache": cache, "state": state}


def update(r, n, decay, halted=0):
    now = {"LEARNING_RATE": 0.01, "CLIP": 0.7, "HALTED": halted}
    state = r.state(**now, BIAS_CORRECTION1=0.271, BIAS_CORRECTION2=0.0975)
    return {"params": r(n), "grads": r(n), "m": r(n), "state": state, "n_decay": round(n * decay)}


def adamw(r, n, decay=0.3, halted=0):
    constants = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}
    return update(r, n, decay, halted) | {"v": r(n) ** 2} | constants


def adamw_small_gradients(r, n):
    """Gradients of the size of eps: it matters what eps is added to."""
    arguments = adamw(r, n)
    small = {name: arguments[name] * 1e-8 for name in ("grads", "m")}
    return arguments | small | {"v": arguments["v"] * 1e-16}


def sgd(r, n, halted=0):
    return update(r, n, 0.3, halted) | {"momentum": 0.9, "weight_decay": 0.1}


def product_term_by_term(a, b):
    """reference.matmul_tn, every sum taken one term after the other."""
    return np.cumsum(a[:, :, None] * b[:, None, :], axis=0, dtype=a.dtype)[-1]


def sum_term_by_term(x):
    """The sum of x, one term after the other."""
    return np.cumsum(x)[-1] if x.size else x.sum()


def some_not_finite(r, *shape):
    x = r(*shape)
    for start, value in enumerate((np.nan, np.inf, -np.inf)):
        x.reshape(-1)[start :: 5 + start] = value
    return x
