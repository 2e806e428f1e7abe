"""`mlstack simulate`: run one kernel on arrays from files or simple generators."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import numpy as np

from ..array import DTYPES
from ..errors import BadInput, CouldNotFinish
from ..kernels import COMMON, PACKAGED, redefines_common
from .arguments import NUMPY_NAMES
from .errors import KernelError
from .memory import asarray, asnumpy
from .module import RawKernel, RawModule
from .settings import config, current

ARGUMENT = """a .npy file; zeros:SHAPE, ones:SHAPE, arange:SHAPE, random:SHAPE (normal) or
empty:SHAPE (NaN), each with :DTYPE behind it if it is not f32, as in zeros:64x32:i32; or a
number, which becomes what the parameter is. Once for each parameter, in order."""


EXAMPLE = """example: y = 2x + y for 1,000 elements, on 8 blocks of 128 threads
  mlstack simulate saxpy.cu saxpy --grid 8 --block 128 \\
      --arg 2 --arg ones:1000 --arg zeros:1000 --arg 1000

As in the course, common.cuh stands in front (block_sum, FULL_MASK ...), unless the file defines
one of its functions itself; constants such as BLOCK are given by -D BLOCK=128.

Prints what is wrong, by source line (exit status 1); then the profile, what each line did to
memory; then the range of each array. In Python the profile is kernel.profile(), and as a picture
mlstack_lib.course.pictures.access.draw_access(kernel.profile().at("part of a line"))."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of `mlstack simulate`."""
    parser.formatter_class, parser.epilog = RawDescriptionHelpFormatter, EXAMPLE
    parser.add_argument("file", type=Path, metavar="FILE.cu", help="CUDA C, kernels only")
    parser.add_argument("entry", metavar="ENTRY", help="the kernel, `k`, or of a template `k<64>`")
    parser.add_argument("--grid", required=True, metavar="X[,Y[,Z]]", help="how many blocks")
    parser.add_argument(
        "--block", required=True, metavar="X[,Y[,Z]]", help="how many threads in a block"
    )
    parser.add_argument("--arg", action="append", default=[], metavar="ARG", help=ARGUMENT)
    parser.add_argument(
        "--shared",
        type=int,
        default=0,
        metavar="BYTES",
        help="size of an `extern __shared__` array",
    )
    parser.add_argument("-D", action="append", default=[], metavar="NAME=VALUE", help="as #define")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the arrays there, "
                        "PARAMETER.npy, after the run")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of random:SHAPE (default 0)")
    _add_settings(parser)


def _add_settings(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--order",
        default="forward",
        help="in which the threads of a block run: forward (default), reverse, random:SEED",
    )
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS",
                        help="end the kernel after so long (default 10)")  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N",
                        help="cores (default: 1 with checks, else all)")  # fmt: skip
    parser.add_argument("--unchecked", action="store_true",
                        help="2 to 16 times faster; finds little, gives no profile")  # fmt: skip
    parser.add_argument("--compiler", metavar="NAME",
                        help="g++, clang++ or zig (default: the first that is there)")  # fmt: skip


def simulate(options) -> int:
    """Run the command; 0, or 1 if something was found. Raises BadInput, CouldNotFinish."""
    if not options.file.is_file():
        raise BadInput(f"simulate: there is no file {options.file}")
    if not options.timeout > 0:
        raise BadInput(f"simulate: --timeout is {options.timeout:g}, must be more than 0 seconds")
    changes = {name: getattr(options, name) for name in ("order", "timeout", "workers", "compiler")}
    with config(check=not options.unchecked, **changes):
        return _simulate(options)


def _simulate(options) -> int:
    kernel = _kernel(options)
    arguments = _arguments(options, kernel)
    kernel.max_dynamic_shared_size_bytes = max(options.shared, 48 << 10)
    failed = False
    try:
        kernel(_sizes("grid", options.grid), _sizes("block", options.block), arguments,
               shared_mem=options.shared)  # fmt: skip
    except KernelError as error:
        print(error)
        failed = True
    if current().check:
        print(f"\n{kernel.profile()}" if failed or kernel.report else kernel.profile())
    _show(options, kernel, arguments)
    return 1 if failed or kernel.report else 0


def _kernel(options) -> RawKernel:
    folders = [f"-I{options.file.parent.resolve()}", f"-I{PACKAGED}"]
    defines = [f"-D{define}" for define in options.D]
    names = [options.entry] if "<" in options.entry else None
    try:
        text = _with_common(options.file)
    except UnicodeDecodeError:
        raise BadInput(f"simulate: {options.file} is no text in UTF-8") from None
    module = RawModule(text, options=(*folders, *defines), name_expressions=names)
    return module.get_function(options.entry)


