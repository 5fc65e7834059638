"""Perceptual loss: distance of a frozen network's features, with its own confidence [unsup3d]."""

from __future__ import annotations

import tensorflow as tf

from igc_tf import maps


def negative_log_likelihood(
    features: tf.Tensor, reconstructed_features: tf.Tensor, sigma: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """df^2 / (2 sigma^2) + ln sigma, a Gaussian's up to a constant [unsup3d].

    Args:
      features: `[B, s, s, C]` of the photo.
      reconstructed_features: `[B, s, s, C]` of the rendered picture.
      sigma: `[B, s, s]` standard deviation, > 0.
      mask: `[B, H, W]`, 1 where the canvas covers the pixel; averaged down to s x s.

    Returns:
      `[B]` mean over the covered cells; df^2 is averaged over the channels.
    """
    size = features.shape[1:3]
    cells = maps.resize(mask[..., tf.newaxis], size, "area")[..., 0]
    distance = tf.reduce_mean(tf.square(features - reconstructed_features), axis=-1)
    values = distance / (2.0 * tf.square(sigma)) + tf.math.log(sigma)
    total = tf.reduce_sum(values * cells, axis=(1, 2))
    return tf.math.divide_no_nan(total, tf.reduce_sum(cells, axis=(1, 2)))
