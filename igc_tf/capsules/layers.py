"""The convolutional pieces that encoder, decoders and confidence network are made of."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from igc_tf import maps

#: Side of the smallest feature map, between the convolutions and the embedding.
BOTTLENECK = 4


def stages(size: int) -> int:
    """How many halvings lead from maps of `size` px to the bottleneck.

    Raises:
      ValueError: `size` is not a power of 2, or is below the bottleneck.
    """
    count = int(round(math.log2(size / BOTTLENECK))) if size >= BOTTLENECK else -1
    if count < 0 or BOTTLENECK * 2**count != size:
        raise ValueError(
            f"Maps of {size} px: the side must be a power of 2, at least {BOTTLENECK}."
        )
    return count


class ConvolutionStack(tf.keras.layers.Layer):
    """Strided 4x4 convolutions down to one vector [unsup3d].

    Channels double at each stage up to 8 times the first, then a valid 4x4 convolution leaves
    `features` numbers an image.
    """

    def __init__(self, size: int, channels: int, features: int, slope: float = 0.0, **kwargs: Any):
        """Makes the stack.

        Args:
          size: side of the input, px.
          channels: of the first stage.
          features: length of the output.
          slope: of the rectifier's negative side.
          **kwargs: of `tf.keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.slope = slope
        self.convolutions = [
            tf.keras.layers.Conv2D(channels * min(2**stage, 8), 4, 2, "same", name=f"down_{stage}")
            for stage in range(stages(size))
        ]
        self.to_vector = tf.keras.layers.Conv2D(
            features, BOTTLENECK, padding="valid", name="to_vector"
        )

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """`[B, size, size, C]` to `[B, features]`, rectified."""
        x = image
        for convolution in self.convolutions:
            x = self._rectify(convolution(x))
        return self._rectify(self.to_vector(x))[:, 0, 0, :]

    def _rectify(self, x: tf.Tensor) -> tf.Tensor:
        # As a maximum: a graph rewrite of TensorFlow's stumbles over its leaky_relu's gradient.
        return tf.maximum(x, self.slope * x) if self.slope else tf.nn.relu(x)


def normalization(norm: str, channels: int) -> tf.keras.layers.Layer:
    """A layer that normalizes groups of 4 of `channels` ('group'), or does nothing ('none').

    Raises:
      ValueError: an unknown `norm`.
    """
    if norm == "group":
        return tf.keras.layers.GroupNormalization(max(1, channels // 4), name="norm")
    if norm == "none":
        return tf.keras.layers.Activation("linear", name="norm")
    raise ValueError(f"norm={norm!r}: it must be 'group' or 'none'.")


class GrowStage(tf.keras.layers.Layer):
    """Doubles the side of a feature map: up-sampling, convolution, normalization, rectifier."""

    def __init__(self, channels: int, upsampling: str, norm: str, **kwargs: Any):
        """Makes the stage.

        Args:
          channels: of the output.
          upsampling: 'bilinear' or 'transposed'.
          norm: 'group' (groups of 4 channels) or 'none'.
          **kwargs: of `tf.keras.layers.Layer`.

        Raises:
          ValueError: an unknown `upsampling` or `norm`.
        """
        super().__init__(**kwargs)
        self.doubled_first = upsampling == "bilinear"
        if upsampling == "bilinear":
            self.convolution = tf.keras.layers.Conv2D(channels, 3, padding="same", name="grow")
        elif upsampling == "transposed":
            self.convolution = tf.keras.layers.Conv2DTranspose(channels, 4, 2, "same", name="grow")
        else:
            raise ValueError(f"upsampling={upsampling!r}: it must be 'bilinear' or 'transposed'.")
        self.norm = normalization(norm, channels)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[B, s, s, C]` to `[B, 2s, 2s, channels]`."""
        if self.doubled_first:
            x = maps.upsample_2x(x)
        return tf.nn.relu(self.norm(self.convolution(x)))


class SubPixelConvolution(tf.keras.layers.Layer):
    """Doubles the side of a feature map by one convolution at the small size [Shi et al. 2016].

    It begins with the four pixels of a cell alike, so that nothing starts as a checkerboard
    [Aitken et al. 2017].
    """

    def __init__(self, channels: int, **kwargs: Any):
        """Makes a 3x3 convolution to 4 `channels`, dealt to the pixels of 2x2 cells."""
        super().__init__(**kwargs)
        self.convolution = tf.keras.layers.Conv2D(
            4 * channels,
            3,
            padding="same",
            kernel_initializer=_alike_in_a_cell,
            name="convolution",
            dtype=self.dtype_policy,
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[B, s, s, C]` to `[B, 2s, 2s, channels]`."""
        return tf.nn.depth_to_space(self.convolution(x), 2)


def _alike_in_a_cell(shape: tf.TensorShape, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """A Glorot kernel of a quarter of the outputs, four times over."""
    glorot = tf.keras.initializers.GlorotUniform()
    return tf.tile(glorot([*shape[:-1], shape[-1] // 4], dtype), [1, 1, 1, 4])
