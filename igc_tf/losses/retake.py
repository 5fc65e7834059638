"""Retakes: the object found in a photo is drawn under another pose, and must be found in that pose [choice].

Reconstruction alone hardly says what a turn looks like: pose and canonical maps both explain it, and the maps
learn faster. A drawn picture's pose is known, so it teaches the pose directly, at the scale of the model's own
shape; and what does not turn, the capsules' embeddings, must be found unchanged.
"""

from __future__ import annotations

import tensorflow as tf

from igc_tf.structures import Retake


def rotations(count: tf.Tensor, yaw: float, tilt: float, seed: tf.Tensor) -> tf.Tensor:
    """`[count, 3]` (pitch, yaw, roll), uniform in +-tilt, +-yaw, +-tilt, radians.

    Args:
      count: scalar int.
      yaw: radians.
      tilt: radians.
      seed: `[2]` integers; the same seed gives the same rotations.
    """
    unit = tf.random.stateless_uniform([count, 3], seed, -1.0, 1.0)
    return unit * tf.constant([tilt, yaw, tilt])


def pose_loss(retake: Retake, limits: tf.Tensor) -> tf.Tensor:
    """`[B]` mean squared error of the rotation, in units of its limits `[3]`, radians."""
    return tf.reduce_mean(tf.square((retake.found - retake.asked) / limits), axis=1)


def embedding_loss(retake: Retake) -> tf.Tensor:
    """`[B]` one minus the cosine of the parts' shape and albedo embeddings, of photo and retake."""

    def distance(first: tf.Tensor, again: tf.Tensor) -> tf.Tensor:
        unit = [tf.math.l2_normalize(e, axis=-1, epsilon=1e-12) for e in (first, again)]
        return tf.reduce_mean(1.0 - tf.reduce_sum(unit[0] * unit[1], axis=-1), axis=1)

    first, again = retake.first, retake.again
    return (distance(first.shape, again.shape) + distance(first.albedo, again.albedo)) / 2.0
