"""What the chapters use, and what their maintainers build them with."""

from .agreement import agree
from .judging import check, use

__all__ = ["agree", "check", "use"]
