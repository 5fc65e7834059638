"""Random mirroring of training pictures, as a layer without weights or state."""

from __future__ import annotations

import tensorflow as tf

from igc_tf.config import DataConfig


class Augmentation(tf.keras.layers.Layer):
    """Mirrors pictures at random; what happens to a picture depends on seed and step alone.

    A shard of a batch changes as it would within the whole batch, so that a run does not depend on how
    many workers read for it.
    """

    def __init__(self, data: DataConfig, batch_size: int, seed: int, first: int = 0):
        """Makes the layer.

        Args:
          data: `flip`.
          batch_size: of the whole batch.
          seed: of the run.
          first: place of this shard's first picture in the whole batch.
        """
        super().__init__(name="augmentation", autocast=False)
        self.flip = data.flip
        self.batch_size, self.seed, self.first = batch_size, seed, first

    @property
    def idle(self) -> bool:
        """Whether it leaves all pictures as they are."""
        return not self.flip

    def call(self, maps: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The pictures of a step, or other maps of them, each second one mirrored.

        Args:
          maps: `[B, H, W, C]` of any type, B at most `batch_size`.
          step: scalar int64, from 0.

        Returns:
          Of the same shape and type.
        """
        if self.idle:
            return maps
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        whole = tf.random.stateless_uniform([self.batch_size], seed)
        own = whole[self.first : self.first + maps.shape[0]]
        return tf.where(own[:, None, None, None] < 0.5, tf.reverse(maps, axis=[2]), maps)
