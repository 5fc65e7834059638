"""How fast and how large: timings of the step, its stages, the rasterisers and the exported model."""
