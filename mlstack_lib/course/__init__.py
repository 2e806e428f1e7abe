"""What the chapters use, and what their maintainers build them with."""

from .judging import check, use

__all__ = ["check", "use"]
