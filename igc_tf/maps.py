"""What is done to maps everywhere: neighbours along an axis, doubling. Fast to differentiate.

On a CPU the gradients of `x[:, 1:]` (StridedSliceGrad) and of `tf.image.resize` (ResizeBilinearGrad)
cost several times what they compute; `tf.slice`'s is a plain pad, a matrix product's are matrix
products.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


def neighbours(maps: tf.Tensor, axis: int, distance: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """Two views of maps whose entries stood `distance` apart along an axis.

    Args:
      maps: of any shape, static along `axis`.
      axis: not negative.
      distance: at least 1, less than the maps' length.

    Returns:
      `maps[..., :-distance, ...]` and `maps[..., distance:, ...]`, cut along `axis`.
    """
    begin, size = [0] * maps.shape.rank, [-1] * maps.shape.rank
    size[axis] = maps.shape[axis] - distance
    first = tf.slice(maps, begin, size)
    begin[axis] = distance
    return first, tf.slice(maps, begin, size)


def forward_difference(maps: tf.Tensor, axis: int) -> tf.Tensor:
    """Each entry's next one along `axis` minus itself; one entry shorter there than `maps`."""
    first, second = neighbours(maps, axis)
    return second - first


@functools.cache
def _doubling(size: int) -> np.ndarray:
    """`[2 size, size]` float32: the weights of bilinear doubling, pixel centres at +0.5."""
    places = (np.arange(2 * size) + 0.5) / 2 - 0.5
    lower = np.floor(places).astype(int)
    weights = np.zeros((2 * size, size), np.float32)
    for row, (place, low) in enumerate(zip(places, lower, strict=True)):
        weights[row, max(low, 0)] += 1 - (place - low)
        weights[row, min(low + 1, size - 1)] += place - low
    return weights


def double(maps: tf.Tensor) -> tf.Tensor:
    """Doubles height and width bilinearly, as `tf.image.resize` does, by two matrix products.

    Args:
      maps: `[B, h, w, C]`, floating point; h, w and C static.

    Returns:
      `[B, 2h, 2w, C]` of the same dtype. Border pixels repeat the outermost values.
    """
    _, height, width, channels = maps.shape
    down = tf.constant(_doubling(height), maps.dtype)
    along = tf.constant(_doubling(width), maps.dtype)
    taller = tf.matmul(down, tf.reshape(maps, [-1, height, width * channels]))
    wider = tf.matmul(along, tf.reshape(taller, [-1, width, channels]))
    return tf.reshape(wider, [-1, 2 * height, 2 * width, channels])
