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


class ResidualBlock(tf.keras.layers.Layer):
    """x + convolution(convolution(x)), normalized before each rectifier [He et al. 2016, v2].

    The second convolution begins at 0, so that a new block changes nothing.
    """

    def __init__(self, channels: int, **kwargs: Any):
        """Makes the block of 3x3 convolutions; between the two are half as many channels [choice]."""
        super().__init__(**kwargs)
        inner = max(1, channels // 2)
        self.norms = [normalization("group", count) for count in (channels, inner)]
        self.convolutions = [
            tf.keras.layers.Conv2D(inner, 3, padding="same", name="inner"),
            tf.keras.layers.Conv2D(
                channels, 3, padding="same", kernel_initializer="zeros", name="outer"
            ),
        ]

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[B, h, w, channels]` to the same shape."""
        change = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            change = convolution(tf.nn.relu(norm(change)))
        return x + change


class ConvolutionStack(tf.keras.layers.Layer):
    """Strided 4x4 convolutions down to one vector [unsup3d].

    Channels double at each stage up to 8 times the first, then a valid 4x4 convolution leaves
    `features` numbers an image. Residual blocks may follow each strided convolution [choice].
    """

    def __init__(
        self,
        size: int,
        channels: int,
        features: int,
        slope: float = 0.0,
        blocks: int = 0,
        **kwargs: Any,
    ):
        """Makes the stack.

        Args:
          size: side of the input, px.
          channels: of the first stage.
          features: length of the output.
          slope: of the rectifier's negative side.
          blocks: residual blocks after each strided convolution.
          **kwargs: of `tf.keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.slope = slope
        widths = [channels * min(2**stage, 8) for stage in range(stages(size))]
        self.convolutions = [
            tf.keras.layers.Conv2D(width, 4, 2, "same", name=f"down_{stage}")
            for stage, width in enumerate(widths)
        ]
        self.blocks = [
            [ResidualBlock(width, name=f"block_{stage}_{number}") for number in range(blocks)]
            for stage, width in enumerate(widths)
        ]
        self.to_vector = tf.keras.layers.Conv2D(
            features, BOTTLENECK, padding="valid", name="to_vector"
        )

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """`[B, size, size, C]` to `[B, features]`, rectified."""
        x = image
        for convolution, blocks in zip(self.convolutions, self.blocks, strict=True):
            x = self._rectify(convolution(x))
            for block in blocks:
                x = block(x)
        return self._rectify(self.to_vector(x))[:, 0, 0, :]

    def _rectify(self, x: tf.Tensor) -> tf.Tensor:
        # As a maximum: a graph rewrite of TensorFlow's stumbles over its leaky_relu's gradient.
        return tf.maximum(x, self.slope * x) if self.slope else tf.nn.relu(x)


def normalization(norm: str, channels: int) -> tf.keras.layers.Layer:
    """A layer that normalizes groups of 4 of `channels` ('group'), or does nothing ('none').

    Where they are no multiple of 4, groups are larger.

    Raises:
      ValueError: an unknown `norm`.
    """
    if norm == "group":
        return tf.keras.layers.GroupNormalization(
            math.gcd(channels, max(1, channels // 4)), name="norm"
        )
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
