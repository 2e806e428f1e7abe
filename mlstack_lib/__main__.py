"""`python -m mlstack_lib ...` is `mlstack ...`."""

import sys

from .cli import main

sys.exit(main())
