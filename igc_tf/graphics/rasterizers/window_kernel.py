"""Visibility in stock TensorFlow operations: for GPUs, dynamic batches, XLA and SavedModels.

Testing every pixel against every triangle would take memory H W T, and a 64 x 64 grid mesh has
7,938 triangles, most no larger than a pixel. So each triangle is tested in its window only, the
pixel centers inside its bounding box: all (triangle, pixel) pairs of the batch are counted through,
in chunks of a fixed number whatever the triangles' sizes, and each chunk lowers a buffer of the
nearest triangle so far. Work grows with the windows' areas, memory with B (V + T + H W).

Edges and depths are rounded as TF Graphics' C++ kernel rounds them, so that both see the same: 16
fractional bits, edge coefficients of 24 bits, products exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

#: Pairs of a triangle and a pixel tested at a time.
CHUNK = 1 << 16
#: The same where a batch has few: one picture of 64 px has about 20,000, and a chunk is tested whole.
SMALL_CHUNK = 1 << 13
_FEW = 2 * CHUNK  # up to here the small chunks are faster, measured on two cores

_ONE = 1 << 16  # 1.0 in fixed point, which float64 holds here
_EMPTY = np.iinfo(np.int64).max


def visible_triangles(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the nearest triangle at each pixel center. Nothing is differentiable.

    Args:
        vertices: [B, V, 4] float32 clip coordinates; row 0 of the image is y = -1 here.
        triangles: [T, 3] int32.
        image_size: (height, width).

    Returns:
        [B, H, W] int32 triangle, 0 where there is none, and [B, H, W] bool coverage.
    """
    return search(vertices, triangles, image_size, (SMALL_CHUNK, CHUNK), _first_after)


