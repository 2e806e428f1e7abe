"""A kernel file's entry point: is it there, and does it take what the launcher passes?"""

import re
from pathlib import Path

from ..errors import BadInput, nearest
from ..kernels import PACKAGED
from ..sim.source import KERNEL, Source, blank, depth_split, parameters_text

WHOLE = {"int", "unsigned", "unsigned int", "uint32_t", "int32_t", "uint"}
IGNORED = re.compile(r"\b(?:const|volatile|__restrict__|restrict)\b")


def parameters(text: str) -> dict[str, list[str]]:
    """The parameters of each kernel in a text of CUDA C, by name, as they are written."""
    return {
        match[1]: [
            " ".join(part.split())
            for part in depth_split(parameters_text(match[2]))
            if part.strip()
        ]
        for match in KERNEL.finditer(blank(text))
    }


def kind(parameter: str) -> str:
    """What a launcher may pass for it: "an array", "a float", "a whole number", or its own type."""
    bare = " ".join(IGNORED.sub(" ", parameter).split())
    if "*" in bare or bare.endswith("]"):
        return "an array"
    of_type = bare.rpartition(" ")[0]
    return {"float": "a float"}.get(of_type, "a whole number" if of_type in WHOLE else bare)


def check_entry(file: Path) -> None:
    """Compare a learner's kernel file with the packaged file of its name. Raises BadInput."""
    text, name = file.read_text(encoding="utf-8"), file.stem
    wanted = parameters((PACKAGED / file.name).read_text(encoding="utf-8"))[name]
    signature = f'extern "C" __global__ void {name}({", ".join(wanted)})'
    found = parameters(text)
    if not blank(text).strip():
        raise BadInput(f"{file} is empty; it should define {signature}")
    if name not in found:
        raise BadInput(
            f"{file} has no kernel {name!r}{nearest(name, found)}, only {', '.join(found)}; a file "
            f"is named as its kernel: {signature}"
            if found
            else f"{file} has no kernel; it should define {signature}"
        )
    if not Source(text, file.name).signatures[name].is_extern_c:
        raise BadInput(f'{file}: write `extern "C"` in front, or nobody finds it: {signature}')
    if [kind(p) for p in found[name]] != [kind(p) for p in wanted]:
        raise BadInput(f"{file}: {_difference(found[name], wanted)}; wanted: {signature}")


def _difference(found: list[str], wanted: list[str]) -> str:
    for i, (got, want) in enumerate(zip(found, wanted, strict=False)):
        if kind(got) != kind(want):
            return f"parameter {i + 1} is `{got}`, the launcher passes {kind(want)}, `{want}`"
    return f"{len(found)} parameters, the launcher passes {len(wanted)}"
