"""The reference's functions at speed: on `cpu` in NumPy, on other devices by launching kernels."""
