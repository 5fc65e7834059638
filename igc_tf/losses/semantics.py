"""Parts are where a pre-trained network sees the same thing: semantic consistency of features [choice].

The idea is SCOPS's (Hung et al., CVPR 2019): each part has one feature vector over all images, and the
parts must explain the features of the photo. Here it is asked for in the canonical view, where a place
means the same in every image, so that the place may count among the features.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_addons as tfa

from igc_tf.structures import BACKGROUND


def on_the_surface(features: tf.Tensor, pixels: tf.Tensor, image_size: int) -> tf.Tensor:
    """Looks a photo's features up at the places where points of the surface appear in it.

    Args:
      features: `[B, s, s, C]` of the photos.
      pixels: `[B, h, w, 2]` (x, y) where each point of the canonical view appears, px.
      image_size: side of the photo, px.

    Returns:
      `[B, h, w, C]` unit vectors, constant to the gradient. Occlusion is not looked at.
    """
    side = features.shape[1]
    where = pixels * (side / image_size) - 0.5
    where = tf.clip_by_value(where, 0.0, side - 1.001)
    found = tfa.image.resampler(features, where)
    return tf.stop_gradient(tf.math.l2_normalize(found, axis=-1, epsilon=1e-12))


def places(height: int, width: int) -> tf.Tensor:
    """`[h, w, 2]` (|x|, y) in the canonical view, sides of the view from its middle."""
    x = tf.abs((tf.range(width, dtype=tf.float32) + 0.5) / width - 0.5)
    y = (tf.range(height, dtype=tf.float32) + 0.5) / height - 0.5
    return tf.stack(tf.meshgrid(x, y), axis=-1)


def consistency(features: tf.Tensor, soft_visibility: tf.Tensor, place_weight: float) -> tf.Tensor:
    """How badly one feature vector a part explains the features of the foreground [choice].

    With Z the features, less their mean over the image's own foreground (its light and its colours are no
    part's), and the weighted places; p the foreground parts' shares of what is seen; and w_m the mean of Z over
    part m in all images of the batch (a constant):

        sum over foreground of sum_m p_m |Z - w_m|^2, over the same with the mean of all parts for w_m

    which is the share of Z's variance that the parts leave unexplained: the criterion of k-means.

    Args:
      features: `[B, h, w, C]`, see `on_the_surface`.
      soft_visibility: `[B, M, h, w]`.
      place_weight: variance of the places, over the features' one.

    Returns:
      `[B]`, about 1 for parts that say nothing, 0 for parts that say all.
    """
    height, width = features.shape[1:3]
    shown = soft_visibility[:, BACKGROUND + 1 :]
    foreground = tf.stop_gradient(tf.reduce_sum(shown, axis=1))  # B x h x w
    share = shown / tf.maximum(tf.reduce_sum(shown, axis=1, keepdims=True), 1e-6)
    weighted = tf.stop_gradient(shown)
    total = tf.reduce_sum(foreground)

    def spread(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Squared distances of z to each part's mean `[B, M-1, h, w]`, and to the mean of all `[]`."""
        sums = tf.einsum("bmhw,bhwc->mc", weighted, z)
        means = sums / tf.maximum(tf.reduce_sum(weighted, axis=(0, 2, 3)), 1e-6)[:, tf.newaxis]
        squares = tf.reduce_sum(z * z, axis=-1)
        cross = tf.einsum("bhwc,mc->bmhw", z, means)
        lengths = tf.reduce_sum(means * means, axis=-1)[tf.newaxis, :, tf.newaxis, tf.newaxis]
        mean = tf.reduce_sum(sums, axis=0) / total
        variance = tf.reduce_sum(foreground * squares) / total - tf.reduce_sum(mean * mean)
        return squares[:, tf.newaxis] - 2.0 * cross + lengths, variance

    shares = foreground / tf.maximum(tf.reduce_sum(foreground, axis=(1, 2), keepdims=True), 1e-6)
    own = tf.einsum("bhw,bhwc->bc", shares, features)
    distance, variance = spread(features - own[:, tf.newaxis, tf.newaxis])
    distance /= variance
    if place_weight:
        place = tf.broadcast_to(places(height, width), [*features.shape[:3], 2])
        place_distance, place_variance = spread(place)
        distance = (distance + place_weight * place_distance / place_variance) / (1 + place_weight)
    unexplained = tf.reduce_sum(share * distance, axis=1) * foreground
    return tf.reduce_sum(unexplained, axis=(1, 2)) / tf.maximum(
        tf.reduce_sum(foreground, axis=(1, 2)), 1e-6
    )
