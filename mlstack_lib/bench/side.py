"""A side of a comparison, measured in a process of its own: memory, threads and faults stay there.

    python -m mlstack_lib.bench.side '{"side": "ours", "what": "step", "on": "cpu", ...}'

prints what was measured as a line of JSON, or {"missing": why it could not be}.
"""

import json
import subprocess
import sys

from ..errors import BadInput, CouldNotFinish
from . import ours, theirs

SIDES = {"ours": ours, "theirs": theirs}
LIMIT = 240  # seconds


def measured(side: str, what: str, **case) -> dict:
    """What a function of a side returns, called in another process; or why it does not."""
    text = json.dumps({"side": side, "what": what, **case})
    command = [sys.executable, "-m", __spec__.name, text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"missing": f"not done after {LIMIT} s"}
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        return {"missing": said[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(side: str, what: str, **case) -> dict:
    """The same in this process."""
    try:
        return getattr(SIDES[side], what)(**case)
    except (BadInput, CouldNotFinish, NotImplementedError) as error:
        return {"missing": str(error)}


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
