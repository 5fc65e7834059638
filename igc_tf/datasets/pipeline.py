"""Batches in an order that depends on the seed and the step alone, so that a run resumes exactly."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from igc_tf.config import DataConfig
from igc_tf.datasets.augmentation import Augmentation


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

    def _at(self, position: int) -> int:
        epoch, index = divmod(position, self.count)
        if epoch != self._epoch:
            self._permutation = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            self._epoch = epoch
        return self._permutation[index]


def training_batches(
    images: np.ndarray,
    data: DataConfig,
    batch_size: int,
    seed: int,
    start: int,
    end: int,
    shard: int = 0,
    shards: int = 1,
    beside: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of steps `start` to `end - 1`, or one worker's share of them.

    Args:
      images: `[N, S, S, 3]` uint8.
      data: how they are augmented.
      batch_size: B, over all devices and workers.
      seed: of the order and the augmentation.
      start: first step.
      end: step to stop before.
      shard: which worker this is, from 0.
      shards: how many workers there are.
      beside: `[N, s, s, ...]` of any type, given out with the pictures and mirrored with them.

    Returns:
      A data set of (`[B / shards, S, S, 3]` uint8, `[B / shards]` int64 indices into `images`); with
      `beside`, of ((pictures, what lies beside them), indices). The workers' shares in their order are
      the whole batch, bit for bit.

    Raises:
      ValueError: there are no pictures, or the batch cannot be shared out evenly.
    """
    if batch_size % shards:
        raise ValueError(f"--batch_size={batch_size} must be a multiple of the {shards} workers.")
    order = BatchOrder(len(images), batch_size, seed)
    share = batch_size // shards
    augmentation = Augmentation(data, batch_size, seed, first=shard * share)

    def fetch(step: np.int64) -> tuple[np.ndarray, np.ndarray]:
        indices = order.indices(int(step))[shard * share : (shard + 1) * share]
        return images[indices], indices

    def load(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch, indices = tf.numpy_function(fetch, [step], [tf.uint8, tf.int64])
        batch.set_shape((share, *images.shape[1:]))
        indices.set_shape((share,))
        changed = batch if augmentation.idle else augmentation(batch, step)
        if beside is None:
            return changed, indices
        maps = tf.numpy_function(lambda rows: beside[rows], [indices], beside.dtype)
        maps.set_shape((share, *beside.shape[1:]))
        return (changed, augmentation(maps, step)), indices

    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.threading.private_threadpool_size = 1
    return tf.data.Dataset.range(start, end).map(load).prefetch(2).with_options(options)


def to_float(batch: tf.Tensor) -> tf.Tensor:
    """uint8 pictures in [0, 255] to float32 in [0, 1]."""
    return tf.cast(batch, tf.float32) / 255.0
