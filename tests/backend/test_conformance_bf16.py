"""Products of bf16 matrices on tensor cores, on every device that this machine has."""

import ml_dtypes
import numpy as np
import pytest

from mlstack_lib import kernels, sim
from mlstack_lib.backend import ELSEWHERE
from mlstack_lib.devices import device

BF16 = ml_dtypes.bfloat16
DEVICES = [name for name in ("cuda-sim", "cuda") if device(name).missing() is None]
FORMS = ("matmul", "matmul_nt", "matmul_tn")
SIZES = ((8, 8, 8), (64, 72, 200), (72, 136, 16), (136, 64, 264))  # m, n, k
MANY_BLOCKS = (1032, 1040, 72)  # enough for the large tiles


@pytest.fixture(params=DEVICES)
def dev(request):
    """Each device that this machine has."""
    return device(request.param)


def operands(m, n, k, form, seed=0):
    """a and b as this form of the product stores them."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((k, m) if form == "matmul_tn" else (m, k)).astype(BF16)
    b = rng.standard_normal((n, k) if form == "matmul_nt" else (k, n)).astype(BF16)
    return a, b


def check(dev, form, m, n, k):
    a, b = operands(m, n, k, form)
    given = dev.upload(a), dev.upload(b)
    got = dev.download(ELSEWHERE[form](*given))
    x, y = a.astype(np.float64), b.astype(np.float64)
    x, y = x.T if form == "matmul_tn" else x, y.T if form == "matmul_nt" else y
    want = x @ y
    # half of the result's last bit; a sum of k numbers in f32 is off by at most k half ulps
    allowed = 2.0**-8 * np.abs(want) + (k + 1) * 2.0**-24 * (np.abs(x) @ np.abs(y))
    assert got.dtype == BF16
    assert (np.abs(got.astype(np.float64) - want) <= allowed).all()
    assert all(np.array_equal(dev.download(g), h) for g, h in zip(given, (a, b), strict=True))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_a_product_in_bf16_is_as_exact_as_its_result_can_be(dev, form, size):
    check(dev, form, *size)


def test_a_product_in_bf16_of_many_blocks(dev):
    with sim.config(check=False):
        check(dev, "matmul", *MANY_BLOCKS)


def test_every_kernel_in_bf16_is_launched_by_these_cases(dev, monkeypatch):
    launched, real = set(), dev.launch

    def note(name, *args, **kwargs):
        launched.add(name)
        real(name, *args, **kwargs)

    monkeypatch.setattr(dev, "launch", note)
    check(dev, "matmul", *SIZES[0])
    assert launched == {path.stem for path in kernels.PACKAGED.glob("*_bf16.cu")}


def test_a_gradient_goes_into_out(dev):
    a, b = (dev.upload(x) for x in operands(16, 8, 24, "matmul_tn"))
    out = dev.upload(np.full((16, 8), np.nan, BF16))
    assert ELSEWHERE["matmul_tn"](a, b, out) is out
    assert np.array_equal(dev.download(out), dev.download(ELSEWHERE["matmul_tn"](a, b)))
    with pytest.raises(NotImplementedError, match="bf16 products are not accumulated"):
        ELSEWHERE["matmul_tn"](a, b, out, accumulate=True)


def test_rows_that_are_no_multiple_of_16_bytes_are_refused(dev):
    a, b = (dev.upload(x) for x in operands(8, 12, 8, "matmul"))
    with pytest.raises(ValueError, match=r"need rows of a multiple of 8.*rows are \(8, 12, 12\)"):
        ELSEWHERE["matmul"](a, b)


def test_two_dtypes_are_refused(dev):
    a = dev.upload(np.zeros((8, 8), BF16))
    with pytest.raises(ValueError, match="a is bfloat16, b float32"):
        ELSEWHERE["matmul"](a, dev.upload(np.zeros((8, 8), np.float32)))
