"""What a checked launch did to memory, by source line: a table as text and in a notebook."""

import html
from dataclasses import dataclass

from .findings import Place, Reader
from .runtime import EVENTS, RawCounter

SPACES = ("global", "shared", "event")
KEY_SIZE, KEY_STORE, KEY_SPACE = 15, 16, 5  # of a counter's key, as in include/counters.cpp
LEGEND = (
    "requests: loads or stores of a warp, 32 threads at once. moved: sectors of 32 bytes of global "
    "memory, or passes over shared memory's banks",
    "ideal: the fewest that would do; ratio: moved / ideal, 1 is best. worst: sectors of one "
    "request, or how many passes one needed (n-way conflict)",
)
POOR = 1.25  # more than this many times the ideal is marked


@dataclass(frozen=True)
class Sample:
    """The worst request of a line: which lane of which warp touched which byte.

    offsets: lane to bytes from the lowest address; array: its name, start: that address's offset
    in it.
    """

    block: int
    warp: int
    offsets: dict[int, int]
    array: str
    start: int


@dataclass(frozen=True)
class Row:
    """The accesses of one line and kind.

    requests: of a warp, its lanes together. moved: 32-byte sectors of global memory, or passes of
    the banks of shared memory; ideal: what the same lanes and sizes need at least. worst: sectors
    of one request, or ways of a bank conflict. lanes: threads that took part in a request, of 32.
    """

    place: Place
    space: str
    op: str
    size: int
    requests: int
    moved: int
    ideal: int
    worst: int
    lanes: float
    sample: Sample

    @property
    def ratio(self) -> float:
        """How many times the ideal was moved."""
        return self.moved / self.ideal if self.ideal else 1.0


@dataclass(frozen=True)
class Events:
    """How often a line synchronised: `kind` is one of runtime.EVENTS."""

    place: Place
    kind: str
    count: int


@dataclass(frozen=True)
class Profile:
    """The counters of a launch. `at(text)` finds a line; printed, it is a table."""

    kernel: str
    blocks: int
    totals: dict[str, int]
    rows: list[Row]
    events: list[Events]

    def at(self, what: str | int, op: str | None = None, space: str | None = None) -> Row:
        """The row of the line with this number, or this text in it. LookupError if not just one."""
        found = [
            row for row in self.rows
            if (row.place.line == what if isinstance(what, int) else what in row.place.text)
            and op in (None, row.op) and space in (None, row.space)
        ]  # fmt: skip
        if len(found) != 1:
            kinds = ", ".join(f"line {r.place.line} {r.space} {r.op}" for r in found) or "none"
            raise LookupError(
                f"{self.kernel}: {what!r} must fit one row of the profile, but fits {kinds}; it is "
                'chosen by a line\'s number or text, op="load", "store", space="global", "shared"'
            )
        return found[0]

    def count(self, kind: str, what: str | int | None = None) -> int:
        """How often `kind` ("barriers", "shuffles", ...) happened, in all or at one line."""
        if what is None:
            return self.totals.get(kind, 0)
        return sum(
            e.count for e in self.events if e.kind == kind
            and (e.place.line == what if isinstance(what, int) else what in e.place.text)
        )  # fmt: skip

    def __str__(self) -> str:
        head = ("line", "access", "requests", "moved", "ideal", "ratio", "worst", "source")
        table = [head, *(self._cells(row) for row in self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(head))]
        lines = [self._title()]
        for row in table:
            cells = [row[0].rjust(widths[0]), row[1].ljust(widths[1])]
            cells += [row[i].rjust(widths[i]) for i in range(2, 7)]
            lines.append("  ".join([*cells, row[7]]).rstrip())
        lines += [f"{e.place.line:>4}  {e.count:,} {e.kind}: {e.place.text.strip()}"
                  for e in self.events]  # fmt: skip
        return "\n".join([*lines, *(LEGEND if self.rows else ("no access to memory",))])

    def _repr_html_(self) -> str:
        head = "<tr>" + "".join(
            f"<th>{h}</th>"
            for h in ("line", "access", "requests", "moved", "ideal", "ratio", "worst")
        ) + "<th style='text-align:left'>source</th></tr>"  # fmt: skip
        body = "".join(self._html_row(row) for row in self.rows)
        events = "".join(
            f"<tr><td>{e.place.line}</td><td colspan=6>{e.count:,} {e.kind}</td>"
            f"{_code(e.place)}</tr>"
            for e in self.events
        )
        legend = "<br>".join(LEGEND)
        return (f"<p>{html.escape(self._title())}</p><table>{head}{body}{events}</table>"
                f"<p><small>{legend}</small></p>")  # fmt: skip

    def _title(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.totals.items())
        blocks = "1 block" if self.blocks == 1 else f"{self.blocks:,} blocks"
        return f"{self.kernel}: {blocks}" + (f"; {counts}" if counts else "")

    def _cells(self, row: Row) -> tuple[str, ...]:
        unit, worst = ("sectors", "") if row.space == "global" else ("passes", "-way")
        return (
            str(row.place.line), f"{row.space} {row.op} {row.size} B", f"{row.requests:,}",
            f"{row.moved:,} {unit}", f"{row.ideal:,}", f"{row.ratio:.2f}",
            f"{row.worst}{worst}", row.place.text.strip(),
        )  # fmt: skip

    def _html_row(self, row: Row) -> str:
        cells = self._cells(row)
        color = " style='background:#f7cfb3;color:#222'" if row.ratio > POOR else ""
        cells_html = "".join(
            f"<td{color if i == 5 else ''}>{html.escape(cell)}</td>"
            for i, cell in enumerate(cells[:7])
        )
        return f"<tr>{cells_html}{_code(row.place)}</tr>"


