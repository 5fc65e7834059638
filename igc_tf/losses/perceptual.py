"""Perceptual loss: distance of VGG16 relu3_3 features, with its own confidence [unsup3d]."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from igc_tf import maps

_LAYER = "block3_conv3"  # its activation is relu3_3
#: Side of the photos given to VGG16; its features are a quarter of it. [unsup3d: 64 px images]
INPUT_SIZE = 64


class PerceptualFeatures(tf.keras.layers.Layer):
    """VGG16 up to relu3_3, frozen, in float32."""

    def __init__(self, weights: str, **kwargs):
        """Loads the network.

        Args:
          weights: a Keras VGG16 file without its top, or 'imagenet' to have Keras download it.
          **kwargs: of `tf.keras.layers.Layer`.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: the file does not hold VGG16's weights.
        """
        super().__init__(trainable=False, dtype="float32", **kwargs)
        if weights != "imagenet" and not pathlib.Path(weights).is_file():
            raise FileNotFoundError(
                f"--vgg_weights={weights}: no such file. Give Keras' "
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5, or 'imagenet' to download it, "
                "or train with --perceptual=none."
            )
        policy = tf.keras.mixed_precision.global_policy()
        tf.keras.mixed_precision.set_global_policy("float32")  # Losses are, whatever the model's.
        try:
            network = tf.keras.applications.VGG16(include_top=False, weights=weights)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"--vgg_weights={weights} does not hold the weights of Keras' VGG16 without its "
                f"top: {error}"
            ) from error
        except Exception as error:  # Keras' downloader raises no finer kind
            raise ValueError(
                f"--vgg_weights={weights}: Keras could not download VGG16's weights ({error}). Give "
                "them as a file."
            ) from error
        finally:
            tf.keras.mixed_precision.set_global_policy(policy)
        self.network = tf.keras.Model(network.input, network.get_layer(_LAYER).output)
        self.network.trainable = False

    def call(self, image: tf.Tensor, input_size: int = INPUT_SIZE) -> tf.Tensor:
        """`[B, H, W, 3]` in [0, 1] to `[B, s / 4, s / 4, 256]` features; s is `input_size`."""
        if image.shape[1] != input_size:
            image = maps.resize(image, (input_size, input_size))
        return self.network(tf.keras.applications.vgg16.preprocess_input(image * 255.0))


def negative_log_likelihood(
    features: tf.Tensor, reconstructed_features: tf.Tensor, sigma: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """df^2 / (2 sigma^2) + ln sigma, a Gaussian's up to a constant [unsup3d].

    Args:
      features: `[B, s, s, C]` of the photo.
      reconstructed_features: `[B, s, s, C]` of the rendered picture.
      sigma: `[B, s, s]` standard deviation, > 0.
      mask: `[B, H, W]`, 1 where the canvas covers the pixel; averaged down to s x s.

    Returns:
      `[B]` mean over the covered cells; df^2 is averaged over the channels.
    """
    size = features.shape[1:3]
    cells = maps.resize(mask[..., tf.newaxis], size, "area")[..., 0]
    distance = tf.reduce_mean(tf.square(features - reconstructed_features), axis=-1)
    values = distance / (2.0 * tf.square(sigma)) + tf.math.log(sigma)
    total = tf.reduce_sum(values * cells, axis=(1, 2))
    return tf.math.divide_no_nan(total, tf.reduce_sum(cells, axis=(1, 2)))
