"""What PyTorch computes: every op of op_cases.py, and the losses of a small GPT in training.

Run `python tests/unit/recorded/make_torch.py` to write torch.json beside this file: the tests
compare with it where PyTorch is not installed, and check that it is current where it is. Inputs and
first weights are not stored but drawn again from their seeds; `checksum` tells whether they are the
same.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

sys.path.append(str(Path(__file__).parents[1]))

from op_cases import AT, CASES, IDX, TARGETS, op_of, tensors  # noqa: E402
from torch_run import CONFIG, OPTIMIZER, batches, checksum, first_model  # noqa: E402

from mlstack_lib import torch_referee  # noqa: E402

MASK = torch.tensor([[True, False], [False, True]])
TARGET = torch.from_numpy(TARGETS)


def layernorm(x, weight, bias, eps=1e-5):
    """LayerNorm over the last axis."""
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def linear_gelu(x, weight, bias=None):
    """A linear layer and the gelu of it, by the tanh formula."""
    return F.gelu(F.linear(x, weight, bias), approximate="tanh")


def attention(qkv):
    """Causal attention of (B, T, 3, H, D)."""
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)


# By label of op_cases.CASES, or by op for all its cases. PyTorch's dropout has other bits.
TWINS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "neg": torch.neg,
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "tanh": torch.tanh,
    "relu": torch.relu, "matmul": torch.matmul, "layernorm": layernorm, "attention": attention,
    "power: 3": lambda x: x**3, "power: 2.5": lambda x: x**2.5, "power: -1": lambda x: x**-1,
    "power: 0": lambda x: x**0, "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "sum": torch.sum, "sum: last axis": lambda x: x.sum(-1),
    "sum: two axes": lambda x: x.sum((0, 2)),
    "sum: two axes kept": lambda x: x.sum((0, 2), keepdim=True),
    "mean": torch.mean, "mean: axis": lambda x: x.mean(1),
    "mean: two axes kept": lambda x: x.mean((0, 1), keepdim=True),
    "max": torch.max, "max: axis": lambda x: x.amax(1),
    "max: axis kept": lambda x: x.amax(2, keepdim=True),
    "reshape": lambda x: x.reshape(4, 6), "reshape: tuple": lambda x: x.reshape(24),
    "transpose": lambda x: x.permute(2, 1, 0), "transpose: axes": lambda x: x.permute(1, 2, 0),
    "transpose: from the end": lambda x: x.permute(2, 0, 1),
    "getitem": lambda x: x[1], "getitem: slices": lambda x: x[:, 1:, ::2],
    "getitem: one twice": lambda x: x[torch.from_numpy(AT)], "getitem: mask": lambda x: x[MASK],
    "getitem: new axis": lambda x: x[None, ..., 0],
    "concatenate": lambda *x: torch.cat(x), "concatenate: axis": lambda *x: torch.cat(x, -1),
    "linear": F.linear, "linear: gelu": linear_gelu, "linear: gelu, no bias": linear_gelu,
    "softmax": lambda x: x.softmax(-1),
    "embedding": lambda w: F.embedding(torch.from_numpy(IDX), w),
    "embedding: positions": lambda w, p: F.embedding(torch.from_numpy(IDX), w) + p,
    "layernorm: eps": lambda *x: layernorm(*x, eps=0.1),
    "residual_layernorm": lambda x, delta, w, b: (x + delta, layernorm(x + delta, w, b)),
    "cross_entropy": lambda z: F.cross_entropy(z, TARGET, ignore_index=-1),
    "cross_entropy: three axes": lambda z: F.cross_entropy(
        z.flatten(0, 1), TARGET.abs(), ignore_index=2
    ),
}  # fmt: skip
LABELS = [label for label in CASES if op_of(label) != "dropout"]


def value_and_gradients(label: str) -> list[np.ndarray]:
    """What `op_cases.value_and_gradients` gives, by PyTorch."""
    case = CASES[label]
    inputs = [torch.from_numpy(x).requires_grad_() for x in case.arguments(label)]
    results = tensors(TWINS.get(label, TWINS.get(op_of(label)))(*inputs))
    cotangents = case.cotangents(label, results)
    torch.autograd.backward(results, [torch.from_numpy(c) for c in cotangents])
    return [x.detach().numpy() for x in results] + [x.grad.numpy() for x in inputs]


def losses() -> list[float]:
    """The loss of every step of training TorchGPT on `batches()`, in f32."""
    twin = torch_referee.twin_of(first_model())
    options = {key: value for key, value in OPTIMIZER.items() if key != "max_norm"}
    optimizer = torch_referee.adamw_like(twin, **options)
    return [
        torch_referee.step(twin, optimizer, idx, targets, OPTIMIZER["max_norm"])
        for idx, targets in batches()
    ]


def make() -> dict:
    """Everything that is recorded."""
    made = {label: value_and_gradients(label) for label in LABELS}
    return {
        "made_by": f"torch {torch.__version__}",
        "model": vars(CONFIG),
        "checksum": checksum(LABELS),
        "ops": {k: [[float(f"{v:.13g}") for v in x.flat] for x in xs] for k, xs in made.items()},
        "losses": [round(loss, 7) for loss in losses()],
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("torch.json")
    path.write_text(json.dumps(make()) + "\n", encoding="utf-8", newline="\n")
