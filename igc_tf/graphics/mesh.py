"""The grid mesh of a depth map: its triangles and its normals."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from tensorflow_graphics.math import vector

from igc_tf import maps


@functools.cache
def grid_triangles(height: int, width: int) -> np.ndarray:
    """Two triangles for every cell of a grid of vertices in row-major order.

    Returns:
      `[2 (height - 1) (width - 1), 3]` int32, counter-clockwise as seen by the viewer.

    Raises:
      ValueError: a side is shorter than 2 vertices.
    """
    if height < 2 or width < 2:
        raise ValueError(f"A grid mesh needs at least 2x2 vertices, got {height}x{width}.")
    index = np.arange(height * width, dtype=np.int32).reshape(height, width)
    top_left, top_right = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    bottom_left, bottom_right = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    triangles = np.stack(
        [top_left, bottom_left, top_right, top_right, bottom_left, bottom_right], axis=-1
    ).reshape(-1, 3)
    triangles.setflags(write=False)  # shared by every caller
    return triangles


def grid_normals(points: tf.Tensor) -> tf.Tensor:
    """Unit normals of a grid of points, from central differences, z towards the viewer [unsup3d].

    Args:
      points: `[B, h, w, 3]` float32, camera frame; rows go down (-y), columns right (+x).

    Returns:
      `[B, h, w, 3]` float32 unit vectors; border normals are one-sided. Differentiable; a cell of
      zero area gets a zero vector, with zero gradient.
    """
    height, width = points.shape[1:3]
    # Coordinates first: a vector's are then far apart, an image's together, and arithmetic is fast.
    planes = tf.transpose(points, [3, 0, 1, 2])
    padded = tf.pad(planes, [[0, 0], [0, 0], [1, 1], [1, 1]], mode="SYMMETRIC")
    left, right = maps.neighbors(tf.slice(padded, [0, 0, 1, 0], [-1, -1, height, -1]), 3, 2)
    above, below = maps.neighbors(tf.slice(padded, [0, 0, 0, 1], [-1, -1, -1, width]), 2, 2)
    normal = vector.cross(below - above, right - left, axis=0)
    squared = tf.reduce_sum(normal * normal, axis=0, keepdims=True)
    proper = squared > 1e-20
    unit = tf.where(proper, normal * tf.math.rsqrt(tf.where(proper, squared, 1.0)), 0.0)
    return tf.transpose(unit, [1, 2, 3, 0])
