"""Parts are where a pre-trained network sees the same thing: semantic consistency of features [choice].

The idea is SCOPS's (Hung et al., CVPR 2019): each part has one feature vector over all images, and the
parts must explain the features of the photo. Here it is asked for in the canonical view, where a place
means the same in every image, so that the place may count among the features.
"""

from __future__ import annotations

import tensorflow as tf

from igc_tf import maps
from igc_tf.losses import devices
from igc_tf.structures import BACKGROUND

#: Variance of features below which there is nothing to explain: unit vectors that differ by rounding.
_NO_VARIANCE = 1e-6


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
    found = maps.sample(features, pixels * (side / image_size) - 0.5)
    return tf.stop_gradient(tf.math.l2_normalize(found, axis=-1, epsilon=1e-12))


def places(height: int, width: int) -> tf.Tensor:
    """`[h, w, 2]` (|x|, y) in the canonical view, sides of the view from its middle."""
    x = tf.abs((tf.range(width, dtype=tf.float32) + 0.5) / width - 0.5)
    y = (tf.range(height, dtype=tf.float32) + 0.5) / height - 0.5
    return tf.stack(tf.meshgrid(x, y), axis=-1)


def unexplained(z: tf.Tensor, visibility: tf.Tensor) -> tf.Tensor:
    """How badly one vector a part explains z where the parts are seen: the criterion of k-means.

    With p_m the visibility of part m as a share of what the parts show together, and w_m the mean of z
    over part m in all images of the global batch (a constant):

        sum over pixels of sum_m p_m |z - w_m|^2, over the same with the mean of all parts for w_m

    which is the share of z's variance that the parts leave unexplained. How much a pixel shows of the
    parts together is a constant too.

    Args:
      z: `[B, h, w, C]`, constant to the gradient.
      visibility: `[B, P, h, w]` of the P parts.

    Returns:
      `[B]`, about 1 for parts that say nothing, 0 for parts that say all, and where z is the same
      everywhere.
    """
    shown = tf.stop_gradient(tf.reduce_sum(visibility, axis=1))  # B x h x w
    share = visibility / tf.maximum(tf.reduce_sum(visibility, axis=1, keepdims=True), 1e-6)
    weights = tf.stop_gradient(visibility)
    squares = tf.reduce_sum(z * z, axis=-1)
    # Constants all: no gradient has to find its way back over the devices.
    sums, areas, squared = devices.total(
        [
            tf.einsum("bmhw,bhwc->mc", weights, z),
            tf.reduce_sum(weights, axis=(0, 2, 3)),
            tf.reduce_sum(shown * squares),
        ]
    )
    means = sums / tf.maximum(areas, 1e-6)[:, tf.newaxis]
    lengths = tf.reduce_sum(means * means, axis=-1)[tf.newaxis, :, tf.newaxis, tf.newaxis]
    distance = squares[:, tf.newaxis] - 2.0 * tf.einsum("bhwc,mc->bmhw", z, means) + lengths
    total = tf.maximum(tf.reduce_sum(areas), 1e-6)
    mean = tf.reduce_sum(sums, axis=0) / total
    variance = squared / total - tf.reduce_sum(mean * mean)
    left = tf.reduce_sum(share * distance, axis=1) * shown / tf.maximum(variance, _NO_VARIANCE)
    return tf.reduce_sum(left, axis=(1, 2)) / tf.maximum(tf.reduce_sum(shown, axis=(1, 2)), 1e-6)


def consistency(features: tf.Tensor, soft_visibility: tf.Tensor, place_weight: float) -> tf.Tensor:
    """How badly one feature vector and one place a part explain the foreground [choice].

    Features count less their mean over the image's own foreground: its light and its colors are no
    part's.

    Args:
      features: `[B, h, w, C]`, see `on_the_surface`.
      soft_visibility: `[B, M, h, w]`.
      place_weight: of the places beside the features.

    Returns:
      `[B]`, weighted mean of `unexplained` of the features and of the places.
    """
    parts = soft_visibility[:, BACKGROUND + 1 :]
    shown = tf.stop_gradient(tf.reduce_sum(parts, axis=1))
    shares = shown / tf.maximum(tf.reduce_sum(shown, axis=(1, 2), keepdims=True), 1e-6)
    own = tf.einsum("bhw,bhwc->bc", shares, features)
    found = unexplained(features - own[:, tf.newaxis, tf.newaxis], parts)
    if not place_weight:
        return found
    place = tf.broadcast_to(places(*features.shape[1:3]), [*features.shape[:3], 2])
    return (found + place_weight * unexplained(place, parts)) / (1 + place_weight)
