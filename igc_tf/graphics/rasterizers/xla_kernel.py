"""`window_kernel` for programs that XLA compiles whole.

Under XLA `tf.searchsorted` compares every number with every entry: a pair of a triangle and a pixel with
all triangles of the batch. Here it is a binary search, unrolled: as many gathers as the count has bits.
"""

from __future__ import annotations

import tensorflow as tf

from igc_tf.graphics.rasterizers import window_kernel

#: Pairs tested at a time, for each pixel of the batch: mostly all of them at once [choice].
_PAIRS_A_PIXEL = 2.5


def visible_triangles(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the nearest triangle at each pixel center. Nothing is differentiable.

    Args:
        vertices: [B, V, 4] float32 clip coordinates, B and V static; row 0 of the image is y = -1 here.
        triangles: [T, 3] int32, T static.
        image_size: (height, width).

    Returns:
        [B, H, W] int32 triangle, 0 where there is none, and [B, H, W] bool coverage: those of
        `window_kernel`.

    Raises:
        ValueError: if a shape is not static.
    """
    if None in (*vertices.shape, *triangles.shape):
        raise ValueError(f"Shapes must be static for XLA: {vertices.shape}, {triangles.shape}.")
    pixels = vertices.shape[0] * image_size[0] * image_size[1]
    chunk = -(-int(_PAIRS_A_PIXEL * pixels) // 1024) * 1024
    return window_kernel.search(vertices, triangles, image_size, (chunk,), first_after)


def first_after(ends: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """The index of the first of the ascending `ends` `[N]` above each of `numbers`, int32.

    Args:
        ends: `[N]`, N static.
        numbers: of any shape, the type of `ends`, below the last of it.
    """
    count = ends.shape[0]
    found = tf.zeros_like(numbers, tf.int32)  # so many entries are known not to be above
    for bit in reversed(range(count.bit_length())):
        tried = found + (1 << bit)
        below = tf.gather(ends, tf.minimum(tried, count) - 1) <= numbers
        found = tf.where(tf.logical_and(tried <= count, below), tried, found)
    return found
