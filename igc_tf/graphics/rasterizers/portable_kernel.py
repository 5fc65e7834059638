"""Visibility in float32 and int32 alone, for engines that have no more: TFLite, OpenVINO, browsers.

Image row by image row: the triangles that the row crosses in any image of the batch are tested against
every pixel center of the row. Corners are first moved so that the row is y = 0, whereby float32 has
digits enough. Where a center lies within 1e-5 of a triangle's size of its edge, this kernel may choose
the neighbor that the others do not; there both give the same to about 1e-5, but for the outline.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

#: How far outside a triangle, as a share of its size, a center may lie and still be covered: more than
#: float32 loses, so that no pixel falls between two triangles [choice].
TOLERANCE = 1e-5
_NOWHERE = 2.0  # a depth beyond the far plane, which is at 1
_TINY = 1e-20


def visible_triangles(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the nearest triangle at each pixel center. Nothing is differentiable.

    Args:
        vertices: [B, V, 4] float32 clip coordinates, w > 0; row 0 of the image is y = -1 here. A
            triangle with a vertex behind the camera is not rendered.
        triangles: [T, 3] int32.
        image_size: (height, width).

    Returns:
        [B, H, W] int32 triangle, 0 where there is none, and [B, H, W] bool coverage.
    """
    height, width = image_size
    x, y, z, w = tf.unstack(vertices, axis=-1)  # [B, V]
    columns = tf.constant((np.arange(width) + 0.5) * 2 / width - 1, tf.float32)
    rows = tf.constant((np.arange(height) + 0.5) * 2 / height - 1, tf.float32)

    def see(row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[B, W] triangle and coverage of one row."""
        above = y - w * row
        numbers = _crossed(above, w, triangles)
        corners = tf.gather(triangles, numbers)  # [K, 3]
        covered, depth = _test([_corners(each, corners) for each in (x, above, z, w)], columns)
        depth = tf.where(covered, depth, _NOWHERE)
        nearest = tf.argmin(depth, axis=2, output_type=tf.int32)
        found = tf.reduce_min(depth, axis=2) < 1.0
        return tf.where(found, tf.gather(numbers, nearest), 0), found

    triangle, covered = tf.map_fn(
        see, rows, fn_output_signature=(tf.int32, tf.bool), parallel_iterations=1
    )
    # A map over rows knows no shapes.
    shape = [height, vertices.shape[0] or tf.shape(vertices)[0], width]
    triangle, covered = tf.reshape(triangle, shape), tf.reshape(covered, shape)
    return tf.transpose(triangle, [1, 0, 2]), tf.transpose(covered, [1, 0, 2])


def _crossed(above: tf.Tensor, w: tf.Tensor, triangles: tf.Tensor) -> tf.Tensor:
    """[K] int32, numbers of the triangles that y = 0 crosses in any image; number 0 comes always."""
    corners = _corners(above, triangles)  # three of [B, T]
    lowest = tf.minimum(tf.minimum(corners[0], corners[1]), corners[2])
    highest = tf.maximum(tf.maximum(corners[0], corners[1]), corners[2])
    margin = TOLERANCE * (highest - lowest)
    crossed = tf.logical_and(lowest - margin <= 0.0, highest + margin >= 0.0)
    crossed = tf.reduce_any(crossed, axis=0)
    numbers = tf.cast(tf.where(crossed)[:, 0], tf.int32)
    return tf.concat([tf.zeros([1], tf.int32), numbers], axis=0)


def _corners(values: tf.Tensor, triangles: tf.Tensor) -> list[tf.Tensor]:
    """Values `[B, V]` at the three corners of triangles `[K, 3]`, each `[B, K]`."""
    return [tf.gather(values, triangles[:, corner], axis=1) for corner in range(3)]


def _test(xyzw: list[list[tf.Tensor]], columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Tests the points (column, 0) against triangles; of x, y, z, w three corners `[B, K]` each.

    Returns:
        [B, W, K] bool, whether the point lies in the triangle and between the clipping planes; and
        its depth z / w there, [B, W, K] float32.
    """
    # Homogeneous cross products: weight i at (x, 0) is slope_i x + constant_i.
    x, y, z, w = xyzw
    slopes, constants = [], []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        slopes.append(y[i] * w[j] - y[j] * w[i])
        constants.append(x[i] * y[j] - x[j] * y[i])
    volume = constants[0] * w[0] + constants[1] * w[1] + constants[2] * w[2]
    in_front = tf.minimum(tf.minimum(w[0], w[1]), w[2]) > 0.0
    proper = tf.logical_and(tf.abs(volume) > _TINY, in_front)
    scale = 1.0 / tf.where(proper, volume, 1.0)
    points = columns[tf.newaxis, :, tf.newaxis]
    depth, weights = 0.0, []
    for i in range(3):
        slope, constant = slopes[i] * scale, constants[i] * scale
        weights.append(slope[:, tf.newaxis] * points + constant[:, tf.newaxis])
        depth += weights[i] * z[i][:, tf.newaxis]
    lowest = tf.minimum(tf.minimum(weights[0], weights[1]), weights[2])
    covered = tf.logical_and(lowest >= -TOLERANCE, proper[:, tf.newaxis])
    within = tf.logical_and(depth >= -1.0, depth < 1.0)
    return tf.logical_and(covered, within), depth
