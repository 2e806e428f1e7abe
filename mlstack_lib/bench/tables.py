"""Tables that are printed row by row, as each is measured."""

from collections.abc import Iterable, Sequence

FORMATS = {
    "ms": "{:,.2f}", "least_ms": "{:,.2f}", "tokens_s": "{:,.0f}", "mib": "{:,.0f}",
    "loss": "{:.4f}", "launches": "{:,.1f}", "us": "{:,.1f}", "least_us": "{:,.1f}",
    "share": "{:.1%}", "gb_s": "{:,.1f}", "tflop_s": "{:,.4g}", "floor": "{:.0%}",
    "error": "{:.1e}", "kernel": "{:,.4g}", "library": "{:,.4g}", "library-tf32": "{:,.4g}",
    "of_library": "{:.0%}",
}  # fmt: skip
HEADINGS = {
    "least_ms": "least", "least_us": "least", "tokens_s": "tokens/s", "mib": "MiB", "gb_s": "GB/s",
    "tflop_s": "TFLOP/s", "floor": "of floor", "of_library": "of library",
}  # fmt: skip
NAME, COLUMN = 30, 13  # characters


def show(title: str, columns: Sequence[str], rows: Iterable[dict]) -> list[dict]:
    """Print a table; return its rows.

    A row has `name`, and either values for some of the columns or `missing`, the reason why not.
    """
    print(f"\n{title}:")
    print(" " * (NAME + 2) + "".join(f"{HEADINGS.get(key, key):>{COLUMN}}" for key in columns))
    shown = []
    for row in rows:
        print(f"  {row['name']:{NAME}}{_cells(row, columns)}", flush=True)
        shown.append(row)
    return shown


def _cells(row: dict, columns: Sequence[str]) -> str:
    if "missing" in row:
        return f" not available: {row['missing']}"
    cells = (FORMATS[key].format(row[key]) if key in row else "-" for key in columns)
    return "".join(f"{cell:>{COLUMN}}" for cell in cells)


def rounded(value):
    """The same with every number that is not whole to four digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
