"""The global batch as one device sees it: for losses that look at more than their own image.

Every device calls each function alike, and not inside TensorFlow's branches or loops. Without a
distribution strategy the one device holds the whole batch.

Devices meet in the order in which each was traced. Backwards that order is the gradient tape's, which may
differ between them; so one call alone of a step, `gather`, passes a gradient on.
"""

from __future__ import annotations

import tensorflow as tf


def gather(values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | int]:
    """Values `[B, ...]` of all devices, `[G, ...]`, and where this device's begin; differentiable."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return values, 0
    return context.all_gather(values, axis=0), _number() * tf.shape(values)[0]


def total(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Each tensor's sum over the devices, a constant to the gradient."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        values = context.all_reduce(tf.distribute.ReduceOp.SUM, values)
    return [tf.stop_gradient(value) for value in values]


def count() -> int:
    """How many devices share the batch."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def share(values: tf.Tensor) -> tf.Tensor:
    """This device's rows of values `[G, ...]` that every device has alike."""
    rows = values.shape[0] // count()
    return tf.slice(
        values, [_number() * rows] + [0] * (values.shape.rank - 1), [rows, *values.shape[1:]]
    )


def _number() -> tf.Tensor:
    return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32)
