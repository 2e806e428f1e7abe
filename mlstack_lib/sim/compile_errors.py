"""A compiler's messages in the learner's lines, without what only the simulator's headers see."""

import re

from .source import Source

MESSAGE = re.compile(r"^(.+?):(\d+):(?:(\d+):)? (fatal error|error|note|warning): (.*)$")
REQUIRED = re.compile(r"^(.+?):(\d+):(?:(\d+):)?\s+required from")
SHOWN = 3  # errors; those after the first few mostly follow from them

NO_HEADERS = (
    "a kernel is compiled without the C library's headers; functions such as expf are there by "
    "themselves"
)

# What a message speaks of, and what to do about it.
HINTS = (
    (r"\b(INFINITY|NAN|FLT_MAX|FLT_MIN|M_PI)\b", "a kernel has no <math.h>: write the number "
     "itself, for example `-1e30f`, or `__int_as_float(0x7f800000)` for infinity"),
    (r"\bu?int(8|16|32|64)_t\b|\b(uint|uchar|ushort)\b", "a kernel has no <stdint.h>: write "
     "`unsigned int`, `unsigned char` or `unsigned long long`"),
    (r"\b(__half2?|half2?)\b(?!.*required)", "put `#include <cuda_fp16.h>` at the top"),
    (r"\b(__)?nv_bfloat162?\b|bfloat16", "put `#include <cuda_bf16.h>` at the top"),
    (r"(math|stdint|stdio|stdlib|float|string|cuda|assert)\.h|<(cmath|cstdint|vector)>",
     NO_HEADERS),
    (r"\b(mma|cooperative_groups|cuda_runtime|cub/.*)\.(h|cuh|hpp)", "the simulator has "
     "<cuda_fp16.h>, <cuda_bf16.h> and the course's mma.cuh only"),
    (r"\basm\b|no such instruction|invalid (output|input) constraint|impossible constraint|"
     "mnemonic",
     "inline PTX needs a GPU; here use the wrappers of mma.cuh, which run on both"),
    (r"\bvla\b|variable.length array|constant expression", "the size of an array must be known "
     "when the kernel is compiled: a #define, a constexpr or a template parameter"),
    (r"\bcall(?:ed object)? .*is ambiguous|call of overloaded", "give both arguments "
     "the same type, as in `max(x, 0.0f)`"),
    (r"\b(std::|printf_s|cudaMalloc|cudaMemcpy|<<<)", "only what runs on the GPU belongs into the "
     "kernel's text: Python allocates, copies and launches"),
)  # fmt: skip
# In messages that a hint may fit: something is not known, or not as it is written.
UNKNOWN = (
    "declare", "not name", "does not", "No such", "not found", "unknown", "undeclared", "ambiguous",
    "overloaded", "constraint", "instruction", "mnemonic", "constant", "variable", "expected",
    "vla",
)  # fmt: skip
# Names of the headers, and what the learner wrote in their place.
DISGUISES = (
    (r"__sim_thread_idx\(\)", "threadIdx"), (r"__sim_block_idx\(\)", "blockIdx"),
    (r"__sim_block_dim\(\)", "blockDim"), (r"__sim_grid_dim\(\)", "gridDim"),
    (r"__sim_warp_size\(\)", "warpSize"), (r"__sim_syncthreads", "__syncthreads"),
    (r"__sim_T_(\w+)", r"the type of \1"), (r"__sim_u32x4", "uint4"),
)  # fmt: skip


def explain(messages: str, source: Source, file: str) -> str:
    """The first errors, each with its place, its line quoted, a caret, and a hint if one fits."""
    found = _errors(messages, file)
    if not found:
        return f"{source.name} does not compile:\n{_plain(messages)}"
    texts = [_one(source, line, column, text) for line, column, text in found[:SHOWN]]
    hints = dict.fromkeys(filter(None, (_hint(source, line, text) for line, _, text in found)))
    more = f"\n({len(found) - SHOWN} more errors)" if len(found) > SHOWN else ""
    return "\n".join([*texts, *(f"Hint: {hint}." for hint in hints)]) + more


def _errors(messages: str, file: str) -> list[tuple[int, int, str]]:
    """(line, column, text) of the errors; one in a header goes to the line that led there."""
    errors, caller, pending = [], None, None
    for raw in messages.splitlines():
        required, message = REQUIRED.match(raw), MESSAGE.match(raw)
        if required and _is(required[1], file):
            caller = (int(required[2]), int(required[3] or 0))
        if not message:
            continue
        name, line, column, level, text = message.groups()
        here = (int(line), int(column or 0)) if _is(name, file) else None
        if "error" in level:
            where, pending = here or caller, None
            caller = None
            if where:
                errors.append((*where, text))
            else:
                pending = text
        elif pending and here and level == "note":
            errors.append((*here, pending))
            pending = None
    return errors


def _is(name: str, file: str) -> bool:
    return name == file or name.endswith("/" + file)


def _one(source: Source, line: int, column: int, text: str) -> str:
    name, number = source.place(line)
    quoted = source.line_text(line).replace("\t", " ")
    parts = [f"{name}, line {number}: {_undisguised(text)}", f"{number:6} | {quoted}"]
    if column:
        parts.append(f"       | {' ' * (column - 1)}^")
    return "\n".join(parts)


def _hint(source: Source, line: int, text: str) -> str:
    about = f"{text} {source.line_text(line)}"
    known = any(word in text for word in UNKNOWN)
    return next((hint for pattern, hint in HINTS if known and re.search(pattern, about)), "")


def _undisguised(text: str) -> str:
    for pattern, name in DISGUISES:
        text = re.sub(pattern, name, text)
    return text.replace("\u2018", "'").replace("\u2019", "'")


def _plain(messages: str) -> str:
    return _undisguised("\n".join(messages.splitlines()[:8]))
