"""The two errors that the command line turns into an exit status."""

from difflib import get_close_matches


class BadInput(ValueError):
    """What the user gave cannot be used: exit status 2. The message says what to give instead."""


class CouldNotFinish(RuntimeError):
    """The input was fine, but the work could not be finished: exit status 1."""


def nearest(name: str, known) -> str:
    """Return `, did you mean 'x'?` for the nearest of the names in `known`, or an empty string."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""
