"""What is done to maps everywhere: neighbors along an axis, resizing, sampling. For any device.

On a CPU the gradients of `x[:, 1:]` (StridedSliceGrad) and of `tf.image.resize` (ResizeBilinearGrad)
cost several times what they compute; `tf.slice`'s is a plain pad, a matrix product's are matrix
products. On a GPU TensorFlow has no kernel at all for resizing with antialiasing or by areas, nor TF
Addons for its `resampler`.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf


def neighbors(maps: tf.Tensor, axis: int, distance: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
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
    first, second = neighbors(maps, axis)
    return second - first


@functools.cache
def _doubling(size: int) -> np.ndarray:
    """`[2 size, size]` float32: the weights of bilinear doubling, pixel centers at +0.5."""
    places = (np.arange(2 * size) + 0.5) / 2 - 0.5
    lower = np.floor(places).astype(int)
    weights = np.zeros((2 * size, size), np.float32)
    for row, (place, low) in enumerate(zip(places, lower, strict=True)):
        weights[row, max(low, 0)] += 1 - (place - low)
        weights[row, min(low + 1, size - 1)] += place - low
    return weights


def upsample_2x(maps: tf.Tensor) -> tf.Tensor:
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


@functools.cache
def _resizing(old: int, new: int, method: str) -> np.ndarray:
    """`[new, old]` float32: what `tf.image.resize` makes of each unit vector."""
    with tf.init_scope(), tf.device("CPU"):
        unit_vectors = tf.eye(old)[tf.newaxis, :, :, tf.newaxis]
        resized = tf.image.resize(unit_vectors, [new, old], method, antialias=True)
        return tf.squeeze(resized, [0, 3]).numpy()


def resize(maps: tf.Tensor, size: tuple[int, int], method: str = "bilinear") -> tf.Tensor:
    """`tf.image.resize` with antialiasing, as two matrix products.

    Args:
      maps: `[B, h, w, C]` float32; h, w and C static.
      size: (height, width) wanted.
      method: 'bilinear', or 'area', of which each pixel is the mean of the area it covers.

    Returns:
      `[B, *size, C]` float32.
    """
    _, height, width, _ = maps.shape
    down = tf.constant(_resizing(height, size[0], method))
    along = tf.constant(_resizing(width, size[1], method))
    planes = tf.transpose(maps, [0, 3, 1, 2])  # so that products are of pictures, not of colors
    resized = tf.matmul(tf.matmul(down, planes), along, transpose_b=True)
    return tf.transpose(resized, [0, 2, 3, 1])


def sample(maps: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Looks maps up between their pixels, bilinearly; outside they go on as their borders are.

    Args:
      maps: `[B, h, w, C]` float32; h, w and C static, h and w at least 2.
      where: `[B, ..., 2]` (x, y) px, 0 at the first pixel's center.

    Returns:
      `[B, ..., C]` float32, differentiable in both.
    """
    batch, (_, height, width, channels) = tf.shape(maps)[0], maps.shape
    where = tf.clip_by_value(where, 0.0, [width - 1.0, height - 1.0])
    corner = tf.minimum(tf.floor(where), [width - 2.0, height - 2.0])
    right, down = tf.split(where - corner, 2, axis=-1)  # shares of the next column and row
    x, y = tf.unstack(tf.cast(corner, tf.int32), axis=-1)
    image = tf.reshape(tf.range(batch), [-1] + [1] * (x.shape.rank - 1))
    pixel, flat = (image * height + y) * width + x, tf.reshape(maps, [-1, channels])
    return tf.add_n(
        [
            (1.0 - right) * (1.0 - down) * tf.gather(flat, pixel),
            right * (1.0 - down) * tf.gather(flat, pixel + 1),
            (1.0 - right) * down * tf.gather(flat, pixel + width),
            right * down * tf.gather(flat, pixel + width + 1),
        ]
    )
