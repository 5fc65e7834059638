"""Frozen networks under one contract: photos in, features out."""

from __future__ import annotations

import functools
import pathlib
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf.features import efficientnet, squeezenet, vgg16

#: Which layers of each network are used, and the side of the photos given to it, px: what tells parts of
#: faces apart best [choice]. Part methods use the first layer, SCOPS all of them.
LAYERS: dict[str, tuple[tuple[str, ...], int]] = {
    "vgg16": (("relu5_1", "relu5_3"), 128),
    "efficientnet": (("block 10",), efficientnet.INPUT_SIZE),
    "squeezenet": (("fire5",), squeezenet.INPUT_SIZE),
}


class Network(NamedTuple):
    """A network whose features are asked for."""

    name: str  #: of the network and its weights
    layers: tuple[str, ...]
    size: int  #: side that photos are resized to first, px
    extract: Callable[[np.ndarray], list[np.ndarray]]
    """`[B, S, S, 3]` uint8 to `[B, s, s, C]` float32 of each layer."""


def load(network: str, weights: str) -> Network:
    """A network of `LAYERS` with its weights.

    Args:
      network: its name.
      weights: its file, see the network's class.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file does not hold these weights, or there is no such network.
    """
    if network not in LAYERS:
        raise ValueError(f"There is no network {network!r}; there are {', '.join(LAYERS)}.")
    layers, size = LAYERS[network]
    if network == "vgg16":
        vgg = vgg16.VGG16Features(weights, layers[-1])
        model = functools.partial(vgg.activations, layers=layers)
    else:
        classes = {
            "efficientnet": efficientnet.EfficientNetFeatures,
            "squeezenet": squeezenet.SqueezeNetFeatures,
        }
        single = classes[network](weights)

        def model(image: tf.Tensor, input_size: int) -> list[tf.Tensor]:
            return [single(image, input_size)]

    @tf.function(autograph=False, reduce_retracing=True)
    def features(photos: tf.Tensor) -> list[tf.Tensor]:
        return model(tf.cast(photos, tf.float32) / 255.0, input_size=size)

    return Network(
        f"{network}-{_digest(weights)}",
        layers,
        size,
        lambda photos: [one.numpy() for one in features(tf.constant(photos))],
    )


def _digest(weights: str) -> str:
    """Tells a file of weights from others; the name of what is no file, such as Keras' download."""
    path = pathlib.Path(weights)
    return f"{zlib.crc32(path.read_bytes()):08x}" if path.is_file() else weights