def _code(place: Place) -> str:
    return f"<td style='text-align:left'><code>{html.escape(place.text.strip())}</code></td>"


# ---- from the runtime's counters ----


def read_profile(kernel: str, reader: Reader) -> Profile:
    """The counters of the last launch, put together by line."""
    library, rows, events = reader.runtime.library, {}, {}
    for counter in reader.runtime.counters():
        key = counter.key - 1
        place, space = reader.place(key >> 8), SPACES[key >> KEY_SPACE & 7]
        if space == "event":
            kind = EVENTS[key & KEY_SIZE]
            events[place, kind] = events.get((place, kind), 0) + counter.requests
            continue
        op, size = ("store" if key & KEY_STORE else "load"), 1 << (key & KEY_SIZE)
        rows.setdefault((place.file, place.line, space, op, size), []).append((place, counter))
    return Profile(
        kernel, library.sim_blocks(), reader.runtime.events(),
        [_row(reader, key, rows[key]) for key in sorted(rows)],
        [Events(place, kind, n) for (place, kind), n in
         sorted(events.items(), key=lambda item: (item[0][0].file, item[0][0].line))],
    )  # fmt: skip


def _row(reader: Reader, key: tuple, parts: list[tuple[Place, RawCounter]]) -> Row:
    _, _, space, op, size = key
    place = parts[0][0]
    counters = [counter for _, counter in parts]
    worst = max(counters, key=lambda c: (c.worst, -c.block))
    total = {name: sum(getattr(c, name) for c in counters)
             for name in ("requests", "moved", "ideal", "lanes")}  # fmt: skip
    return Row(
        place, space, op, size, total["requests"], total["moved"], total["ideal"], worst.worst,
        total["lanes"] / max(total["requests"], 1), _sample(reader, worst, space),
    )  # fmt: skip


def _sample(reader: Reader, counter: RawCounter, space: str) -> Sample:
    lanes = {i: counter.offset[i] for i in range(32) if counter.active >> i & 1}
    name, start = reader.array_with(counter.base, space)
    return Sample(counter.block, counter.warp, lanes, name, start)
