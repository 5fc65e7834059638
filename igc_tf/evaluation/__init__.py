"""Measurements: plain NumPy arrays in, numbers with intervals out. Knows no model."""
