"""Modules: parameters with names, and the layers that a Transformer is made of."""

from collections.abc import Iterator

import numpy as np

from . import ops
from .autograd import Tensor
from .errors import BadInput
from .tensor import tensor


class Module:
    """Something with parameters: Tensors that require a gradient, Modules and lists of Modules.

    A parameter's name is the path of attributes that leads to it: `h.0.ln_1.weight`.
    """

    training = True

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, *args, **kwargs):
        """What the module computes; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The modules directly inside, by name; those in a list by `name.index`."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def modules(self) -> Iterator["Module"]:
        """This module and all inside it."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Every parameter with its name, in the order of definition; a shared one once."""
        seen = set()
        for name, parameter in self._all_parameters(prefix):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _all_parameters(self, prefix):
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and value.requires_grad:
                yield prefix + name, value
        for name, child in self.children():
            yield from child._all_parameters(f"{prefix}{name}.")

    def parameters(self) -> list[Tensor]:
        """Every parameter."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> "Module":
        """Switch dropout on (or off), here and in all modules inside."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Switch dropout off."""
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """A copy of every parameter on the host, by name."""
        return {name: np.array(p.numpy()) for name, p in self.named_parameters()}

    def load_state_dict(self, values: dict[str, np.ndarray]) -> None:
        """Overwrite every parameter. Raises BadInput, before anything is written, unless names and
        shapes are the module's own."""
        own = dict(self.named_parameters())
        for name in [*own, *values]:
            if name not in values or name not in own:
                where = "missing from the values" if name in own else "not a parameter here"
                raise BadInput(f"load_state_dict: {name} is {where}")
            if own[name].shape != tuple(values[name].shape):
                got, want = tuple(values[name].shape), own[name].shape
                raise BadInput(f"load_state_dict: {name} is {got}, this model has {want}")
        for name, parameter in own.items():
            parameter.device.write(parameter.data, np.asarray(values[name], parameter.dtype))


def parameter(values: np.ndarray, device: str = "cpu") -> Tensor:
    """A Tensor that is trained."""
    return tensor(values, device=device, requires_grad=True)


class Linear(Module):
    """activation(x @ weight.T + bias): x (..., inputs) -> (..., outputs).

    weight (outputs, inputs) is drawn from a normal distribution of deviation `std`, 1 /
    sqrt(inputs) if not given; bias (outputs,) starts at 0. activation: None or "gelu".
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        activation: str | None = None,
        std: float | None = None,
        device: str = "cpu",
    ):
        std = inputs**-0.5 if std is None else std
        self.weight = parameter(_normal(rng, (outputs, inputs), std), device)
        self.bias = parameter(np.zeros(outputs, np.float32), device) if bias else None
        self.activation = activation

    def forward(self, x):
        """x (..., inputs) -> (..., outputs)."""
        return ops.linear(x, self.weight, self.bias, self.activation)


class Embedding(Module):
    """A row of weight (rows, channels) for each whole number; normal of deviation `std`."""

    def __init__(
        self,
        rows: int,
        channels: int,
        *,
        rng: np.random.Generator,
        std: float = 0.02,
        device: str = "cpu",
    ):
        self.weight = parameter(_normal(rng, (rows, channels), std), device)

    def forward(self, idx):
        """idx (...) -> (..., channels)."""
        return ops.embedding(idx, self.weight)


class LayerNorm(Module):
    """Rows of mean 0 and deviation 1, times weight, plus bias: (..., channels).

    With `delta`, that is added to x first, and the sum is returned too.
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, device: str = "cpu"):
        self.weight = parameter(np.ones(channels, np.float32), device)
        self.bias = parameter(np.zeros(channels, np.float32), device)
        self.eps = eps

    def forward(self, x, delta=None):
        """y; or x + delta and its y."""
        if delta is None:
            return ops.layernorm(x, self.weight, self.bias, self.eps)
        return ops.residual_layernorm(x, delta, self.weight, self.bias, self.eps)


class Dropout(Module):
    """Sets a share `rate` of the elements to 0 while training; each `layer` has its own bits."""

    def __init__(self, rate: float, *, seed: int = 0, layer: int = 0):
        self.rate, self.seed, self.layer = rate, seed, layer

    def forward(self, x):
        """x, some of it set to 0."""
        if not self.training or self.rate == 0:
            return x
        return ops.dropout(x, self.rate, self.seed, self.layer)


class Attention(Module):
    """Causal self-attention of several heads: x (B, T, C) -> (B, T, C).

    std is the deviation of the weights that read, out_std that of the projection back.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        rng: np.random.Generator,
        std: float = 0.02,
        out_std: float = 0.02,
        device: str = "cpu",
    ):
        if channels % heads:
            raise BadInput(f"attention: {channels} channels do not divide into {heads} heads")
        self.heads = heads
        self.c_attn = Linear(channels, 3 * channels, rng=rng, std=std, device=device)
        self.c_proj = Linear(channels, channels, rng=rng, std=out_std, device=device)

    def forward(self, x, cache=None):
        """x (B, T, C); with a cache, x are the tokens that follow those in it."""
        b, t, c = x.shape
        qkv = ops.reshape(self.c_attn(x), b, t, 3, self.heads, c // self.heads)
        out = ops.attention(qkv) if cache is None else ops.attention_cached(qkv, cache)
        return self.c_proj(ops.reshape(out, b, t, c))


class MLP(Module):
    """Four times as wide, gelu, and back: x (..., C) -> (..., C)."""

    def __init__(
        self,
        channels: int,
        *,
        rng: np.random.Generator,
        std: float = 0.02,
        out_std: float = 0.02,
        device: str = "cpu",
    ):
        self.c_fc = Linear(
            channels, 4 * channels, rng=rng, std=std, activation="gelu", device=device
        )
        self.c_proj = Linear(4 * channels, channels, rng=rng, std=out_std, device=device)

    def forward(self, x):
        """x (..., C)."""
        return self.c_proj(self.c_fc(x))


class Block(Module):
    """One layer of the Transformer, before the sum: x and what is to be added to it, twice.

    The residual sums are taken together with the LayerNorm that follows each, which saves a pass
    over memory; so a block leaves its last sum to the LayerNorm of the next one. Pre-normalisation:
    Xiong and others 2020, arXiv:2002.04745.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        rng: np.random.Generator,
        out_std: float = 0.02,
        dropout: float = 0.0,
        seed: int = 0,
        layer: int = 0,
        device: str = "cpu",
    ):
        self.ln_1 = LayerNorm(channels, device=device)
        self.attn = Attention(channels, heads, rng=rng, out_std=out_std, device=device)
        self.ln_2 = LayerNorm(channels, device=device)
        self.mlp = MLP(channels, rng=rng, out_std=out_std, device=device)
        self.attn_dropout = Dropout(dropout, seed=seed, layer=2 * layer + 1)
        self.mlp_dropout = Dropout(dropout, seed=seed, layer=2 * layer + 2)

    def forward(self, x, delta=None, cache=None):
        """x, delta (B, T, C) of the block before (delta None for the first) -> x, delta."""
        x, y = (x, self.ln_1(x)) if delta is None else self.ln_1(x, delta)
        x, y = self.ln_2(x, self.attn_dropout(self.attn(y, cache)))
        return x, self.mlp_dropout(self.mlp(y))


def _normal(rng, shape, std):
    return (std * rng.standard_normal(shape)).astype(np.float32)