def _with_common(file: Path) -> str:
    """The file's text as the course compiles it; lines are counted in the file alone."""
    text = file.read_text(encoding="utf-8")
    first = "" if redefines_common(text) else f'#include "{COMMON}"\n'
    return f'{first}#line 1 "{file.name}"\n{text}'


def _sizes(what: str, text: str) -> tuple[int, ...]:
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(parts) > 3:
        raise BadInput(f"simulate: --{what} is {text!r}, must be 1 to 3 numbers, as in 8,4")
    return tuple(int(part) for part in parts)


def _show(options, kernel: RawKernel, arguments: tuple) -> None:
    names = kernel.module.signature(kernel.name).parameters
    for name, value in zip(names, arguments, strict=True):
        if not isinstance(value, np.ndarray):
            continue
        host = asnumpy(value)
        print(f"{name}: {host.dtype} {host.shape}, {_extremes(host)}")
        if options.save:
            _save(options.save / f"{name}.npy", host)


def _extremes(array: np.ndarray) -> str:
    numbers = array.astype(np.float64)
    missing = int(np.isnan(numbers).sum())
    known = numbers[~np.isnan(numbers)]
    text = f"{known.min():.6g} to {known.max():.6g}" if known.size else "no numbers"
    return text + (f", {missing:,} NaN" if missing else "")


def _save(file: Path, array: np.ndarray) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, array)
    except OSError as error:
        raise CouldNotFinish(f"cannot write {file}: {error.strerror or error}") from error


# ---- arguments ----


def _arguments(options, kernel: RawKernel) -> tuple:
    info = kernel.module.built(current().check).info(kernel.name)
    names = kernel.module.signature(kernel.name).parameters
    if len(options.arg) != info.count:
        raise BadInput(
            f"simulate: {kernel.name} takes {info.count} arguments ({', '.join(names)}), so --arg "
            f"must be given that often and in that order, not {len(options.arg)} times"
        )
    rng = np.random.default_rng(options.seed)
    return tuple(
        _argument(text, chr(info.kinds[i]), info.sizes[i], rng)
        for i, text in enumerate(options.arg)
    )


def _argument(text: str, kind: str, size: int, rng: np.random.Generator):
    if text.endswith(".npy"):
        return asarray(_load(Path(text)))
    name, _, rest = text.partition(":")
    if name in GENERATORS:
        return asarray(_generated(text, name, rest, rng))
    try:
        number = float(text)
    except ValueError:
        raise BadInput(f"simulate: --arg {text!r} must be {ARGUMENT}".replace("\n", " ")) from None
    wanted = NUMPY_NAMES.get((kind, size))
    if wanted is None:
        raise BadInput(f"simulate: --arg {text!r} is a number, the parameter takes an array")
    scalar = getattr(np, wanted.removeprefix("np."))
    if kind == "f":
        return scalar(number)
    if number % 1 or not _fits(number, size):
        raise BadInput(
            f"simulate: --arg {text!r}: the parameter is a whole number of {8 * size} bits"
        )
    # unsigned ones come as the signed number of the same bits
    whole = int(text) if text.lstrip("+-").isdecimal() else int(number)
    return np.frombuffer((whole % (1 << 8 * size)).to_bytes(size, sys.byteorder), scalar)[0]


def _fits(number: float, size: int) -> bool:
    return -(2.0 ** (8 * size - 1)) <= number < 2.0 ** (8 * size)


def _load(file: Path) -> np.ndarray:
    try:
        return np.ascontiguousarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"simulate: cannot read {file}: {error}") from None


GENERATORS = {
    "zeros": lambda shape, rng: np.zeros(shape),
    "ones": lambda shape, rng: np.ones(shape),
    "arange": lambda shape, rng: np.arange(np.prod(shape)).reshape(shape),
    "random": lambda shape, rng: rng.standard_normal(shape),
    "empty": lambda shape, rng: np.full(shape, np.nan),
}


def _dtype(name: str) -> np.dtype | None:
    """f32 if the name is empty; numbers only."""
    if not name or name in DTYPES:
        return np.dtype(DTYPES[name or "f32"])
    try:
        kind = np.dtype(name)
    except TypeError:
        return None
    return kind if kind.kind in "fiub" else None


def _generated(text: str, name: str, rest: str, rng: np.random.Generator) -> np.ndarray:
    sizes, _, dtype = rest.partition(":")
    parts = sizes.split("x")
    if not all(part.isdecimal() for part in parts):
        raise BadInput(f"simulate: --arg {text!r}: the shape must be like 1000 or 64x32")
    kind = _dtype(dtype)
    if kind is None:
        raise BadInput(f"simulate: --arg {text!r}: dtypes are {', '.join(DTYPES)}")
    values = GENERATORS[name](tuple(int(part) for part in parts), rng)
    return (np.nan_to_num(values) if kind.kind in "iub" else values).astype(kind)
