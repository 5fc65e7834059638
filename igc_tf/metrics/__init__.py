"""Metrics: plain arrays in, numbers with intervals out."""
