"""The pinhole camera: pixels and depth to points, points to clip space."""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow_graphics.rendering.camera import perspective

#: Clipping planes, units of the camera's distance. A face and its pose stay well within them.
NEAR, FAR = 0.1, 10.0


def half_extent(fov_degrees: float) -> float:
    """Half the width of the picture at depth 1: tan(fov / 2)."""
    return math.tan(math.radians(fov_degrees) / 2.0)


def pixel_rays(size: tuple[int, int], fov_degrees: float, margin: int = 0) -> tf.Tensor:
    """Points at depth 1 behind the pixel centers.

    Args:
      size: (height, width) of the grid. The field of view spans the width.
      fov_degrees: horizontal field of view, degrees.
      margin: rows and columns of pixels added outside each border.

    Returns:
      `[height + 2 margin, width + 2 margin, 3]` float32; z is -1. Multiply by depth to unproject.
    """
    height, width = size
    scale = half_extent(fov_degrees) / (width / 2.0)
    x = (tf.range(-margin, width + margin, dtype=tf.float32) + 0.5 - width / 2.0) * scale
    y = -(tf.range(-margin, height + margin, dtype=tf.float32) + 0.5 - height / 2.0) * scale
    grid_x, grid_y = tf.meshgrid(x, y)
    return tf.stack([grid_x, grid_y, -tf.ones_like(grid_x)], axis=-1)


def unproject(depth: tf.Tensor, fov_degrees: float, margin: int = 0) -> tf.Tensor:
    """Lifts a depth map to points of the camera frame.

    Args:
      depth: `[B, h, w]` float32; with a margin it is continued by mirroring at the border.
      fov_degrees: horizontal field of view, degrees.
      margin: see `pixel_rays`.

    Returns:
      `[B, h + 2 margin, w + 2 margin, 3]` float32 points.
    """
    rays = pixel_rays((depth.shape[1], depth.shape[2]), fov_degrees, margin)
    return pad_maps(depth, margin)[..., tf.newaxis] * rays


def pad_maps(maps: tf.Tensor, margin: int) -> tf.Tensor:
    """Continues maps `[B, h, w, ...]` by `margin` pixels on each side, mirrored at the border."""
    if margin == 0:
        return maps
    paddings = [[0, 0], [margin, margin], [margin, margin]] + [[0, 0]] * (maps.shape.rank - 3)
    return tf.pad(maps, paddings, mode="SYMMETRIC")


def projection_matrix(size: tuple[int, int], fov_degrees: float) -> tf.Tensor:
    """`[4, 4]` right-handed perspective matrix (TF Graphics), camera frame to clip space.

    Args:
      size: (height, width) of the picture.
      fov_degrees: horizontal field of view, degrees.
    """
    height, width = size
    vertical_fov = 2.0 * math.atan(half_extent(fov_degrees) * height / width)
    return perspective.right_handed([vertical_fov], [width / height], [NEAR], [FAR])


def to_clip_space(points: tf.Tensor, size: tuple[int, int], fov_degrees: float) -> tf.Tensor:
    """Projects points `[..., 3]` of the camera frame to homogeneous clip space `[..., 4]`."""
    homogeneous = tf.concat([points, tf.ones_like(points[..., :1])], axis=-1)
    return tf.linalg.matmul(homogeneous, projection_matrix(size, fov_degrees), transpose_b=True)


def to_pixels(points: tf.Tensor, size: tuple[int, int], fov_degrees: float) -> tf.Tensor:
    """Projects points `[..., 3]` of the camera frame to (x, y) pixels `[..., 2]`, centers at +0.5.

    Depth must be positive; a point in the camera's plane has no image (division by zero).
    """
    height, width = size
    scale = (width / 2.0) / half_extent(fov_degrees)
    depth = -points[..., 2]
    x = points[..., 0] / depth * scale + width / 2.0
    y = -points[..., 1] / depth * scale + height / 2.0
    return tf.stack([x, y], axis=-1)
