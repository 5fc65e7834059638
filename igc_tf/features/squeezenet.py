"""SqueezeNet 1.1, frozen: perceptual features that a CPU can afford [Iandola et al. 2016]."""

from __future__ import annotations

import pathlib
from typing import Any

import h5py
import tensorflow as tf

from igc_tf import maps

#: Side of the photos given to the network; its fire5 features are about an eighth of it. [choice]
INPUT_SIZE = 128
#: Photo pixels a feature: 16 x 16 features of 128 px, as the perceptual confidence has them [unsup3d].
STRIDE = 8
#: (squeeze, expand) channels of fire2 to fire5; a pool stands before fire2 and fire4.
_FIRES = {"fire2": (16, 64), "fire3": (16, 64), "fire4": (32, 128), "fire5": (32, 128)}
_POOL_BEFORE = ("fire2", "fire4")


class SqueezeNetFeatures(tf.keras.layers.Layer):
    """SqueezeNet 1.1 up to fire5, in float32."""

    def __init__(self, weights: str, **kwargs: Any):
        """Loads the network.

        Args:
          weights: a Keras HDF5 file of SqueezeNet 1.1, its layers named `conv1`, `fire2/squeeze1x1`,
            `fire2/expand1x1`, `fire2/expand3x3` and so on.
          **kwargs: of `tf.keras.layers.Layer`.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: the file does not hold these weights.
        """
        super().__init__(trainable=False, dtype="float32", **kwargs)
        if not pathlib.Path(weights).is_file():
            raise FileNotFoundError(
                f"--squeezenet_weights={weights}: no such file. docs/training.md says where to get "
                "one; or train with --feature_network=none --part_feature_weight=0."
            )
        try:
            with h5py.File(weights, "r") as file:
                self.kernels = _read(file)
        except (OSError, KeyError) as error:
            raise ValueError(
                f"--squeezenet_weights={weights} does not hold the weights of SqueezeNet 1.1 in Keras' "
                f"HDF5 form: {error}"
            ) from error

    def call(self, image: tf.Tensor, input_size: int = INPUT_SIZE) -> tf.Tensor:
        """`[B, H, W, 3]` in [0, 1] to `[B, s / 8, s / 8, 256]` features, >= 0; s is `input_size`."""
        if image.shape[1] != input_size:
            image = maps.resize(image, (input_size, input_size))
        # Caffe's order, blue first, less the mean color of ImageNet.
        x = tf.reverse(image * 255.0, [-1]) - [103.939, 116.779, 123.68]
        x = self._convolve(x, "conv1", strides=2, padding="VALID")
        for fire in _FIRES:
            if fire in _POOL_BEFORE:
                x = tf.nn.max_pool2d(x, 3, 2, "VALID")
            x = self._convolve(x, f"{fire}/squeeze1x1")
            x = tf.concat(
                [self._convolve(x, f"{fire}/expand1x1"), self._convolve(x, f"{fire}/expand3x3")], -1
            )
        return tf.image.resize(x, [input_size // STRIDE, input_size // STRIDE])

    def _convolve(self, x: tf.Tensor, name: str, strides: int = 1, padding: str = "SAME"):
        kernel, bias = self.kernels[name]
        return tf.nn.relu(tf.nn.conv2d(x, kernel, strides, padding) + bias)


def _read(file: h5py.File) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """`{layer: (kernel, bias)}` of an HDF5 file.

    Raises:
      KeyError: a layer is missing or has another shape.
    """
    shapes = {"conv1": (3, 3, 3, 64)}
    width = 64
    for fire, (squeeze, expand) in _FIRES.items():
        shapes[f"{fire}/squeeze1x1"] = (1, 1, width, squeeze)
        shapes[f"{fire}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"{fire}/expand3x3"] = (3, 3, squeeze, expand)
        width = 2 * expand
    found: dict[str, dict[int, tf.Tensor]] = {}

    def collect(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            for layer in shapes:
                if f"/{layer}/" in f"/{name}" or f"/{layer}_" in f"/{name}":
                    found.setdefault(layer, {})[len(item.shape)] = tf.constant(item[:])

    file.visititems(collect)
    kernels = {}
    for layer, shape in shapes.items():
        arrays = found.get(layer, {})
        if 4 not in arrays or 1 not in arrays or tuple(arrays[4].shape) != shape:
            raise KeyError(f"no layer {layer} with a kernel of shape {shape}")
        kernels[layer] = arrays[4], arrays[1]
    return kernels
