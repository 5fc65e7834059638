"""What makes parts of capsules: consistency, sparsity, background separation [paper].

The paper names these terms and gives no formulas but Eq. 9's purpose; the formulas are [choice].
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_addons as tfa

from igc_tf import maps
from igc_tf.structures import BACKGROUND


def contrastive(
    embeddings: tf.Tensor,
    temperature: float,
    all_embeddings: tf.Tensor | None = None,
    offset: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Semantic consistency, L_contra (Eq. 9), as InfoNCE [choice].

    The same capsule in another image is a positive, every other capsule of any image a negative:

        -mean over positives p of  ln( e^(s_ap / t) / (e^(s_ap / t) + sum over negatives n e^(s_an / t)) )

    with s the cosine of two shape embeddings and a the anchor.

    Args:
      embeddings: `[B, M, D]` shape embeddings of this device's images, the anchors.
      temperature: t.
      all_embeddings: `[G, M, D]` of the global batch, to compare with; `embeddings` if None.
      offset: index in `all_embeddings` of the first anchor's image, so that no anchor is its own
        positive.

    Returns:
      `[B]`, the mean over the image's capsules; 0 if there is no other image or no other capsule.
    """
    if all_embeddings is None:
        all_embeddings = embeddings
    parts = embeddings.shape[1]
    anchors = tf.math.l2_normalize(embeddings, axis=-1, epsilon=1e-12)
    others = tf.math.l2_normalize(all_embeddings, axis=-1, epsilon=1e-12)
    similarity = tf.einsum("amd,bnd->ambn", anchors, others) / temperature  # B x M x G x M
    same_part = tf.eye(parts, dtype=tf.bool)[tf.newaxis, :, tf.newaxis, :]
    negatives = tf.where(same_part, -1e9, similarity)
    log_negatives = tf.reduce_logsumexp(negatives, axis=(2, 3))  # B x M
    positive = tf.einsum("ambm->amb", similarity)  # B x M x G
    # -ln(e^p / (e^p + N)) = softplus(ln N - p)
    loss = tf.nn.softplus(log_negatives[..., tf.newaxis] - positive)
    count, total = tf.shape(embeddings)[0], tf.shape(all_embeddings)[0]
    other_image = tf.cast(
        tf.range(count)[:, tf.newaxis] + offset != tf.range(total)[tf.newaxis, :], loss.dtype
    )
    summed = tf.reduce_sum(loss * other_image[:, tf.newaxis, :], axis=2)
    return tf.reduce_mean(tf.math.divide_no_nan(summed, tf.cast(total - 1, loss.dtype)), axis=1)


def areas(soft_visibility: tf.Tensor) -> tf.Tensor:
    """Share of the canonical view each part covers, `[B, M, h, w]` to `[B, M]`."""
    return tf.reduce_mean(soft_visibility, axis=(2, 3))


def sparsity(soft_visibility: tf.Tensor, cap: float, floor: float = 0.0) -> tf.Tensor:
    """Spatial sparsity: no foreground part may cover the whole object, none may vanish [choice].

    Args:
      soft_visibility: `[B, M, h, w]`; the background's share is free.
      cap: share of the view above which a part costs its excess.
      floor: share below which it costs what it lacks.

    Returns:
      `[B]`, summed over the foreground parts, in shares of the view.
    """
    area = areas(soft_visibility)[:, BACKGROUND + 1 :]
    return tf.reduce_sum(tf.nn.relu(area - cap) + tf.nn.relu(floor - area), axis=1)


def background_region(part_depth: tf.Tensor, threshold: float, sigma: float) -> tf.Tensor:
    """The region outside the object, from depth alone: no saliency map, no mask [paper].

    The depth of the object without its background capsule is smoothed (the raw one is cheated by two
    capsules that interleave) and cut at mean + threshold standard deviations [choice].

    Args:
      part_depth: `[B, M, h, w]`, M at least 2.
      threshold: in standard deviations of the smoothed depth of the image.
      sigma: standard deviation of the Gaussian, px.

    Returns:
      `[B, h, w]`, 1 outside the object, else 0; a constant to the gradient.
    """
    foreground = tf.reduce_min(part_depth[:, BACKGROUND + 1 :], axis=1)
    radius = max(1, round(2 * sigma))
    smooth = tfa.image.gaussian_filter2d(
        foreground[..., tf.newaxis], filter_shape=2 * radius + 1, sigma=sigma
    )[..., 0]
    mean, variance = tf.nn.moments(smooth, axes=(1, 2), keepdims=True)
    region = smooth > mean + threshold * tf.sqrt(variance)
    return tf.stop_gradient(tf.cast(region, part_depth.dtype))


def background(soft_visibility: tf.Tensor, region: tf.Tensor) -> tf.Tensor:
    """Background separation: the background capsule is seen in `region` and nowhere else [choice].

    Args:
      soft_visibility: `[B, M, h, w]`.
      region: `[B, h, w]` in {0, 1}, see `background_region`.

    Returns:
      `[B]`, the mean over pixels of the cross entropy between region and visibility, in nats.
    """
    visible = tf.clip_by_value(soft_visibility[:, BACKGROUND], 1e-6, 1.0 - 1e-6)
    entropy = region * tf.math.log(visible) + (1.0 - region) * tf.math.log(1.0 - visible)
    return -tf.reduce_mean(entropy, axis=(1, 2))


def smoothness(part_depth: tf.Tensor, depth_range: float) -> tf.Tensor:
    """Dirichlet energy of the parts' depth, `[B, M, h, w]` to `[B]` [choice].

    Mean squared slope, in depth ranges per side of the map, so that it does not depend on the
    resolution. Squared: a ramp must cost less than a step of the same height, or the decoders
    saturate into plateaus, whose normals and gradients are gone.
    """
    side = part_depth.shape[3]
    slope = side / depth_range
    dy = maps.forward_difference(part_depth, 2) * slope
    dx = maps.forward_difference(part_depth, 3) * slope
    return tf.reduce_mean(dy * dy, axis=(1, 2, 3)) + tf.reduce_mean(dx * dx, axis=(1, 2, 3))
