"""What naga, wgpu's WGSL compiler, says of a file, by the file's own lines and in WGSL's words."""

import re

PLACE = re.compile(r"┌─ (?:wgsl)?:(\d+):(\d+)")
QUOTE = re.compile(r"^ *\d+ │ (.*)\n *│ ([ ]*)([~^]+) ?(.*)$", re.MULTILINE)
NOTE = re.compile(r"^ *= (?:note: )?(.+)$", re.MULTILINE)
KINDS = {"Float": "f32", "Uint": "u32", "Sint": "i32", "Bool": "bool"}
TYPE = re.compile(r"\[\d+\] \(of type (?:Scalar\()?Scalar \{ kind: (\w+), width: \d+ \}\)?\)")


def message(error: Exception, file_name: str, lines: int) -> str:
    """naga's complaint, the line and the place in it.

    lines: how many of the text's lines are the file; what is behind them is put there by
    `kernels.assemble`.
    """
    text = str(error)
    place, quote = PLACE.search(text), QUOTE.search(text)
    what = _what(text, quote)
    if not place:
        return f"{file_name}: {what}"
    line, column = int(place[1]), int(place[2])
    if line > lines:
        where = f"{file_name}: {what}; in what is put behind the file"
    else:
        where = f"{file_name}:{line}:{column}: {what}"
    if not quote:
        return where
    indent = len(quote[1]) - len(quote[1].lstrip())
    return f"{where}\n    {quote[1].strip()}\n    {quote[2][indent:]}{quote[3]}"


def _what(text: str, quote: re.Match | None) -> str:
    parsing = re.search(r"parsing error: (.+)", text)
    notes = [TYPE.sub(lambda of: KINDS.get(of[1], of[1]), note) for note in NOTE.findall(text)]
    notes = [note for note in notes if not re.search(r"\[\d+\] is invalid$", note)]
    hint = [quote[4]] if quote and quote[4] and not quote[4].startswith("naga::") else []
    told = [parsing[1]] if parsing else hint or notes
    if not told:  # about the pipeline rather than a line: the innermost cause comes last
        told = [line.strip() for line in text.strip().splitlines() if line.strip()][-1:]
    return "; ".join(dict.fromkeys(told))
