"""The checks of the exercises, a module a chapter, and what a chapter falls back on."""
