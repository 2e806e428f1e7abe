"""What the chapters use, and what their maintainers build them with."""
