"""Try a learner's WGSL file in a process of its own before it is let into this one.

What is wrong in a shader may end the process that compiles it, or never end on the adapter; a child
may die of both. It makes the file's first launch, on arrays of zeros.
"""

import json
import re
import subprocess
import sys
from dataclasses import asdict

from .adapter import Adapter
from .wgsl import KernelError, Signature

SECONDS = 60.0  # for the child: it also has to start, find the adapter and compile
_passed: set[str] = set()


def run(kernel, sizes: list[int], scalars: bytes, groups: tuple[int, int, int]) -> None:
    """Compile and launch the kernel in a child, once for each text. Raises KernelError.

    sizes: the bytes of its arrays.
    """
    if kernel.text in _passed:
        return
    task = {"text": kernel.text, "signature": asdict(kernel.signature), "lines": kernel.lines}
    task |= {"name": kernel.file_name, "sizes": sizes, "scalars": scalars.hex(), "groups": groups}
    command = [sys.executable, "-m", "mlstack_lib.webgpu.trial"]
    try:
        done = subprocess.run(
            command, input=json.dumps(task), capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise KernelError(
            f"{kernel.file_name}: did not come to an end within {SECONDS:.0f} seconds in its first "
            "launch: does a loop never end?"
        ) from None
    if done.returncode != 0 or not done.stdout.strip():
        raise KernelError(
            f"{kernel.file_name}: the WGSL compiler came down with it ({_last(done.stderr)}); "
            "undo the last change, and pass indices to functions rather than pointers"
        )
    if message := json.loads(done.stdout.splitlines()[-1]):
        raise KernelError(message)
    _passed.add(kernel.text)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    panics = re.findall(r"panicked at \S*?([\w-]+-\d[\w.-]*/src/\S+?):?$", text, re.MULTILINE)
    return (panics or lines or ["it said nothing"])[-1]


def _signature(fields: dict) -> Signature:
    pairs = {name: tuple(map(tuple, fields[name])) for name in ("arrays", "scalars")}
    return Signature(fields["entry"], **pairs, workgroup=tuple(fields["workgroup"]))


def main() -> None:
    """Read a task from the standard input; print null, or what is wrong, as JSON."""
    task = json.load(sys.stdin)
    on, signature = Adapter(), _signature(task["signature"])
    try:
        pipeline = on.pipeline(task["text"], signature, task["name"], task["lines"])
    except KernelError as error:
        print(json.dumps(str(error)))
        return
    try:
        buffers = [on.buffer(size) for size in task["sizes"]]
    except MemoryError:
        print("null")  # no room beside the parent: that it compiles must do
        return
    group = on.bind_group(
        signature, [(b, 0, n) for b, n in zip(buffers, task["sizes"], strict=True)]
    )
    if task["scalars"]:
        on.write(on.uniforms, 0, bytes.fromhex(task["scalars"]))
    encoder = on.device.create_command_encoder()
    launch = encoder.begin_compute_pass()
    launch.set_pipeline(pipeline)
    launch.set_bind_group(0, group, [0] if task["scalars"] else [])
    launch.dispatch_workgroups(*task["groups"])
    launch.end()
    on.submit(encoder)
    on.read(buffers[0], 0, 4)
    print("null")


if __name__ == "__main__":
    main()
