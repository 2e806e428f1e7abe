"""`--kernels DIR`: the learner's files serve, after they were tried; launches are timed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import kernels
from ..devices import device
from ..errors import BadInput
from .trying import try_out
from .uses import timed


@contextmanager
def laid_over(folder: Path | None, device_name: str) -> Iterator[None]:
    """Within the block kernels of `folder` win over the packaged ones; None changes nothing.

    Each file is tried in a child process first, and a note says which are wrong. Raises BadInput,
    CouldNotFinish: see `trying`.
    """
    if folder is None:
        yield
        return
    if device_name == "cpu":
        raise BadInput(
            "--kernels: device cpu runs no kernel files; give --device cuda, cuda-sim or webgpu"
        )
    for note in try_out(folder, device_name):
        print(f"note: {note}", file=sys.stderr)
    device(device_name).forget_steps()
    with kernels.folder_first(folder), timed(device(device_name)):
        yield
