"""One WGSL kernel, ready to be launched: its text, what it binds, its pipeline."""

import re
import struct
from functools import cached_property
from pathlib import Path

import numpy as np

from .. import kernels
from ..array import Array
from . import sizes, wgsl
from .adapter import STORAGE_BUFFERS, WORKGROUP_MEMORY, Adapter
from .wgsl import KernelError

FORMATS = {"u32": "I", "i32": "i", "f32": "f"}
FOLDS = re.compile(r"\bblock_x\s*\(")  # of common.wgsl: a block's place where x goes on in z
MEASURED = re.compile(r"\barrayLength\s*\(\s*&\s*(\w+)")


class Kernel:
    """One kernel's text; it is compiled when first launched, packaged or tried before.

    folds: whether it asks for its place with block_x. measured: arrays whose length it asks for.
    """

    def __init__(self, on: Adapter, file: Path, constants: dict):
        name = file.stem
        source = file.read_text(encoding="utf-8")
        self.name, self.file_name, self.constants, self._adapter = name, file.name, constants, on
        self.packaged = file.parent == kernels.PACKAGED
        self.text = kernels.assemble_text(source, file.name, constants)
        self.lines = source.count("\n") + 1
        self.folds = bool(FOLDS.search(wgsl.without_comments(source)))
        self.measured = set(MEASURED.findall(wgsl.without_comments(self.text)))
        self.signature = wgsl.parse(source, file.name)
        if self.signature.entry != name:
            raise KernelError(
                f"{file.name}: the entry point is {self.signature.entry!r}, must be {name!r}, the "
                "file's own name"
            )
        if len(self.signature.arrays) > STORAGE_BUFFERS:
            raise KernelError(
                f"{file.name}: {len(self.signature.arrays)} arrays; WebGPU binds at most "
                f"{STORAGE_BUFFERS}"
            )
        if not self.packaged:
            self._check_subset(source)

    def _check_subset(self, source: str) -> None:
        for finding in wgsl.lint(source):
            raise KernelError(f"{self.file_name}:{finding.line}: {finding.message}")
        if (used := sizes.workgroup_bytes(self.text)) > WORKGROUP_MEMORY:
            raise KernelError(
                f"{self.file_name}: {used:,} bytes of workgroup memory; WebGPU promises "
                f"{WORKGROUP_MEMORY:,}"
            )

    @cached_property
    def pipeline(self):
        """The compiled kernel. Raises KernelError."""
        return self._adapter.pipeline(self.text, self.signature, self.file_name, self.lines)

    def scalars(self, values: list) -> bytes:
        """The contents of `Params`. Raises KernelError where the file expects others."""
        kinds = [_kind(value) for value in values]
        if kinds != [kind for _, kind in self.signature.scalars]:
            raise KernelError(
                f"{self.file_name}: Params must have {', '.join(kinds) or 'no fields'} in this "
                f"order, has {', '.join(': '.join(s) for s in self.signature.scalars) or 'none'}"
            )
        data = struct.pack("".join(FORMATS[kind] for kind in kinds), *values)
        return data + bytes(-len(data) % 16)

    def check(self, arrays: list[Array], block) -> None:
        """Raise KernelError or TypeError unless the launch is what the file expects."""
        for array in arrays:
            if array.dtype.itemsize != 4:
                raise TypeError(f"{self.name}: the kernel takes f32, i32 or u32, got {array.dtype}")
        if len(arrays) != len(self.signature.arrays):
            names = ", ".join(name for name, *_ in self.signature.arrays)
            raise KernelError(
                f"{self.file_name}: the launch gives {len(arrays)} arrays, the file binds "
                f"{len(self.signature.arrays)}: {names}"
            )
        launched = (*block, 1, 1)[:3]
        if self.block and self.block != launched:
            raise KernelError(
                f"{self.file_name}: @workgroup_size makes blocks of {self.block}, the launch has "
                f"{launched}"
            )

    @cached_property
    def block(self) -> tuple[int, ...] | None:
        """The file's workgroup size, None if it does not follow from the text's constants."""
        known = sizes.constants(self.text)
        block = tuple(sizes.value(words, known) for words in self.signature.workgroup)
        return None if None in block else block


def _kind(value) -> str:
    if isinstance(value, np.generic):
        return {"i": "i32", "u": "u32", "f": "f32"}[value.dtype.kind]
    return "u32" if isinstance(value, int) else "f32"
