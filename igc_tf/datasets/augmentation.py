"""Random changes of training pictures, as a layer without weights or state."""

from __future__ import annotations

import tensorflow as tf

from igc_tf.config import DataConfig

#: Weights of red, green and blue in brightness (Rec. 601).
_LUMA = (0.299, 0.587, 0.114)


class Augmentation(tf.keras.layers.Layer):
    """Mirrors and recolours pictures at random; what happens to a picture depends on seed and step alone.

    A shard of a batch changes as it would within the whole batch, so that a run does not depend on how
    many workers read for it.
    """

    def __init__(self, data: DataConfig, batch_size: int, seed: int, first: int = 0):
        """Makes the layer.

        Args:
          data: `flip` and `color_jitter`.
          batch_size: of the whole batch.
          seed: of the run.
          first: place of this shard's first picture in the whole batch.
        """
        super().__init__(name="augmentation", dtype=tf.float32)
        self.flip, self.jitter = data.flip, data.color_jitter
        self.batch_size, self.seed, self.first = batch_size, seed, first

    @property
    def idle(self) -> bool:
        """Whether it leaves all pictures as they are."""
        return not self.flip and self.jitter == 0

    def call(self, images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The pictures of a step, changed.

        Args:
          images: `[B, H, W, 3]` uint8, B at most `batch_size`.
          step: scalar int64, from 0.

        Returns:
          Of the same shape and type.
        """
        images = self.mirror(images, step)
        if self.jitter:
            images = self._recoloured(images, step)
        return images

    def mirror(self, maps: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Mirrors `[B, H, W, C]` maps of any type as the step's pictures are."""
        if not self.flip:
            return maps
        mirrored = self._uniform(maps, step, 0)[:, None, None, None] < 0.5
        return tf.where(mirrored, tf.reverse(maps, axis=[2]), maps)

    def _recoloured(self, images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Brightness, contrast and saturation, each by a factor within 1 +- `color_jitter` [choice]."""
        brightness, contrast, saturation = (
            1 + self.jitter * (2 * self._uniform(images, step, stream) - 1)[:, None, None, None]
            for stream in (1, 2, 3)
        )
        value = tf.cast(images, tf.float32) * brightness
        mean = tf.reduce_mean(value, axis=(1, 2, 3), keepdims=True)
        value = mean + (value - mean) * contrast
        gray = tf.reduce_sum(value * tf.constant(_LUMA), axis=-1, keepdims=True)
        value = gray + (value - gray) * saturation
        return tf.cast(tf.round(tf.clip_by_value(value, 0.0, 255.0)), tf.uint8)

    def _uniform(self, images: tf.Tensor, step: tf.Tensor, stream: int) -> tf.Tensor:
        """`[B]` within [0, 1), of the pictures' places in the whole batch."""
        # The stream lies above any seed that a flag holds in 60 bits.
        seed = tf.stack(
            [tf.constant(self.seed + (stream << 60), tf.int64), tf.cast(step, tf.int64)]
        )
        whole = tf.random.stateless_uniform([self.batch_size], seed)
        return whole[self.first : self.first + images.shape[0]]
