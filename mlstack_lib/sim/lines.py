"""From a place in a compiled kernel to its line: a reader of DWARF 4's line table.

`addr2line` would do, but many laptops have none, and it knows ELF only. The table is a program
for a small machine whose state is an address, a file, a line and a column; each row it puts out
says where the code of a place begins. DWARF Debugging Information Format, version 4, section 6.2.
"""

import bisect
import struct
from collections.abc import Iterator
from pathlib import Path

from .objects import ObjectFile

# Opcodes; those from the table's `opcode_base` on advance address and line and put out a row.
COPY, ADVANCE_PC, ADVANCE_LINE, SET_FILE, SET_COLUMN = 1, 2, 3, 4, 5
CONST_ADD_PC, FIXED_ADVANCE_PC = 8, 9
END_SEQUENCE, SET_ADDRESS, DEFINE_FILE = 1, 2, 3  # behind a zero byte

Row = tuple[int, str, int, int]  # address, file ("" ends a sequence), line, column


class Lines:
    """The lines of one kernel library; call it with an offset behind the load address.

    folder: that of `build.kernel_library`. file: what the compiler called the learner's text.
    """

    def __init__(self, folder: Path, file: str):
        library = ObjectFile(folder / "kernel.so")
        unit = library if library.is_elf else ObjectFile(folder / "kernel.o")
        self.rows = sorted(rows_of(unit.debug_line()), key=lambda row: row[0])
        self._addresses = [row[0] for row in self.rows]
        self._moves = [] if library.is_elf else _moves(library, unit)
        self._file = file

    def __call__(self, offset: int) -> tuple[int, int]:
        """(line, column) of the call that returns to `offset`; (0, 0) if it is not known.

        Code that came from a header belongs to the row of the learner's file before it.
        """
        address = self._moved(offset - 1)
        i = bisect.bisect_right(self._addresses, address) - 1
        while i >= 0:
            at, file, line, column = self.rows[i]
            if file == "" and at <= address and not self._begins_here(i):
                break
            if line and file.rsplit("/", 1)[-1] == self._file:
                return line, column
            i -= 1
        return 0, 0

    def _begins_here(self, i: int) -> bool:
        """Whether a sequence begins where row `i` ends one."""
        return i + 1 < len(self.rows) and self._addresses[i + 1] == self._addresses[i]

    def _moved(self, offset: int) -> int:
        i = bisect.bisect_right(self._moves, (offset, 1 << 62)) - 1
        return offset - self._moves[i][1] if i >= 0 else offset


def _moves(library: ObjectFile, unit: ObjectFile) -> list[tuple[int, int]]:
    """For each function its address in the library, and how far the linker moved it."""
    before, after = unit.functions(), library.functions()
    return sorted((after[name], after[name] - before[name]) for name in after if name in before)


# ---- the line program ----


def rows_of(data: bytes) -> Iterator[Row]:
    """The rows of every unit of a .debug_line section."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield from _unit(data, at, at + 4 + length)
        at += 4 + length


def _unit(data: bytes, start: int, end: int) -> Iterator[Row]:
    version, header_length, unit, _, _, line_base, line_range, opcode_base = struct.unpack_from(
        "<HIBBBbBB", data, start + 4
    )
    if version != 4:
        raise ValueError(f"line table of DWARF {version}, not 4")
    lengths = data[start + 16 : start + 15 + opcode_base]
    machine = _Machine(_files(data, start + 15 + opcode_base), lengths, unit)
    reader = _Reader(data, start + 10 + header_length)
    while reader.at < end:
        opcode = reader.byte()
        if opcode >= opcode_base:
            steps, lines = divmod(opcode - opcode_base, line_range)
            machine.address += steps * unit
            machine.line += line_base + lines
            yield machine.row()
        elif opcode == COPY:
            yield machine.row()
        elif opcode == CONST_ADD_PC:
            machine.address += (255 - opcode_base) // line_range * unit
        elif opcode == 0:
            yield from machine.extended(reader)
        else:
            machine.standard(opcode, reader)


class _Machine:
    """The state that a line program works on."""

    def __init__(self, files: list[str], lengths: bytes, unit: int):
        self.files, self.lengths, self.unit = files, lengths, unit
        self._begin()

    def _begin(self) -> None:
        self.address, self.file, self.line, self.column = 0, 1, 1, 0

    def row(self) -> Row:
        name = self.files[self.file] if self.file < len(self.files) else "?"
        return self.address, name, self.line, self.column

    def extended(self, reader: "_Reader") -> Iterator[Row]:
        length = reader.unsigned()
        after, opcode = reader.at + length, reader.byte()
        if opcode == END_SEQUENCE:
            yield self.address, "", 0, 0
            self._begin()
        elif opcode == SET_ADDRESS:
            self.address = reader.number("<Q")
        elif opcode == DEFINE_FILE:
            self.files.append(reader.text())
        reader.at = after

    def standard(self, opcode: int, reader: "_Reader") -> None:
        if opcode == ADVANCE_PC:
            self.address += reader.unsigned() * self.unit
        elif opcode == ADVANCE_LINE:
            self.line += reader.signed()
        elif opcode == SET_FILE:
            self.file = reader.unsigned()
        elif opcode == SET_COLUMN:
            self.column = reader.unsigned()
        elif opcode == FIXED_ADVANCE_PC:
            self.address += reader.number("<H")
        else:
            for _ in range(self.lengths[opcode - 1]):
                reader.unsigned()


def _files(data: bytes, at: int) -> list[str]:
    """The file names, numbered from 1, behind the include directories."""
    reader, files = _Reader(data, at), [""]
    while reader.text():
        pass
    while name := reader.text():
        files.append(name)
        for _ in range(3):  # directory, time, length
            reader.unsigned()
    return files


class _Reader:
    def __init__(self, data: bytes, at: int):
        self.data, self.at = data, at

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def text(self) -> str:
        end = self.data.index(b"\0", self.at)
        word, self.at = self.data[self.at : end].decode("utf-8", "replace"), end + 1
        return word

    def unsigned(self) -> int:
        """A number in groups of 7 bits, the last without its upper bit."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed(self) -> int:
        start = self.at
        value = self.unsigned()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if value >> (bits - 1) & 1 else value