def search(
    vertices: tf.Tensor,
    triangles: tf.Tensor,
    image_size: tuple[int, int],
    chunks: Sequence[int],
    first_after: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `visible_triangles`.

    Args:
        vertices: [B, V, 4] float32.
        triangles: [T, 3] int32.
        image_size: (height, width).
        chunks: pairs tested at a time; of two, the first is for batches that have few.
        first_after: of an ascending [N] and of numbers below its last, the index of the first entry that
            is larger than each number, int32.
    """
    height, width = image_size
    batch, count = tf.shape(vertices)[0], tf.shape(triangles)[0]
    windows, areas = _windows(vertices, triangles, image_size)
    ends = tf.cumsum(areas)  # Pair p is of the first window that ends after p.
    pairs = tf.reduce_sum(areas)
    flat_vertices = tf.reshape(vertices, [-1, 4])

    def draw_chunk(chunk: int, begin: tf.Tensor, nearest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        numbers = begin + tf.range(chunk, dtype=tf.int64)
        valid = numbers < pairs
        numbers = tf.minimum(numbers, pairs - 1)
        owner = first_after(ends, numbers)
        place = tf.cast(numbers - tf.gather(ends - areas, owner), tf.int32)
        left, top, columns = tf.unstack(tf.gather(windows, owner), axis=-1)
        row, column = top + place // columns, left + place % columns
        image, triangle = owner // count, owner % count
        corners = tf.gather(triangles, triangle) + (image * tf.shape(vertices)[1])[:, tf.newaxis]
        covered, depth = _test(tf.gather(flat_vertices, corners), row, column, image_size)
        key = tf.where(tf.logical_and(covered, valid), _key(depth, triangle), _EMPTY)
        pixel = (image * height + row) * width + column
        # What is past the last pair changes nothing, at pixels apart: a GPU takes turns at one.
        pixel = tf.where(valid, pixel, tf.range(chunk) % (batch * height * width))
        return begin + chunk, tf.tensor_scatter_nd_min(nearest, pixel[:, tf.newaxis], key)

    def render(chunk: int) -> tf.Tensor:
        nearest = tf.fill([batch * height * width], tf.constant(_EMPTY, tf.int64))
        _, nearest = tf.while_loop(
            lambda begin, _: begin < pairs,
            functools.partial(draw_chunk, chunk),
            [tf.constant(0, tf.int64), nearest],
            parallel_iterations=1,
        )
        return nearest

    few, many = chunks[0], chunks[-1]
    if few == many:
        nearest = render(many)
    else:
        nearest = tf.cond(pairs <= _FEW, lambda: render(few), lambda: render(many))
    nearest = tf.reshape(nearest, [batch, height, width])
    covered = nearest < _EMPTY
    triangle = tf.cast(tf.bitwise.bitwise_and(nearest, 0xFFFFFFFF), tf.int32)
    return tf.where(covered, triangle, 0), covered


def _first_after(ends: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    return tf.searchsorted(ends, numbers, side="right")


def _windows(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns triangles' windows, [B T, 3] int32 (left, top, columns), and areas, [B T] int64."""
    height, width = image_size
    x, y, z, w = tf.unstack(vertices, axis=-1)
    visible = tf.logical_and(w > 0, z >= -w)
    safe_w = tf.where(visible, tf.maximum(w, 1e-6), 1.0)
    bounds = []
    for coordinate, size in ((x, width), (y, height)):
        ratio = tf.clip_by_value(coordinate / safe_w, -1e3, 1e3)
        center = (ratio + 1) * (0.5 * size) - 0.5  # in pixels, 0 at the first pixel's center
        margin = size / _ONE * (1 + (1 + tf.abs(ratio)) / safe_w)  # what rounding may move
        first = tf.clip_by_value(tf.math.ceil(center - margin), 0, size)
        last = tf.clip_by_value(tf.floor(center + margin), -1, size - 1)
        # A triangle with vertices on both sides of the near plane may reach anywhere.
        bounds += [tf.where(visible, first, 0), tf.where(visible, -last, 1 - size)]
    bounds.append(tf.where(visible, 0.0, 1.0))
    bounds = tf.cast(tf.stack(bounds, axis=-1), tf.int32)  # [B, V, 5]
    bounds = tf.minimum(
        tf.minimum(
            tf.gather(bounds, triangles[:, 0], axis=1), tf.gather(bounds, triangles[:, 1], axis=1)
        ),
        tf.gather(bounds, triangles[:, 2], axis=1),
    )
    left, minus_right, top, minus_bottom, hidden = tf.unstack(tf.reshape(bounds, [-1, 5]), axis=-1)
    columns = tf.maximum(1 - minus_right - left, 0)
    rows = tf.maximum(1 - minus_bottom - top, 0)
    areas = tf.cast(rows * columns * (1 - hidden), tf.int64)
    return tf.stack([left, top, tf.maximum(columns, 1)], axis=-1), areas


def _test(
    corners: tf.Tensor, row: tf.Tensor, column: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Tests one pixel center against one triangle, N times.

    Args:
        corners: [N, 3, 4] float32 clip coordinates.
        row: [N] int32.
        column: [N] int32.
        image_size: (height, width).

    Returns:
        [N] bool, whether the center lies in the triangle and between the clipping planes; and its
        depth z / w there, [N] float32.
    """
    height, width = image_size
    corners = tf.unstack(tf.transpose(tf.reshape(corners, [-1, 12])))
    z, clip_w = corners[2::4], corners[3::4]
    x, y, w = (_to_fixed_point(tf.stack(corners[i::4])) for i in (0, 1, 3))
    px = tf.gather(_centers(width), column)
    py = tf.gather(_centers(height), row)
    edges = []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        a = _to_24_bits(y[i] * w[j] - y[j] * w[i])
        b = _to_24_bits(w[i] * x[j] - w[j] * x[i])
        c = _to_24_bits(x[i] * y[j] - x[j] * y[i])
        edges.append(a * px + b * py + c * _ONE)
    lowest = tf.minimum(tf.minimum(edges[0], edges[1]), edges[2])
    highest = tf.maximum(tf.maximum(edges[0], edges[1]), edges[2])
    within = tf.logical_or(
        tf.logical_and(lowest >= 0, highest > 0), tf.logical_and(highest <= 0, lowest < 0)
    )

    total = tf.where(within, tf.cast(edges[0] + edges[1] + edges[2], tf.float32), 1.0)
    b0, b1, b2 = (tf.cast(edge, tf.float32) / total for edge in edges)
    pixel_w = b0 * clip_w[0] + b1 * clip_w[1] + b2 * clip_w[2]
    within = tf.logical_and(within, pixel_w > 0)
    depth = (b0 * z[0] + b1 * z[1] + b2 * z[2]) / tf.where(within, pixel_w, 1.0)
    return tf.logical_and(within, tf.logical_and(depth >= -1, depth < 1)), depth


def _to_fixed_point(value: tf.Tensor) -> tf.Tensor:
    value = tf.cast(value * _ONE, tf.float64)
    return tf.where(value < 0, tf.math.ceil(value), tf.floor(value))


def _to_24_bits(value: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(value, tf.float32), tf.float64)


def _centers(size: int) -> np.ndarray:
    """Returns the pixel centers along an image's side, [size] float64 in fixed point."""
    half = np.float32(0.5 * size)
    center = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / half - np.float32(1)
    return np.trunc(center * np.float32(_ONE)).astype(np.float64)


def _key(depth: tf.Tensor, triangle: tf.Tensor) -> tf.Tensor:
    """Returns int64 keys that sort by float32 depth, then by int32 triangle."""
    bits = tf.bitcast(depth, tf.int32)
    # Negative floats' bits count backwards.
    order = tf.where(bits < 0, np.int32(-(2**31)) - bits, bits)
    return tf.cast(order, tf.int64) * (1 << 32) + tf.cast(triangle, tf.int64)
