"""Bad input: one message each that says what to do, and the process lives on."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from mlstack_lib import cuda, sim
from mlstack_lib.errors import BadInput
from mlstack_lib.sim import compilers

SAXPY = (
    'extern "C" __global__ void saxpy(float a, const float* x, float* y, int n) {\n'
    "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n  if (i < n) y[i] += a * x[i];\n}\n"
)
f32, i32 = np.float32, np.int32


@pytest.fixture
def arrays():
    return sim.asarray(np.ones(64, f32)), sim.zeros(64, f32)


TWO, SIZE = f32(2), i32(64)


def launch(*, a=TWO, x=None, y=None, n=SIZE, grid=(1,), block=(64,), **options):
    """A launch of saxpy, with one thing wrong perhaps."""
    x = sim.asarray(np.ones(64, f32)) if x is None else x
    y = sim.zeros(64, f32) if y is None else y
    sim.RawKernel(SAXPY, "saxpy")(grid, block, (a, x, y, n), **options)
    return y


WRONG = [
    ({"a": 2.0}, r"argument 1 \(a\): a Python float is passed as 8 bytes.*`float`, 4 bytes.*np.float32\(2.0\)"),
    ({"n": 64}, r"argument 4 \(n\): a Python int is passed as 8 bytes.*write `np.int32\(64\)`"),
    ({"n": f32(64)}, r"argument 4 \(n\): float32 64.0, but the parameter is `int`.*np.int32"),
    ({"a": i32(2)}, r"argument 1 \(a\): int32 2, but the parameter is `float`"),
    ({"a": np.float64(2)}, r"argument 1 \(a\): float64 2.0 is 8 bytes.*np.float32"),
    ({"x": np.ones(64, f32)}, r"argument 2 \(x\): a NumPy array lies in the processor's memory.*cuda.asarray"),
    ({"x": f32(1)}, r"argument 2 \(x\): the parameter is a pointer, the argument float32 1.0"),
    ({"x": "text"}, r"argument 2 \(x\): the parameter is a pointer, the argument str"),
    ({"a": "text"}, r"argument 1 \(a\): str 'text' cannot be passed"),
    ({"grid": (0,)}, r"grid.x is 0; nothing would run"),
    ({"grid": (1, 70000)}, r"grid.y is 70,000; allowed are 1 to 65,535"),
    ({"grid": (1, 1, 1, 1)}, r"grid is \(1, 1, 1, 1\), must be 1 to 3 whole numbers"),
    ({"grid": (1.5,)}, r"grid is \(1.5,\), must be 1 to 3 whole numbers; to divide and round up"),
    ({"grid": 8}, r"grid is 8, must be a tuple: `\(8,\)`, with the comma"),
    ({"block": (128)}, r"block is 128, must be a tuple: `\(128,\)`"),
    ({"n": None}, r"argument 4 \(n\): None cannot be passed to a kernel; pass `np.int32"),
    ({"n": 64.0}, r"argument 4 \(n\): a Python float.*write `np.int32\(64\)`"),
    ({"block": (2048,)}, r"block.x is 2,048; allowed are 1 to 1,024"),
    ({"block": (32, 64)}, r"a block of 2,048 threads; a GPU takes at most 1,024"),
    ({"block": (1, 1, 128)}, r"block.z is 128; allowed are 1 to 64"),
    ({"shared_mem": 60000}, r"60,000 bytes, but 49,152 are allowed; set `kernel.max_dynamic"),
    ({"shared_mem": 60000}, r"size_bytes = 60000` first$"),
    ({"shared_mem": -1}, r"shared_mem=-1; an H100 gives a block 0 to 232,448 bytes$"),
    ({"shared_mem": 300000}, r"shared_mem=300,000; an H100 gives a block 0 to 232,448 bytes$"),
    ({"grid": (1024, 1025)}, r"1,049,600 blocks; races .* at most 1,048,576: .*check=False"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=lambda value: str(value)[:50])
def test_a_wrong_launch_is_refused(wrong, message):
    with pytest.raises(sim.LaunchError, match=message):
        launch(**wrong)
    assert launch().tolist() == [2.0] * 64


@pytest.mark.parametrize("size", [-1, 232449])
def test_an_allowance_of_shared_memory_that_no_gpu_has_is_refused(size, arrays):
    kernel = sim.RawKernel(SAXPY, "saxpy")
    kernel.max_dynamic_shared_size_bytes = size
    with pytest.raises(sim.LaunchError, match=f"max_dynamic_shared_size_bytes={size:,}; an H100"):
        kernel((1,), (64,), (TWO, *arrays, SIZE))


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), "10"])
def test_a_time_limit_that_is_none_is_refused(timeout):
    with (
        sim.config(timeout=timeout),
        pytest.raises(BadInput, match=f"timeout is {timeout!r}, must be more than 0 seconds"),
    ):
        launch()


def test_a_large_grid_runs_without_checks():
    with sim.config(check=False):
        assert launch(grid=(1024, 1025), block=(1,), n=i32(1)).tolist()[1:] == [0.0] * 63


def test_arrays_that_do_not_fit_are_refused(arrays):
    x, y = arrays
    with pytest.raises(
        sim.LaunchError, match=r"array of float64, 8 bytes an element.*astype\(np.float32\)`, or"
    ):
        launch(x=sim.zeros(64))
    with pytest.raises(
        sim.LaunchError, match=r"array of int32, 4 bytes .* for `float`, 4 .*x.view\(np.float32\)"
    ):
        launch(x=sim.zeros(64, i32))
    with pytest.raises(sim.LaunchError, match="strides"):
        launch(x=sim.zeros((64, 2), f32)[:, 0])
    with pytest.raises(sim.LaunchError, match="single float, the argument an array"):
        launch(a=x)
    with pytest.raises(sim.LaunchError, match=r"takes 4 arguments \(a, x, y, n\), got 3"):
        sim.RawKernel(SAXPY, "saxpy")((1,), (64,), (f32(2), x, y))
    with pytest.raises(sim.LaunchError, match=r"arguments must be a tuple, `\(a, x, y, n\)`"):
        sim.RawKernel(SAXPY, "saxpy")((1,), (64,), x)


@pytest.mark.parametrize(("kind", "count"), [("unsigned char", 8), ("unsigned", 2)])
def test_floats_can_be_passed_as_the_bytes_and_words_they_are(kind, count):
    code = f'extern "C" __global__ void k({kind}* y) {{ y[threadIdx.x] = 0; }}'
    y = sim.asarray(np.ones(2, f32))
    sim.RawKernel(code, "k")((1,), (count,), (y,))
    assert y.tolist() == [0, 0]


def test_more_threads_than_the_kernel_promises_are_refused():
    code = (
        'constexpr int T = 32;\nextern "C" __global__ void __launch_bounds__(T * 2) k(float* y) { }'
    )
    kernel = sim.RawKernel(code, "k")
    kernel((1,), (64,), (sim.zeros(1, f32),))
    with pytest.raises(
        sim.LaunchError, match=r"96 threads, but the kernel says `__launch_bounds__\(64\)`"
    ):
        kernel((1,), (96,), (sim.zeros(1, f32),))


def test_a_null_pointer_is_passed_and_caught_when_it_is_used():
    kernel = sim.RawKernel('extern "C" __global__ void k(float* y) { if (y) y[0] = 1; }', "k")
    kernel((1,), (1,), (None,))
    kernel = sim.RawKernel('extern "C" __global__ void k(float* y) {\n y[threadIdx.x] = 1; }', "k")
    for check in (True, False):
        with (
            sim.config(check=check),
            pytest.raises(sim.KernelError, match=r"address 0x0, which is far"),
        ):
            kernel((1,), (1,), (None,))


# ---- what does not compile ----

BROKEN = [
    ("y[0] = INFINITY;", "INFINITY", "no <math.h>"),
    ("uint32_t i = 0; y[0] = i;", "uint32_t", "unsigned int"),
    ("half h;", "half", "cuda_fp16.h"),
    ("__nv_bfloat16 h;", "__nv_bfloat16", "cuda_bf16.h"),
    ("y[0] = max(1.0f, 2);", "max|ambiguous", "same type"),
    ("y[0] = undefined(1);", "undefined", None),
    ("int n = y[0]; float s[n]; y[1] = s[0];", "variable", "must be known"),
    ("y[0] = 1", "expected", None),
    ("y[0] = threadIdx.w;", "'w'", None),
    ("float4 v = float4(1, 2, 3, 4);", "deleted", "make_float4(a, b, c, d)"),
    ("uint2 v(1, 2);", "deleted", "make_uint2(a, b)"),
    ("uint2 v = make_float4(1, 2, 3, 4);", "uint2", "make_uint2(low, high)"),
    ('asm volatile("mov.u32 %0, 1;" : "=r"(y[0]));', "", None),
]


@pytest.mark.parametrize(("body", "message", "hint"), BROKEN, ids=lambda value: str(value)[:30])
def test_a_compile_error_names_the_learners_line_and_what_to_write(body, message, hint, compiler):
    code = f'// first line\nextern "C" __global__ void k(float* y) {{\n  {body}\n}}\n'
    with pytest.raises(sim.CompileError) as caught:
        sim.RawKernel(code, "k").compile()
    text = str(caught.value)
    if message:
        assert text.startswith("kernel.cu line ")
        assert body.split(";")[0] in text
        assert any(part in text for part in message.split("|")), text
    assert "__sim" not in text
    assert "device.h" not in text
    if hint:
        assert hint in text


def test_a_header_that_is_not_there_is_named(compiler):
    with pytest.raises(sim.CompileError, match="line 1: there is no header stdint.h"):
        sim.RawKernel('#include <stdint.h>\nextern "C" __global__ void k() { }', "k").compile()


def test_a_kernel_that_is_not_there_is_refused():
    with pytest.raises(sim.CompileError, match="no kernel 'saxpi', did you mean 'saxpy'"):
        sim.RawKernel(SAXPY, "saxpi")
    with pytest.raises(sim.CompileError, match='write `extern "C" __global__ void k'):
        sim.RawKernel("__global__ void k() { }", "k")
    with pytest.raises(sim.CompileError, match="name_expressions"):
        sim.RawModule("template <int D> __global__ void k() { }").get_function("k")
    with pytest.raises(sim.CompileError, match="no kernel 'k'; its kernels: none"):
        sim.RawKernel("int x;", "k")


def test_a_launch_without_a_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setattr(compilers, "_find", lambda name: None)
    with pytest.raises(sim.NoCompiler, match="python -m pip install ziglang"):
        launch()


def test_on_windows_wsl_is_named(monkeypatch):
    monkeypatch.setattr(compilers.sys, "platform", "win32")
    with pytest.raises(sim.NoCompiler, match="wsl --install"):
        launch()


# ---- options, templates, CuPy's names ----


def test_options_and_name_expressions_work_as_with_cupy(compiler):
    code = "template <int K> __global__ void k(int* y) { y[threadIdx.x] = K + EXTRA; }"
    module = sim.RawModule(
        code=code, options=("-DEXTRA=5", "--use_fast_math"), name_expressions=["k<2>", "k<7>"]
    )
    y = sim.zeros(4, i32)
    for name, want in (("k<2>", 7), ("k<7>", 12)):
        module.get_function(name)((1,), (4,), (y,))
        assert y.tolist() == [want] * 4


def test_the_face_gives_the_simulator_where_there_is_no_gpu():
    if cuda.on_gpu:
        pytest.skip("there is a GPU, and CuPy")
    assert cuda.RawKernel is sim.RawKernel
    x = cuda.asarray(np.arange(5))
    assert type(cuda.asnumpy(x)) is np.ndarray
    assert cuda.empty((2, 3), np.float32).shape == (2, 3)


# ---- arrays ----


def test_arrays_are_freed_when_nothing_refers_to_them():
    first = sim.empty(1000, f32)
    address = first.ctypes.data
    view = first[10:20]
    del first
    second = sim.empty(1000, f32)
    assert second.ctypes.data != address
    del view
    assert sim.empty(1000, f32).ctypes.data == address


def test_threads_that_allocate_at_a_time_get_arrays_of_their_own():
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda i: sim.empty(1 << 18, f32), range(400)))
    addresses = sorted(array.ctypes.data for array in arrays)
    assert all(b - a > 1 << 20 for a, b in pairwise(addresses))


def test_an_array_that_a_kernel_forgot_is_nan():
    assert np.isnan(sim.empty((3, 4), f32)).all()
    assert sim.empty((0, 4), f32).shape == (0, 4)
    assert sim.empty(3).dtype == np.float64


def test_arithmetic_gives_what_a_kernel_takes_and_changes(arrays):
    x, y = arrays
    total = x + 1
    launch(x=x, y=total)
    assert total.tolist() == [4.0] * 64


@pytest.mark.parametrize("name", ["advance", "index", "select", "signal"])
def test_a_kernel_may_be_called_like_a_function_of_libc(name, compiler):
    code = f'extern "C" __global__ void {name}(float* y) {{ y[threadIdx.x] = threadIdx.x; }}'
    y = sim.zeros(4, np.float32)
    sim.RawKernel(code, name)((1,), (4,), (y,))
    assert y.tolist() == [0, 1, 2, 3]
