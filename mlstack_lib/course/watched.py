"""Arrays that note what is multiplied, for checks that ask how a product was computed."""

from collections.abc import Callable

import numpy as np

from .cases import Case


class Watched(np.ndarray):
    """An array that notes the shapes of what is multiplied with @, or by a function of NumPy."""

    products: list = []

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if ufunc is np.matmul:
            self.products.append(tuple(np.shape(value) for value in inputs))
        if out is not None:
            kwargs["out"] = tuple(_plain(value) for value in out)
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        if function in (np.dot, np.einsum, np.inner, np.tensordot):
            self.products.append(tuple(array.shape for array in arrays))
        return super().__array_function__(function, types, args, kwargs)

    def dot(self, other, out=None):
        return self @ other


def _plain(value):
    return value.view(np.ndarray) if isinstance(value, Watched) else value


def only_blocks(case: Case, mine: Callable, a: np.ndarray, b: np.ndarray, size: int) -> None:
    """Wrong unless all that `mine` multiplies are blocks of at most size by size."""
    Watched.products.clear()
    mine(a.view(Watched), b.view(Watched), size)
    what = "no blocks were multiplied: take slices of a and b as they come, and use @"
    case.require(bool(Watched.products), what)
    for shapes in Watched.products:
        case.require(
            all(n <= size for shape in shapes for n in shape),
            f"arrays of shapes {' and '.join(map(str, shapes))} were multiplied, not blocks",
        )
