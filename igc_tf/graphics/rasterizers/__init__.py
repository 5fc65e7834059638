"""Rasterizers: one contract, and the kernels that keep it."""
