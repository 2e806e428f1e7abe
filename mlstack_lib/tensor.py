"""Make tensors, and write their operators and views as ops."""

import numpy as np

from . import ops
from .autograd import Tensor
from .devices import device as find_device


def tensor(array, device: str = "cpu", requires_grad: bool = False) -> Tensor:
    """A Tensor of the values of `array` (anything NumPy takes) on `device`; keeps the dtype.

    Python numbers become f32 or i32. Raises TypeError unless they are numbers, and for a dtype
    that takes no gradient.
    """
    plain = not hasattr(array, "dtype")
    array = np.asarray(array)
    if plain and array.dtype.kind in "fi":
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
    if array.dtype.kind not in "fiubV":
        raise TypeError(f"tensor: expected numbers, got {array.dtype}; of a Tensor take .numpy()")
    where = find_device(device)
    return Tensor(array if where.name == "cpu" else where.upload(array), requires_grad)


def _reversed(function):
    return lambda self, other: function(other, self)


Tensor.__add__, Tensor.__radd__ = ops.add, _reversed(ops.add)
Tensor.__sub__, Tensor.__rsub__ = ops.sub, _reversed(ops.sub)
Tensor.__mul__, Tensor.__rmul__ = ops.mul, _reversed(ops.mul)
Tensor.__truediv__, Tensor.__rtruediv__ = ops.div, _reversed(ops.div)
Tensor.__matmul__, Tensor.__rmatmul__ = ops.matmul, _reversed(ops.matmul)
Tensor.__neg__ = ops.neg
Tensor.__pow__ = ops.power
Tensor.__getitem__ = ops.getitem
Tensor.__array_ufunc__ = None  # so that NumPy leaves array + Tensor to Tensor.__radd__
Tensor.exp, Tensor.log, Tensor.sqrt, Tensor.tanh, Tensor.relu = (
    ops.exp,
    ops.log,
    ops.sqrt,
    ops.tanh,
    ops.relu,
)
Tensor.sum, Tensor.mean, Tensor.max = ops.sum, ops.mean, ops.max
Tensor.reshape, Tensor.transpose = ops.reshape, ops.transpose
Tensor.T = property(ops.transpose)
