"""EfficientNet-lite0, frozen: features that know eyes, nose and mouth [Tan and Le 2019]."""

from __future__ import annotations

import pathlib
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from igc_tf.features import torch_file

#: Side of the photos the network was trained on, px.
INPUT_SIZE = 224
#: Photo pixels a feature.
STRIDE = 16
#: Channels of the features.
CHANNELS = 112
#: (kernel, stride, expansion, channels) of blocks 0 to 10; 10 is the last one of stride 16.
_BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
)
_STEM_CHANNELS = 32
_EPSILON = 1e-3


class EfficientNetFeatures(tf.keras.layers.Layer):
    """EfficientNet-lite0 up to the output of block 10, in float32.

    Of the networks tried its features alone tell eyes, nose, mouth, cheeks and forehead apart
    (docs/log.md).
    """

    def __init__(self, weights: str, **kwargs: Any):
        """Loads the network.

        Args:
          weights: the file `efficientnet-lite0-*.pth` (docs/training.md says where to get it).
          **kwargs: of `tf.keras.layers.Layer`.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: the file does not hold these weights.
        """
        super().__init__(trainable=False, dtype="float32", **kwargs)
        if not pathlib.Path(weights).is_file():
            raise FileNotFoundError(
                f"--efficientnet_weights={weights}: no such file. docs/training.md says where to get one."
            )
        try:
            arrays = torch_file.read(weights)
            self._layers_of(arrays)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"--efficientnet_weights={weights} does not hold EfficientNet-lite0's weights: {error}"
            ) from error

        #: Tells these weights from others.
        self.name_of_weights = f"lite0-{zlib.crc32(arrays['_blocks.10._bn2.running_mean']):08x}"

    def _layers_of(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes the kernels, each with its batch normalization multiplied in.

        Raises:
          KeyError: one is missing or has another shape.
        """

        def layer(convolution: str, norm: str, shape: tuple[int, ...], depthwise: bool = False):
            names = [f"{convolution}.weight"]
            names += [
                f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")
            ]
            shapes = [shape] + 4 * [shape[:1]]
            for name, wanted in zip(names, shapes, strict=True):
                if name not in arrays or arrays[name].shape != wanted:
                    raise KeyError(f"no array {name} of shape {wanted}")
            kernel, gain, offset, mean, variance = (arrays[name] for name in names)
            scale = gain / np.sqrt(variance + _EPSILON)
            kernel = kernel * scale[:, np.newaxis, np.newaxis, np.newaxis]
            kernel = kernel.transpose(2, 3, 1, 0)  # out x in x H x W to H x W x in x out
            if depthwise:
                kernel = kernel.transpose(0, 1, 3, 2)
            return tf.constant(kernel), tf.constant(offset - mean * scale)

        self.stem = layer("_conv_stem", "_bn0", (_STEM_CHANNELS, 3, 3, 3))
        self.blocks = []
        width = _STEM_CHANNELS
        for index, (kernel, _, expansion, channels) in enumerate(_BLOCKS):
            name, wide = f"_blocks.{index}.", width * expansion
            self.blocks.append(
                {
                    "expand": layer(f"{name}_expand_conv", f"{name}_bn0", (wide, width, 1, 1))
                    if expansion > 1
                    else None,
                    "depthwise": layer(
                        f"{name}_depthwise_conv", f"{name}_bn1", (wide, 1, kernel, kernel), True
                    ),
                    "project": layer(f"{name}_project_conv", f"{name}_bn2", (channels, wide, 1, 1)),
                }
            )
            width = channels

    def call(self, image: tf.Tensor, input_size: int = INPUT_SIZE) -> tf.Tensor:
        """`[B, H, W, 3]` in [0, 1] to `[B, s / 16, s / 16, 112]` features; s is `input_size`."""
        if image.shape[1] != input_size:
            image = tf.image.resize(image, [input_size, input_size], antialias=True)
        x = (image * 255.0 - 127.0) / 128.0
        x = _convolve(x, self.stem, 2)
        for layers, (_, stride, _, _) in zip(self.blocks, _BLOCKS, strict=True):
            before = x
            if layers["expand"]:
                x = _convolve(x, layers["expand"])
            kernel, bias = layers["depthwise"]
            strides = [1, stride, stride, 1]
            x = tf.nn.relu6(tf.nn.depthwise_conv2d(x, kernel, strides, "SAME") + bias)
            kernel, bias = layers["project"]
            x = tf.nn.conv2d(x, kernel, 1, "SAME") + bias
            if x.shape == before.shape:
                x += before
        return x


def _convolve(x: tf.Tensor, layer: tuple[tf.Tensor, tf.Tensor], strides: int = 1) -> tf.Tensor:
    kernel, bias = layer
    return tf.nn.relu6(tf.nn.conv2d(x, kernel, strides, "SAME") + bias)
