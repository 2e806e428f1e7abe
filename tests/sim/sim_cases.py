"""All cases, in the order of their files."""

import sim_cases_block  # noqa: F401
import sim_cases_launch  # noqa: F401
from sim_case import CASES

__all__ = ["CASES"]
