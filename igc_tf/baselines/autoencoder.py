"""A plain 2D auto-encoder of IGC-Net's size: the paper's baseline for cross-view recognition [paper].

It has the same image encoder, an embedding as long as f_s and f_a together, and one map decoder of the
capsules' kind that renders the picture itself. No parts, no depth, no pose, no light. The paper does not
say how large its own is; this one's sizes are [choice].
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf.capsules.decoders import MapDecoder
from igc_tf.capsules.encoder import ImageEncoder
from igc_tf.config import ModelConfig
from igc_tf.igc_net import IGCNet


class AutoEncoding(NamedTuple):
    """What the auto-encoder makes of B photos."""

    embedding: tf.Tensor  #: [B, shape_dim + albedo_dim]
    reconstruction: tf.Tensor  #: [B, H, W, 3], in [0, 1]


class AutoEncoder(tf.keras.Model):
    """Encoder, embedding, decoder."""

    def __init__(self, config: ModelConfig, decoder_channels: int, **kwargs: Any):
        """Makes the networks.

        Args:
          config: of the IGC-Net it stands beside.
          decoder_channels: of the decoder's last stage, in place of the configuration's: the one
            decoder is as large as all that IGC-Net has after its encoder.
          **kwargs: of `tf.keras.Model`.
        """
        super().__init__(**kwargs)
        self.decoder_channels = decoder_channels
        length = config.shape_dim + config.albedo_dim
        decoder_config = dataclasses.replace(
            config, map_size=config.image_size, decoder_channels=decoder_channels
        )
        self.encoder = ImageEncoder(config, name="encoder")
        self.to_embedding = tf.keras.layers.Dense(length, name="to_embedding", dtype="float32")
        self.decoder = MapDecoder(decoder_config, length, 3, smooth=False, name="decoder")

    @tf.autograph.experimental.do_not_convert
    def call(self, image: tf.Tensor, training: bool = False) -> AutoEncoding:
        """Encodes and decodes photos `[B, H, W, 3]` float32 in [0, 1]; the same in training."""
        embedding = self.to_embedding(self.encoder(image))
        decoded = self.decoder(embedding[:, tf.newaxis])[:, 0]
        return AutoEncoding(embedding, tf.nn.sigmoid(decoded))


def build(config: ModelConfig, decoder_channels: int) -> AutoEncoder:
    """An auto-encoder with its weights made."""
    model = AutoEncoder(config, decoder_channels, name="auto_encoder")
    model(tf.zeros([1, config.image_size, config.image_size, 3]))
    return model


def parameters(model: tf.keras.Model) -> int:
    """How many numbers a model learns; of IGC-Net without its confidences, an aid of the training."""
    count = _count(model)
    if isinstance(model, IGCNet) and model.confidence is not None:
        count -= _count(model.confidence)
    return count


def matching_channels(config: ModelConfig, wanted: int) -> int:
    """The `decoder_channels` whose auto-encoder comes nearest to a number of parameters.

    Args:
      config: of the IGC-Net it stands beside.
      wanted: how many parameters.

    Returns:
      Channels, at least 4; a multiple of 4 where the decoders are normalized in groups of 4.
    """
    grain = 1 if config.decoder_norm == "none" else 4

    def size(grains: int) -> int:
        return parameters(build(config, grains * grain))

    low = high = 4 // grain
    while size(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) < wanted else (low, middle)
    return grain * min((low, high), key=lambda grains: abs(size(grains) - wanted))


def _count(layer: tf.keras.layers.Layer) -> int:
    return sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
