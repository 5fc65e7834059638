"""How far the rendered picture is from the photo."""

from __future__ import annotations

import math

import tensorflow as tf

from igc_tf import maps

#: Levels of the pyramid loss: full, half and quarter size. [choice]
PYRAMID_LEVELS = 3


def masked_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean of `values` `[B, H, W]` where `mask` `[B, H, W]` is 1, per image `[B]`; 0 if nowhere."""
    total = tf.reduce_sum(values * mask, axis=(1, 2))
    return tf.math.divide_no_nan(total, tf.reduce_sum(mask, axis=(1, 2)))


def negative_log_likelihood(
    image: tf.Tensor, reconstruction: tf.Tensor, sigma: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """sqrt(2) |I - I^|_1 / sigma + ln sigma, a Laplacian's up to a constant [unsup3d].

    Args:
      image: `[B, H, W, 3]` in [0, 1]. Errors are counted on the color range [-1, 1], as [unsup3d].
      reconstruction: `[B, H, W, 3]`.
      sigma: `[B, H, W]` standard deviation of the error, > 0.
      mask: `[B, H, W]`, 1 where the canvas covers the pixel.

    Returns:
      `[B]` mean over the covered pixels; the L1 is averaged over the colors. May be negative.
    """
    error = 2.0 * tf.reduce_mean(tf.abs(image - reconstruction), axis=-1)
    return masked_mean(math.sqrt(2.0) * error / sigma + tf.math.log(sigma), mask)


def l1(image: tf.Tensor, reconstruction: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean absolute error over covered pixels and colors, `[B]`, in color units of [0, 1]."""
    return masked_mean(tf.reduce_mean(tf.abs(image - reconstruction), axis=-1), mask)


def pyramid(image: tf.Tensor, reconstruction: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """L1 of colors and of image gradients, summed over a pyramid of three levels [choice].

    It gets a training going far sooner than the likelihood alone, whose confidence first explains
    errors away.

    Args:
      image: `[B, H, W, 3]` in [0, 1].
      reconstruction: `[B, H, W, 3]`.
      mask: `[B, H, W]`. Uncovered pixels count as reproduced.

    Returns:
      `[B]`.
    """
    difference = (image - reconstruction) * mask[..., tf.newaxis]
    total = 0.0
    for level in range(PYRAMID_LEVELS):
        if level:
            difference = tf.nn.avg_pool2d(difference, 2, 2, "VALID")
        dy = maps.forward_difference(difference, 1)
        dx = maps.forward_difference(difference, 2)
        for term in (difference, dy, dx):
            total += tf.reduce_mean(tf.abs(term), axis=(1, 2, 3))
    return total
