"""Canonical depth and albedo to a picture: camera, pose, mesh, lighting, rasterizer, renderer."""
