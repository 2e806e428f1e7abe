"""Where the package keeps what it has made or downloaded."""

import os
import warnings
from pathlib import Path

from tqdm import TqdmWarning

with warnings.catch_warnings():  # in a notebook pooch's tqdm asks for widgets, which we do without
    warnings.simplefilter("ignore", TqdmWarning)
    import pooch


def cache_folder() -> Path:
    """Downloads, tokens and compiled kernels: $MLSTACK_DATA, else the platform's cache."""
    return Path(os.environ.get("MLSTACK_DATA") or pooch.os_cache("mlstack")).expanduser().absolute()
