"""Batches in an order that depends on the seed and the step alone, so that a run resumes exactly."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class BatchOrder:
    """Which pictures make up which step: a fresh full shuffle every epoch, epochs joined without gap."""

    def __init__(self, count: int, batch_size: int, seed: int):
        """Makes the order of `count` pictures.

        Raises:
          ValueError: there are no pictures.
        """
        if count < 1:
            raise ValueError("There are no pictures to make batches of.")
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, step: int) -> np.ndarray:
        """`[batch_size]` int64: the pictures of step `step`, counted from 0."""
        first = step * self.batch_size
        return np.array(
            [self._at(position) for position in range(first, first + self.batch_size)], np.int64
        )

    def flips(self, step: int) -> np.ndarray:
        """`[batch_size]` bool: which pictures of step `step` are mirrored, each at even odds."""
        return np.random.default_rng((self.seed, step, 1)).random(self.batch_size) < 0.5

    def _at(self, position: int) -> int:
        epoch, index = divmod(position, self.count)
        if epoch != self._epoch:
            self._permutation = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            self._epoch = epoch
        return self._permutation[index]


def training_batches(
    images: np.ndarray, batch_size: int, seed: int, start: int, end: int, flip: bool
) -> tf.data.Dataset:
    """Batches of steps `start` to `end - 1`.

    Args:
      images: `[N, S, S, 3]` uint8.
      batch_size: over all devices.
      seed: of the order.
      start: first step.
      end: step to stop before.
      flip: mirror pictures at random.

    Returns:
      A data set of (`[batch_size, S, S, 3]` uint8, `[batch_size]` int64 indices into `images`).
    """
    order = BatchOrder(len(images), batch_size, seed)

    def fetch(step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        indices = order.indices(int(step))
        batch = images[indices]
        if flip:
            mirror = order.flips(int(step))
            batch[mirror] = batch[mirror, :, ::-1]
        return batch, indices

    def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch, indices = tf.numpy_function(fetch, [step], [tf.uint8, tf.int64])
        batch.set_shape((batch_size, *images.shape[1:]))
        indices.set_shape((batch_size,))
        return batch, indices

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.threading.private_threadpool_size = 1
    return tf.data.Dataset.range(start, end).map(load).prefetch(2).with_options(options)


def to_float(batch: tf.Tensor) -> tf.Tensor:
    """uint8 pictures in [0, 255] to float32 in [0, 1]."""
    return tf.cast(batch, tf.float32) / 255.0
