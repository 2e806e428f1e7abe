"""Which thread of a warp touches which address: the worst request of a line of a kernel."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..figures import WIDTH

LINE = 128  # bytes in a row of the picture: four sectors of global memory, or all 32 banks once
SECTOR, BANK = 32, 4  # bytes
SHADES = ["#b9d5ea", "#f7cfb3", "#bfe3d3", "#e9c6dc"]  # lanes 0 to 7, 8 to 15, ...
UNUSED, INK, GREY, WORST = "#eeeeee", "#222222", "#666666", "#A34700"
ROW = 0.24  # inches
LONGEST = 84  # characters of code in a title


def draw_access(row) -> Figure:
    """Draw the worst request of a row of `kernel.profile()`, each lane where it reads or writes.

    Only the rows of 128 bytes that are touched are drawn, and of global memory only as much of them
    as is touched. There a grey box is a sector of 32 bytes, which moves as a whole; of shared
    memory a column is a bank, and framed are the banks of which most different words are asked at
    a time: of 4 bytes all 32 lanes are served together, of 8 bytes 16 neighbours, of 16 bytes 8. A
    colour is 8 threads.
    """
    cells = {lane: row.sample.start + offset for lane, offset in row.sample.offsets.items()}
    touched = sorted({place // LINE for a in cells.values() for place in (a, a + row.size - 1)})
    height = {line: i for i, line in enumerate(touched)}
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + ROW * len(touched)), layout="constrained")
    if row.space == "global":
        _draw_sectors(axes, cells, row.size, height)
    for lane, address in cells.items():
        _draw_lane(axes, lane, address, row.size, height)
    if row.space == "shared" and row.worst > 1:
        _frame_worst_bank(axes, cells, row.size, height)
    ends = [a % LINE + row.size for a in cells.values()]
    width = LINE if row.space == "shared" else -(-max(ends) // SECTOR) * SECTOR
    _label(axes, row, touched, width)
    return figure


def _draw_sectors(axes, cells, size, height) -> None:
    sectors = {place // SECTOR for a in cells.values() for place in (a, a + size - 1)}
    for sector in sectors:
        x, line = sector * SECTOR % LINE, sector * SECTOR // LINE
        axes.add_patch(
            Rectangle((x, height[line]), SECTOR, 1, facecolor=UNUSED, edgecolor=GREY, lw=0.8)
        )


def _draw_lane(axes, lane, address, size, height) -> None:
    x, y = address % LINE, height[address // LINE]
    axes.add_patch(
        Rectangle((x, y + 0.08), size, 0.84, facecolor=SHADES[lane // 8], edgecolor=INK, lw=0.5)
    )
    if size >= BANK:
        axes.text(
            x + size / 2, y + 0.53, str(lane), ha="center", va="center", fontsize=6.5, color=INK
        )


def _frame_worst_bank(axes, cells, size, height) -> None:
    words = max(size // BANK, 1)  # that a lane asks for
    found = []
    for first in range(0, 32, 32 // words):
        group = {cells[i] // BANK for i in range(first, first + 32 // words) if i in cells}
        for bank in range(0, 32, words):
            lines = sorted({word * BANK // LINE for word in group if word % 32 == bank})
            found.append((len(lines), bank, lines))
    ways, bank, lines = max(found, key=lambda item: item[0])
    if ways > 1:
        top, bottom = height[lines[0]], height[lines[-1]] + 1
        axes.add_patch(
            Rectangle((bank * BANK, top), words * BANK, bottom - top, fill=False,
                      edgecolor=WORST, lw=1.6)
        )  # fmt: skip


def _label(axes, row, touched, width) -> None:
    shared = row.space == "shared"
    moved = f"{row.worst} sectors of 32 bytes"
    if shared:
        moved = "1 pass, no conflict" if row.worst == 1 else f"{row.worst}-way bank conflict"
    verb = "reads" if row.op == "load" else "writes"
    axes.set_title(
        f"line {row.place.line}: {_shortened(row.place.text.strip())}\n"
        f"warp {row.sample.warp} {verb} {row.sample.array or 'memory'}, "
        f"{row.size} bytes a thread: {moved} (numbers: its threads)",
        loc="left", fontsize=9,
    )  # fmt: skip
    axes.set(xlim=(-0.5, width + 0.5), ylim=(len(touched) + 0.05, -0.05))
    step = 4 * BANK if shared else SECTOR
    ticks = range(0, width + 1, step)
    axes.set_xticks(list(ticks), [str(t // BANK if shared else t) for t in ticks])
    axes.set_xlabel("bank" if shared else "bytes further on")
    axes.set_yticks(
        [i + 0.5 for i in range(len(touched))], [f"{line * LINE:,}" for line in touched]
    )
    axes.set_ylabel("byte of the array" if len(touched) > 6 else "byte")
    axes.tick_params(length=0, labelsize=7)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _shortened(code: str) -> str:
    return code if len(code) <= LONGEST else f"{code[: LONGEST - 4]} ..."
