"""The proof that a device computes what the reference says: cases, comparison, table."""
