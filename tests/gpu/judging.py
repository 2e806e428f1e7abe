"""Whether the simulator and the GPU with compute-sanitizer agree on a launch, and a table of it."""

from collections import Counter

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
# What only the simulator says, by its finding, and why.
ONLY_HERE = {
    "global race": "racecheck looks at shared memory only",
    "wrong lane": "the value is undefined, and no tool looks at shuffles' sources",
    "left before barrier": "GPUs let it pass since 2017: threads that left are not waited for",
    "division": "a GPU goes on with a meaningless number",
    "stack overflow": "a GPU gives a thread up to 512 KiB",
}
REMARK = "Info: "  # racecheck: both threads wrote the same value


def judge(entry: dict) -> tuple[bool, str]:
    """(agree, why) of one entry of the record, in a short phrase."""
    if not entry["gpu"]:
        return False, "not run on the GPU"
    return _of_right(entry) if entry["right"] else _of_faulty(entry)


def _of_right(entry: dict) -> tuple[bool, str]:
    here, there = _kinds(entry), _found(entry)
    if here or there:
        return False, "not silent: " + ", ".join([*here, *there])
    if entry["gpu"]["outcome"] != "done":
        return False, f"the GPU: {entry['gpu']['outcome']}"
    wrong = [text for text in entry["results"] if text.startswith("differs")]
    if wrong or not entry["results"]:
        return False, ", ".join(wrong) or "no results to compare"
    return True, "; ".join(dict.fromkeys(entry["results"]))


def _of_faulty(entry: dict) -> tuple[bool, str]:
    here, there, outcome = _kinds(entry), _found(entry), entry["gpu"]["outcome"]
    if not here:
        return not there, "neither finds anything" if not there else "only the tools find it"
    if there:
        return True, f"{', '.join(there)}: {_lines(entry)}"
    if outcome.startswith("refused"):
        return True, "the GPU's compiler refuses it"
    if outcome.startswith("failed"):
        return True, "the GPU ends the launch, no tool says where"
    if outcome == "hangs":
        return True, "the GPU hangs, no tool says why"
    return False, ONLY_HERE.get(here[0], "no tool finds it in this launch")


def _kinds(entry: dict) -> list[str]:
    return list(dict.fromkeys(finding["kind"] for finding in entry["simulator"]))


def _found(entry: dict) -> list[str]:
    """The tools that found something, more than a remark."""
    return [tool for tool in TOOLS if any(not f["what"].startswith(REMARK) for f in
            entry["gpu"].get(tool, {}).get("findings", []))]  # fmt: skip


def _lines(entry: dict) -> str:
    here = {finding[key] for finding in entry["simulator"] for key in ("line", "line2")} - {0}
    there = {n for tool in TOOLS for f in entry["gpu"].get(tool, {}).get("findings", [])
             for n in f["lines"]}  # fmt: skip
    if not here or not there:
        return "no line"
    if here & there:
        return "the same line"
    return f"line {min(there)}, here {min(here)}"


# ---- the table of the README ----


def table(record: dict) -> str:
    """The record in Markdown: a row for each kind of finding, and below it where the two differ."""
    about, entries = record["about"], record["launches"]
    rows = ["| what | launches | agree | found on the GPU by |", "|---|---|---|---|"]
    groups: dict[str, list[dict]] = {}
    for entry in entries:
        groups.setdefault(_group(entry), []).append(entry)
    rows += [_row(name, groups[name]) for name in sorted(groups, key=lambda n: (n != RIGHT, n))]
    differ = [f"- {e['name']} ({_group(e)}): {e['why']}" for e in entries if not e["agree"]]
    agreed = sum(e["agree"] for e in entries)
    head = (
        f"{agreed} of {len(entries)} agree ({about['machine']}; {about['versions']}; "
        f"{about['sanitizer']}; {about['date']}; `{about['command']}`)."
    )
    return "\n".join([head, "", *rows, "", "Where they differ:", "", *(differ or ["nowhere"])])


RIGHT = "right kernels"


def _group(entry: dict) -> str:
    kinds = _kinds(entry)
    return RIGHT if entry["right"] else kinds[0] if kinds else "found by neither"


def _row(name: str, entries: list[dict]) -> str:
    by = Counter(tool for e in entries for tool in _found(e))
    by.update(
        "the launch fails" for e in entries if e["gpu"].get("outcome", "").startswith("failed")
    )
    by.update("it hangs" for e in entries if e["gpu"].get("outcome") == "hangs")
    by.update("its compiler" for e in entries if e["gpu"].get("outcome", "").startswith("refused"))
    found = ", ".join(f"{how} {count}" for how, count in by.items()) or "-"
    return f"| {name} | {len(entries)} | {sum(e['agree'] for e in entries)} | {found} |"
