"""One launch on the GPU by CuPy, in a process of its own: `gpu_child.py LAUNCH_FOLDER OUT_FOLDER`.

A faulty kernel may hang or leave the process without a usable GPU; compare_simulator.py starts one
such process for each launch and tool, and ends it. OUT_FOLDER/stage says how far it came,
OUT_FOLDER/error what CuPy raised, OUT_FOLDER/outputs.npz what the arrays held afterwards.
Imports nothing of the package, so that it starts fast.
"""

import json
import sys
from pathlib import Path


def run(folder: Path, out: Path) -> None:
    """Compile, launch, wait, and copy back, saying so at each step."""

    def say(stage: str) -> None:
        (out / "stage").write_text(stage, encoding="utf-8")

    say("starting")
    import cupy
    import numpy as np

    launch = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    with np.load(folder / "arguments.npz") as file:
        given = [file[str(i)] for i in range(launch["count"])]
    # each array an allocation of its own: in CuPy's pool an index past one lies in another
    cupy.cuda.set_allocator(None)
    arguments = [cupy.asarray(a) if a.ndim else a[()] for a in given]
    say("compiling")
    # CuPy compiles a file of a name of its own
    code = f'#line 1 "kernel.cu"\n{launch["code"]}'
    module = cupy.RawModule(
        code=code, options=tuple(launch["options"]), name_expressions=launch["name_expressions"]
    )
    kernel = module.get_function(launch["kernel"])
    if launch["shared"] > 48 << 10:
        kernel.max_dynamic_shared_size_bytes = launch["shared"]
    say("running")
    kernel(tuple(launch["grid"]), tuple(launch["block"]), tuple(arguments),
           shared_mem=launch["shared"])  # fmt: skip
    cupy.cuda.runtime.deviceSynchronize()
    say("copying")
    results = {str(i): cupy.asnumpy(a) for i, a in enumerate(arguments) if given[i].ndim}
    np.savez(out / "outputs.npz", **results)
    say("done")


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:3]]
    try:
        run(*folders)
    except Exception as error:  # whatever CuPy raises is the finding
        lines = str(error).strip().splitlines() or [""]
        text = f"{type(error).__name__}: {' / '.join(lines[:3])}"
        (folders[1] / "error").write_text(text, encoding="utf-8")
        sys.exit(1)
