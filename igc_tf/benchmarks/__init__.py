"""How fast and how large: timings of the step, its stages, the rasterizers and the exported model."""
