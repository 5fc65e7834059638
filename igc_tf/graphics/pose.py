"""The pose: a rotation about the face's center and a translation [unsup3d]."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_graphics.geometry.transformation import rotation_matrix_3d

from igc_tf.structures import Pose

#: The point the face turns about: the middle of the canonical depth range, on the optical axis.
PIVOT = (0.0, 0.0, -1.0)


def identity(batch_size: int) -> Pose:
    """The pose of the canonical view: `rotation` and `translation` `[batch_size, 3]` zeros."""
    return Pose(tf.zeros([batch_size, 3]), tf.zeros([batch_size, 3]))


def rotation_matrix(rotation: tf.Tensor) -> tf.Tensor:
    """Rz(roll) Ry(yaw) Rx(pitch), `[B, 3]` radians to `[B, 3, 3]`."""
    return rotation_matrix_3d.from_euler(rotation)


def apply(pose: Pose, points: tf.Tensor) -> tf.Tensor:
    """Moves points from the canonical to the photo's view.

    Args:
      pose: of B images.
      points: `[B, V, 3]` float32, camera frame.

    Returns:
      `[B, V, 3]` float32. Differentiable in both.
    """
    pivot = tf.constant(PIVOT)
    turned = tf.linalg.matmul(points - pivot, rotation_matrix(pose.rotation), transpose_b=True)
    return turned + pivot + pose.translation[:, tf.newaxis, :]


def merge(part_pose: Pose) -> Pose:
    """The object's pose from its parts' `[B, M, 3]`: their mean [group]."""
    return Pose(
        tf.reduce_mean(part_pose.rotation, axis=1), tf.reduce_mean(part_pose.translation, axis=1)
    )
