"""Reverse-mode differentiation: a Tensor, what made it, and `backward`.

An op is a function of arrays that returns its value and its vjp (vector-Jacobian product), the
function that turns the gradient of the value into the gradients of the arguments. `op` lets such a
function take Tensors and remember the vjp. `backward` calls the vjps, newest first: an op is always
made after its arguments, so the order of creation is an order in which every gradient is complete
before it is passed on. Nothing here recurses, so a graph may be as deep as memory allows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from itertools import count

import numpy as np

from . import anomaly
from .backend import backend, constant, device_of
from .devices import device

_order = count()
_recording = [True]


class Tensor:
    """An array, and if it takes part in differentiation, its gradient or what made it.

    `data` is a NumPy array or a device's Array. A leaf (`node` is None) that requires a gradient
    finds it in `grad` after `backward`; an optimizer gives it `grad_view`, the place in the flat
    gradient buffer where backward then writes.
    """

    __slots__ = ("data", "requires_grad", "node", "index", "grad_view", "_grad")

    def __init__(self, data, requires_grad: bool = False):
        if requires_grad and np.dtype(data.dtype).kind not in "fV":
            raise TypeError(f"tensor: a gradient needs floating numbers, these are {data.dtype}")
        self.data, self.requires_grad = data, requires_grad
        self.node, self.index = None, 0
        self.grad_view = self._grad = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def device(self):
        """The device that holds the data."""
        return device_of(self.data)

    @property
    def grad(self) -> "Tensor | None":
        """The gradient of what `backward` was called on, or None."""
        return None if self._grad is None else Tensor(self._grad)

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        self._grad = None
        if value is not None:
            _add_to_leaf(self, value.data)

    def numpy(self) -> np.ndarray:
        """The elements as a NumPy array; on `cpu` the very array, elsewhere a copy."""
        return self.data if isinstance(self.data, np.ndarray) else self.device.download(self.data)

    def item(self) -> float:
        """The only element, as a Python number."""
        return self.numpy().item()

    def detach(self) -> "Tensor":
        """The same data without its history."""
        return Tensor(self.data)

    def to(self, name: str) -> "Tensor":
        """A copy on another device, without history; this very tensor if it is there already."""
        if self.device is device(name):
            return self
        return Tensor(device(name).upload(self.numpy()), self.requires_grad)

    def backward(self, grad=None) -> None:
        """Add the gradient of this tensor to `grad` of every leaf it was made from.

        `grad`, an array or Tensor of this shape, is the gradient of the final result for this
        tensor; it may be left out for a single number. The graph is freed: a second call raises
        RuntimeError.
        """
        backward(self, grad)

    def __repr__(self) -> str:
        made = f", from {self.node.name}" if self.node else ", requires_grad" * self.requires_grad
        values = f"{self.data}, " if isinstance(self.data, np.ndarray) else ""
        return f"Tensor({values}{self.shape} {self.dtype} on {self.device.name}{made})"


@dataclass(eq=False, slots=True)
class Node:
    """One call of an op: where its gradients go, and how to get them."""

    name: str
    parents: list[Tensor | None]
    vjp: Callable | None
    outputs: int
    writes_leaves: bool
    where: str
    order: int = field(default_factory=lambda: next(_order))


def is_recording() -> bool:
    """False inside `no_grad`."""
    return _recording[-1]


@contextmanager
def no_grad() -> Iterator[None]:
    """Within the block, ops remember nothing: less memory, no gradients."""
    _recording.append(False)
    try:
        yield
    finally:
        _recording.pop()


def op(forward: Callable | None = None, *, writes_leaves: bool = False) -> Callable:
    """Make a differentiable op of `forward(*arrays, ...) -> (value, vjp)`.

    value: an array, or a tuple of arrays. vjp(dvalue, ...) -> one gradient for each positional
    argument, None where there is none; for a single argument the gradient itself. A gradient that
    comes in as None is zero; no vjp may write into one, since others may hold it.

    `writes_leaves`: vjp also takes `out` (for each argument the place in the flat gradient buffer,
    or None) and `accumulate`, and may return what it has written there.
    """
    if forward is None:
        return lambda function: op(function, writes_leaves=writes_leaves)
    parameters = signature(forward)

    @wraps(forward)
    def wrapped(*args, **kwargs):
        if kwargs:
            bound = parameters.bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        arrays = [a.data if isinstance(a, Tensor) else a for a in args]
        value, vjp = forward(*arrays, **kwargs)
        anomaly.check_forward(forward.__name__, arrays, value)
        values = value if isinstance(value, tuple) else (value,)
        results = tuple(Tensor(v) for v in values)
        parents = [a if isinstance(a, Tensor) and a.requires_grad else None for a in args]
        if is_recording() and any(parent is not None for parent in parents):
            where = anomaly.creation_line()
            node = Node(forward.__name__, parents, vjp, len(values), writes_leaves, where)
            for i, result in enumerate(results):
                result.requires_grad, result.node, result.index = True, node, i
        return results if isinstance(value, tuple) else results[0]

    wrapped.is_op = True
    return wrapped


# ---- backward ----


def backward(root: Tensor, grad=None) -> None:
    """See Tensor.backward."""
    seed = _seed(root, grad)
    if root.node is None:
        _add_to_leaf(root, seed)
        return
    nodes = _reachable(root.node)
    pending = {id(root.node): [None] * root.node.outputs}
    pending[id(root.node)][root.index] = seed
    for node in sorted(nodes, key=lambda node: -node.order):
        gradients = _call_vjp(node, pending.pop(id(node)))
        for parent, gradient in zip(node.parents, gradients, strict=False):
            if parent is None or gradient is None:
                continue
            if parent.node is None:
                _add_to_leaf(parent, gradient)
            else:
                slots = pending.setdefault(id(parent.node), [None] * parent.node.outputs)
                slots[parent.index] = _sum(slots[parent.index], gradient)
        node.parents, node.vjp = [], None


def _seed(root: Tensor, grad):
    if not root.requires_grad:
        raise RuntimeError("backward: this tensor depends on none that requires a gradient")
    if grad is None:
        if root.shape not in ((), (1,)):
            raise ValueError(
                f"backward: {root.shape} is not a single number; pass grad of its shape"
            )
        return constant(root.data, 1)
    grad = grad.data if isinstance(grad, Tensor) else grad
    if not hasattr(grad, "dtype") or isinstance(grad, np.ndarray):
        grad = np.asarray(grad, root.dtype)
    if tuple(grad.shape) != root.shape:
        raise ValueError(f"backward: grad is {tuple(grad.shape)}, the tensor is {root.shape}")
    return grad


def _reachable(start: Node) -> list[Node]:
    """All nodes that `start` depends on, itself included. RuntimeError if one was used up."""
    found, stack = {id(start): start}, [start]
    while stack:
        node = stack.pop()
        if node.vjp is None:
            raise RuntimeError(
                f"backward: the graph through {node.name} was freed by an earlier backward; "
                "run the forward pass again"
            )
        for parent in node.parents:
            if parent is not None and parent.node is not None and id(parent.node) not in found:
                found[id(parent.node)] = parent.node
                stack.append(parent.node)
    return list(found.values())


def _call_vjp(node: Node, gradients: list) -> tuple:
    if node.writes_leaves:
        leaves = [leaf if node.parents.count(leaf) == 1 else None for leaf in _leaves(node)]
        out = tuple(None if leaf is None else leaf.grad_view for leaf in leaves)
        written = [leaf for leaf in leaves if leaf is not None and leaf._grad is not None]
        if written:  # then the others of this op must hold zeros to be added to
            for leaf in leaves:
                if leaf is not None and leaf.grad_view is not None and leaf._grad is None:
                    backend(leaf.grad_view).fill(leaf.grad_view, 0)
        result = node.vjp(*gradients, out=out, accumulate=bool(written))
    else:
        result = node.vjp(*gradients)
    result = result if isinstance(result, tuple) else (result,)
    anomaly.check_backward(node, gradients, result)
    return result


def _leaves(node: Node) -> list[Tensor | None]:
    return [p if p is not None and p.node is None else None for p in node.parents]


def _add_to_leaf(leaf: Tensor, gradient) -> None:
    if gradient is not leaf.grad_view or gradient is None:
        k = backend(gradient)
        total = gradient if leaf._grad is None else k.add(leaf._grad, gradient)
        gradient = k.copy(total, leaf.grad_view)  # never an array that another tensor holds too
    leaf._grad = gradient


def _sum(a, b):
    return b if a is None else backend(a).add(a, b)
