"""Sections, symbols and size of a compiled library: ELF on Linux, Mach-O on macOS."""

import struct
import zlib
from pathlib import Path

ELF, MACH_O = b"\x7fELF", b"\xcf\xfa\xed\xfe"
COMPRESSED = 0x800  # flag of an ELF section
LOAD = 1  # type of an ELF segment that is mapped
SEGMENT_64, SYMTAB = 0x19, 0x02  # load commands of Mach-O
STAB, TYPE, IN_SECTION = 0xE0, 0x0E, 0x0E  # in the type of a Mach-O symbol


class ObjectFile:
    """A library or object file, read whole."""

    def __init__(self, path: Path):
        self.data = path.read_bytes()
        self.is_elf = self.data[:4] == ELF
        if not self.is_elf and self.data[:4] != MACH_O:
            raise ValueError(f"{path}: neither ELF nor Mach-O of 64 bits")

    def debug_line(self) -> bytes:
        """The table of lines in DWARF, empty if there is none."""
        return self._elf_section(b".debug_line") if self.is_elf else self._mach_section()

    def mapped_size(self) -> int:
        """How far the library reaches behind its load address."""
        if self.is_elf:
            start, count = self._at("<Q", 32), self._at("<H", 56)
            headers = [
                struct.unpack_from("<IIQQQQQQ", self.data, start + 56 * i) for i in range(count)
            ]
            return max(h[3] + h[6] for h in headers if h[0] == LOAD)
        return max((address + size for _, address, size, _, _ in self._segments()), default=0)

    def text(self) -> tuple[int, int]:
        """Where the compiled code begins and ends, behind the load address; no jump tables."""
        if self.is_elf:
            found = [part[1:3] for part in self._elf_sections() if part[0] == b".text"]
        else:  # the first section of __TEXT is __text
            found = [
                struct.unpack_from("<QQ", self.data, headers + 32)
                for name, *_, headers, _ in self._segments()
                if name == b"__TEXT"
            ]
        begin, size = found[0] if found else (0, self.mapped_size())
        return begin, begin + size

    # ---- ELF ----

    def _at(self, form: str, offset: int) -> int:
        return struct.unpack_from(form, self.data, offset)[0]

    def _elf_sections(self):
        """(name, address, size, offset, flags) of each section."""
        start, count, names = self._at("<Q", 40), self._at("<H", 60), self._at("<H", 62)
        sections = [
            struct.unpack_from("<IIQQQQIIQQ", self.data, start + 64 * i) for i in range(count)
        ]
        for name, _, flags, address, offset, size, *_ in sections:
            begin = sections[names][4] + name
            yield self.data[begin : self.data.index(b"\0", begin)], address, size, offset, flags

    def _elf_section(self, wanted: bytes) -> bytes:
        for name, _, size, offset, flags in self._elf_sections():
            if name == wanted:
                content = self.data[offset : offset + size]
                return zlib.decompress(content[24:]) if flags & COMPRESSED else content
        return b""

    # ---- Mach-O ----

    def _commands(self):
        offset = 32
        for _ in range(self._at("<I", 16)):
            kind, size = struct.unpack_from("<II", self.data, offset)
            yield kind, offset
            offset += size

    def _segments(self):
        """(name, address, size, offset of the first section's header, sections) of each segment."""
        for kind, at in self._commands():
            if kind == SEGMENT_64:
                name, address, size = struct.unpack_from("<16sQQ", self.data, at + 8)
                yield name.rstrip(b"\0"), address, size, at + 72, self._at("<I", at + 64)

    def _mach_section(self) -> bytes:
        for *_, headers, count in self._segments():
            for at in range(headers, headers + 80 * count, 80):
                name, _, _, size, offset = struct.unpack_from("<16s16sQQI", self.data, at)
                if name.rstrip(b"\0") == b"__debug_line":
                    return self.data[offset : offset + size]
        return b""

    def functions(self) -> dict[bytes, int]:
        """The addresses of a Mach-O file's symbols."""
        found = {}
        for kind, at in self._commands():
            if kind != SYMTAB:
                continue
            symbols, count, strings = struct.unpack_from("<III", self.data, at + 8)
            for i in range(count):
                name, flags, _, _, value = struct.unpack_from("<IBBHQ", self.data, symbols + 16 * i)
                if not flags & STAB and flags & TYPE == IN_SECTION:
                    begin = strings + name
                    found[self.data[begin : self.data.index(b"\0", begin)]] = value
        return found
