"""`mlstack bench`: what the package takes on this machine, beside PyTorch and cuBLASLt."""
