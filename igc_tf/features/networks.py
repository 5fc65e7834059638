"""Frozen networks under one contract: photos in, features out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf.features import efficientnet, squeezenet, vgg16

#: Which layer of each network is used, and the side of the photos given to it, px: what tells parts of
#: faces apart best [choice].
LAYERS = {
    "vgg16": ("relu5_1", 128),
    "efficientnet": ("block 10", efficientnet.INPUT_SIZE),
    "squeezenet": ("fire5", squeezenet.INPUT_SIZE),
}


class Network(NamedTuple):
    """A network whose features are asked for."""

    name: str  #: network, layer and, where there are several, which weights
    extract: Callable[[np.ndarray], np.ndarray]  #: `[B, S, S, 3]` uint8 to `[B, s, s, C]` float32


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
    layer, size = LAYERS[network]
    if network == "vgg16":
        model = vgg16.VGG16Features(weights, layer)
    elif network == "efficientnet":
        model = efficientnet.EfficientNetFeatures(weights)
    else:
        model = squeezenet.SqueezeNetFeatures(weights)

    @tf.function(autograph=False, reduce_retracing=True)
    def features(photos: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(photos, tf.float32) / 255.0, size)

    return Network(
        getattr(model, "name_of_weights", f"{network}-{layer}"),
        lambda photos: features(tf.constant(photos)).numpy(),
    )
