"""Say whether two computations agree, with the tolerance in the open."""

import numpy as np


def agree(got, want, within: float) -> bool:
    """Whether each number of `got` is within `within` of that in `want`; False for NaN.

    Shapes must be equal. Unlike np.allclose it adds no share of the number itself. What to allow:
    1e-12 for f64 numbers of about 1 that are summed in another order (each rounding is 1e-16);
    1e-8 where one side is a measured slope (central differences are right to about 1e-10, chapter
    02); 1e-5 for f32 (1e-7 a rounding), 1e-4 for losses after tens of training steps in f32.
    """
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return got.shape == want.shape and bool((np.abs(got - want) <= within).all())
