"""Compile WGSL texts with Tint, Chrome's compiler, through the package wgpudawn.

A process of its own, for it may need another Vulkan driver than the tests around it. Reads from the
standard input, as JSON, a list of [what it is, text, its file's name]; prints what is wrong, a list
of messages, or a string that says why nothing could be compiled.
"""

import json
import sys

import wgpudawn

from mlstack_lib.webgpu import adapter
from mlstack_lib.webgpu.wgsl import KernelError, parse

adapter._wgpu = lambda: wgpudawn


def main() -> None:
    if isinstance(found := adapter.find_adapter(), str):
        print(json.dumps(found))
        return
    on, wrong = adapter.Adapter(), []
    for what, text, name in json.load(sys.stdin):
        try:
            on.pipeline(text, parse(text, name), name, text.count("\n"))
        except KernelError as error:
            wrong.append(f"{what}: {error.__context__}")  # Tint's own words, not read as naga's
    print(json.dumps(wrong))


if __name__ == "__main__":
    main()
