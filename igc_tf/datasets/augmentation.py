"""Random changes of training pictures, as a layer without weights or state."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from igc_tf import maps
from igc_tf.config import DataConfig

#: At jitter 1 a picture is shifted by up to this share of its side along each axis, turned by up to so
#: many degrees, and scaled by up to so much; its colors are scaled by up to so much, each of the three by
#: up to so much more, and their distance from the picture's mean by up to so much. [choice]
_SHIFT, _TURN, _SCALE = 0.025, 6.0, 0.06
_GAIN, _TINT, _CONTRAST = 0.2, 0.08, 0.15
#: Tells the random numbers of the jitter from those of the mirroring.
_JITTER_STREAM = 1_000_003


class Augmentation(tf.keras.layers.Layer):
    """Mirrors and jitters pictures; what happens to a picture depends on seed and step alone.

    A shard of a batch changes as it would within the whole batch, so that a run does not depend on how
    many workers read for it.
    """

    def __init__(self, data: DataConfig, batch_size: int, seed: int, first: int = 0):
        """Makes the layer.

        Args:
          data: `flip` and `jitter`.
          batch_size: of the whole batch.
          seed: of the run.
          first: place of this shard's first picture in the whole batch.
        """
        super().__init__(name="augmentation", autocast=False)
        self.flip, self.jitter = data.flip, data.jitter
        self.batch_size, self.seed, self.first = batch_size, seed, first

    @property
    def idle(self) -> bool:
        """Whether it leaves all pictures as they are."""
        return not self.flip and not self.jitter

    def call(self, pictures: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The pictures of a step, changed; or other maps of them, which move as they do.

        Args:
          pictures: `[B, H, W, C]`, B at most `batch_size`; if uint8, their colors change too.
          step: scalar int64, from 0.

        Returns:
          Of the same shape and type.
        """
        changed = pictures
        if self.flip:
            mirrored = self._uniform(pictures, step, 0, 1)[:, 0] < 0.5
            changed = tf.where(
                mirrored[:, None, None, None], tf.reverse(changed, axis=[2]), changed
            )
        if self.jitter:
            signed = self.jitter * (2.0 * self._uniform(pictures, step, _JITTER_STREAM, 9) - 1.0)
            values = _moved(tf.cast(changed, tf.float32), signed[:, :4])
            if pictures.dtype == tf.uint8:
                values = tf.round(_recolored(values, signed[:, 4:]))
            changed = tf.cast(values, pictures.dtype)
        return changed

    def _uniform(self, pictures: tf.Tensor, step: tf.Tensor, stream: int, count: int) -> tf.Tensor:
        """`[B, count]` in [0, 1), of these pictures, this shard's."""
        seed = tf.stack([tf.constant(self.seed + stream, tf.int64), tf.cast(step, tf.int64)])
        whole = tf.random.stateless_uniform([self.batch_size * count], seed)
        return tf.reshape(whole, [-1, count])[self.first : self.first + pictures.shape[0]]


def _moved(values: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """Shifts, turns and scales `[B, h, w, C]` by `how` `[B, 4]`, in [-jitter, jitter]."""
    height, width = values.shape[1:3]
    shift_x, shift_y, turn, scale = (one[:, None, None] for one in tf.unstack(how, axis=1))
    x, y = np.meshgrid(
        (np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height - 0.5
    )
    x, y = (
        tf.constant(x, tf.float32)[None],
        tf.constant(y, tf.float32)[None],
    )  # sides from the middle
    angle, size = math.radians(_TURN) * turn, tf.exp(_SCALE * scale)
    cosine, sine = size * tf.cos(angle), size * tf.sin(angle)
    there_x = cosine * x - sine * y + _SHIFT * shift_x
    there_y = sine * x + cosine * y + _SHIFT * shift_y
    where = tf.stack([(there_x + 0.5) * width - 0.5, (there_y + 0.5) * height - 0.5], axis=-1)
    return maps.sample(values, where)


def _recolored(colors: tf.Tensor, how: tf.Tensor) -> tf.Tensor:
    """Changes gain, tint and contrast of `[B, H, W, 3]` in [0, 255] by `how` `[B, 5]`."""
    gain, tint, contrast = tf.split(how, [1, 3, 1], axis=1)
    factor = tf.exp(_GAIN * gain + _TINT * tint)[:, None, None, :]
    stretch = tf.exp(_CONTRAST * contrast)[:, None, None, :]
    mean = tf.reduce_mean(colors, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value(((colors - mean) * stretch + mean) * factor, 0.0, 255.0)
