"""The networks that read the photo: image encoder, lighting network, confidence network."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from igc_tf import maps
from igc_tf.capsules import layers
from igc_tf.config import ModelConfig
from igc_tf.graphics import lighting
from igc_tf.structures import Confidence, Light

#: Added to every predicted standard deviation [unsup3d].
EPSILON = 1e-7
#: Side of the map of confidences in the perceptual features [unsup3d].
FEATURE_CONFIDENCE_SIZE = 16


def centered(image: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Colors from [0, 1] to [-1, 1], which the networks read."""
    return tf.cast(image * 2.0 - 1.0, dtype)


class ImageEncoder(tf.keras.layers.Layer):
    """The image encoder: a CNN from the photo to one feature vector [paper].

    The GDM's linear maps then make the global embeddings f_s and f_a of it [group].
    """

    def __init__(self, config: ModelConfig, **kwargs: Any):
        """Makes the encoder of `config`."""
        super().__init__(**kwargs)
        channels = config.encoder_channels
        self.stack = layers.ConvolutionStack(
            config.image_size,
            channels,
            8 * channels,
            blocks=config.encoder_blocks,
            name="stack",
        )

    def call(self, image: tf.Tensor) -> tf.Tensor:
        """`[B, H, W, 3]` in [0, 1] to `[B, 8 encoder_channels]`."""
        return self.stack(centered(image, self.compute_dtype))


class LightingNetwork(tf.keras.layers.Layer):
    """The lighting network: the photo to ambient, diffuse and direction [paper]."""

    def __init__(self, config: ModelConfig, **kwargs: Any):
        """Makes the network of `config`, half as wide as the image encoder [choice]."""
        super().__init__(**kwargs)
        channels = max(1, config.encoder_channels // 2)
        self.stack = layers.ConvolutionStack(
            config.image_size, channels, 8 * channels, name="stack"
        )
        self.to_parameters = tf.keras.layers.Dense(4, name="to_parameters", dtype="float32")

    def call(self, image: tf.Tensor) -> Light:
        """`[B, H, W, 3]` in [0, 1] to the light of B images."""
        features = self.stack(centered(image, self.compute_dtype))
        parameters = tf.tanh(self.to_parameters(features))
        return lighting.from_parameters(parameters[:, 0], parameters[:, 1], parameters[:, 2:])


class ConfidenceNetwork(tf.keras.layers.Layer):
    """The photo to the standard deviation of the reconstruction's error at each pixel [unsup3d].

    Training alone uses it: where a face cannot be symmetric (hair, a shadow), the mirrored branch
    may say that it does not know.
    """

    def __init__(
        self, config: ModelConfig, pixels: bool = True, features: bool = True, **kwargs: Any
    ):
        """Makes the network of `config`.

        Args:
          config: the architecture.
          pixels: predict the confidence of the image.
          features: predict the confidence of the perceptual features.
          **kwargs: of `tf.keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        size, channels = config.image_size, config.confidence_channels
        count = layers.stages(size)
        self.stack = layers.ConvolutionStack(size, channels, 128, slope=0.2, name="stack")
        self.from_vector = tf.keras.layers.Dense(
            layers.BOTTLENECK**2 * 8 * channels, "relu", name="from_vector"
        )
        self.half = config.decoder_head == "half"
        full = size // 2 if self.half else size
        side = full if pixels else FEATURE_CONFIDENCE_SIZE
        self.grow = [
            layers.GrowStage(channels * min(2 ** (count - 1 - stage), 8), "transposed", "none")
            for stage in range(layers.stages(side))
        ]
        self.to_pixels = self._head("to_pixels") if pixels else None
        self.to_features = self._head("to_features") if features else None

    @staticmethod
    def _head(name: str) -> tf.keras.layers.Layer:
        return tf.keras.layers.Conv2D(
            2, 3, padding="same", activation="softplus", name=name, dtype="float32"
        )

    def call(self, image: tf.Tensor) -> Confidence:
        """`[B, H, W, 3]` in [0, 1] to standard deviations, > 0, of image and features."""
        x = self.from_vector(self.stack(centered(image, self.compute_dtype)))
        side = layers.BOTTLENECK
        x = tf.reshape(x, [-1, side, side, x.shape[-1] // side**2])
        pixels = features = None
        for stage in self.grow:
            x = stage(x)
            if self.to_features and x.shape[1] == FEATURE_CONFIDENCE_SIZE:
                features = self.to_features(x) + EPSILON
        if self.to_pixels:
            pixels = self.to_pixels(x) + EPSILON
            if self.half:
                pixels = maps.upsample_2x(pixels)
        return Confidence(pixels, features)
