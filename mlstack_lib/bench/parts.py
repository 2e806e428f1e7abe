"""The parts of a measurement that every device has: each prints its tables and returns them."""

from collections.abc import Iterator

from ..launchers.cublaslt import CHOICES
from .problems import sizes_for, steps_for
from .side import measured
from .tables import show
from .theirs import MODES

STEP = ("ms", "least_ms", "tokens_s", "mib", "loss")
KERNELS = ("launches", "us", "share", "gb_s", "tflop_s", "floor")
MATMUL = (*CHOICES, "of_library", "error")
ATTENTION = ("us", "least_us", "error")


def step(options) -> list[dict]:
    """Training steps: ours with each kind of product, PyTorch eager and compiled."""
    cases = steps_for(options.device, options.preset, options.batch)
    return [_table("step", case, STEP, _steps(options.device, *case)) for case in cases]


def _table(part: str, case: tuple[str, int], columns, rows) -> dict:
    name, batch = case
    titles = {"step": "training step", "kernels": "time of a training step by kernel"}
    title = f"{titles[part]} of {name}, batch {batch}, f32"
    return {"title": title, "rows": show(title, columns, rows)}


def _steps(on: str, name: str, batch: int) -> Iterator[dict]:
    case = {"on": on, "name": name, "batch": batch}
    for choice in CHOICES:
        found = measured("ours", "step", **case, matmul=choice)
        yield {"name": f"mlstack, {choice}"} | _in_units(found)
    for tf32 in (False, True):
        for mode in MODES:
            found = measured("theirs", "step", **case, mode=mode, tf32=tf32)
            version = found.pop("version", "")
            title = f"PyTorch {version} {mode}".replace("  ", " ") + ", TF32" * tf32
            yield {"name": title} | _in_units(found)


def _in_units(found: dict) -> dict:
    """Milliseconds and microseconds for seconds, a rate for tokens."""
    if "missing" in found:
        return found
    row = {key: found[key] for key in ("samples", "tokens", "mib", "loss", "error") if key in found}
    for key, names in {"seconds": "", "least": "least_", "most": "most_"}.items():
        if key in found:
            row |= {f"{names}ms": found[key] * 1e3, f"{names}us": found[key] * 1e6}
    if "tokens" in found:
        row["tokens_s"] = found["tokens"] / found["seconds"]
    return row


# ---- by kernel ----


def kernels(options) -> list[dict]:
    """The first of the steps, kernel by kernel, each beside the time that it needs at least."""
    name, batch = steps_for(options.device, options.preset, options.batch)[0]
    found = measured("ours", "kernels", on=options.device, name=name, batch=batch)
    if "missing" in found:
        rows = [{"name": "kernel by kernel", "missing": found["missing"]}]
        return [_table("kernels", (name, batch), KERNELS, rows)]
    total = sum(row["seconds"] for row in found["rows"])
    rows = [_kernel_row(row, total, found) for row in found["rows"]]
    table = _table("kernels", (name, batch), KERNELS, rows)
    about = {
        "clock": found["clock"], "sum_us": total * 1e6, "step_us": found["step_seconds"] * 1e6,
        "copy_gb_s": found["copy_rate"] / 1e9, "product_tflop_s": found["product_rate"] / 1e12,
        "product": found["product"], "product_by": found["product_by"],
    }  # fmt: skip
    print(
        f"  {about['sum_us']:,.0f} us in all, by {about['clock']}; the step as it is replayed: "
        f"{about['step_us']:,.0f} us\n"
        "  of floor: the time for its arrays at the rate of a copy, or for its operations at that "
        f"of a product,\n  as measured here ({about['copy_gb_s']:,.1f} GB/s for "
        f"{found['copy_bytes']:,} bytes, {about['product_tflop_s']:,.4g} TFLOP/s by "
        f"{about['product_by']} for {' x '.join(map(str, about['product']))});\n"
        "  more than 100 %: the arrays were in a cache"
    )
    return [table | about]


def _kernel_row(found: dict, total: float, best: dict) -> dict:
    seconds, nbytes, operations = (found[key] for key in ("seconds", "nbytes", "operations"))
    row = {
        "name": found["name"], "launches": found["launches"], "us": seconds * 1e6,
        "share": seconds / total, "nbytes": nbytes, "gb_s": nbytes / seconds / 1e9,
        "floor": max(nbytes / best["copy_rate"], operations / best["product_rate"]) / seconds,
    }  # fmt: skip
    if operations:
        row |= {"operations": operations, "tflop_s": operations / seconds / 1e12}
    return row


# ---- products and attention ----


def matmul(options) -> list[dict]:
    """Products of ours beside those of cuBLASLt, in TFLOP/s."""
    found = {c: measured("ours", "products", on=options.device, matmul=c) for c in CHOICES}
    title = "products m x n x k in f32, TFLOP/s; error: of the kernel, relative to the largest"
    if "missing" in found["kernel"]:
        rows = [{"name": "kernel", **found["kernel"]}]
    else:
        rows = [_product_row(i, found) for i in range(len(found["kernel"]["rows"]))]
        rows += [{"name": c, **side} for c, side in found.items() if "missing" in side]
    return [{"title": title, "rows": show(title, MATMUL, rows)}]


def _product_row(i: int, found: dict) -> dict:
    sides = {choice: side["rows"][i] for choice, side in found.items() if "rows" in side}
    ours = sides["kernel"]
    m, n, k = (ours[key] for key in "mnk")
    row = {"name": f"{ours['form']} {m} x {n} x {k}", "error": ours["error"]}
    row |= {choice: 2 * m * n * k / side["seconds"] / 1e12 for choice, side in sides.items()}
    row |= {f"{choice}_us": side["seconds"] * 1e6 for choice, side in sides.items()}
    if "library" in sides:
        row["of_library"] = row["kernel"] / row["library"]
    return row


def attention(options) -> list[dict]:
    """Attention of ours, whole and kernel by kernel, beside PyTorch's."""
    shape = sizes_for(options.device).attention
    title = f"causal attention in f32, (B, H, T, D) = {shape}"
    rows = show(title, ATTENTION, _attentions(options.device))
    return [{"title": title, "rows": rows}]


def _attentions(on: str) -> Iterator[dict]:
    found = measured("ours", "attention", on=on)
    by = f", by {found['clock']}" if "clock" in found else ""
    for row in found.get("rows", [found]):
        name = row.get("name", "mlstack")
        yield {"name": f"mlstack, {name}"} | _in_units(row)
    found = measured("theirs", "attention", on=on)
    for row in found.get("rows", [found]):
        name = " ".join(["PyTorch", found.get("version", ""), row.get("name", "")])
        yield {"name": " ".join(name.split())} | _in_units(row)
    if by:
        print(f"  the kernels' times are those of one launch{by}")
