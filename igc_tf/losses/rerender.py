"""Re-rendering: what was found in a photo is rendered in another pose, and must be found in it [choice].

Reconstruction alone hardly says what a turn looks like: pose and canonical maps can both explain it, and
the maps learn faster. The pose of a rendered picture is known, so it supervises the pose directly, at
the scale of the model's own shape.
"""

from __future__ import annotations

import tensorflow as tf

from igc_tf.structures import Rerendered


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


def pose_loss(rerendered: Rerendered, limits: tf.Tensor) -> tf.Tensor:
    """`[B]` mean squared error of the rotation, in units of its limits `[3]`, radians."""
    return tf.reduce_mean(tf.square((rerendered.found - rerendered.asked) / limits), axis=1)
