"""SCOPS, small: a network trained to segment photos into parts [Hung et al. 2019].

The five losses and the warps are the paper's, with the weights that its authors trained with. Ours, so
that a CPU trains it in minutes [choice]: an encoder-decoder of 0.3 M parameters without pre-training in
place of DeepLab on ResNet-50; photos of 64 px and maps of 32; VGG16 in place of VGG19; Adam;
warps of aligned faces, rotated and scaled less and continued at the border; no thin-plate bending, which
was 0.3 px of such a photo. Their saliency came from files; ours is what `saliency` makes of the same
features without labels.

Coordinates of the losses are (x, y) in [-1, 1], the photo's borders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf import maps as resampling
from igc_tf.baselines.part_methods import DeepFeatureFactorization

#: Weights of the losses [SCOPS]. That of the concentration is 10, divided by the batch of 6 once more
#: than by the mean. The first is ours: theirs, 1e4, is for another network's scale; by 10 in place of 100
#: the background takes the whole photo [choice].
WEIGHTS = {
    "semantic consistency": 100.0,
    "orthonormality": 0.1,
    "concentration": 10.0 / 6.0,
    "equivariance of maps": 1e3,
    "equivariance of centers": 1e2,
}
#: Side of the maps, and of those that are compared with the features, px.
MAP_SIZE, FEATURE_SIZE = 32, 8
_SMALL = 1e-3  # added to each pixel of a map before its center is taken [SCOPS]
#: Of the warps: degrees, factors of the scale, shares of half a side [choice; SCOPS: 60, 0.5 to 1.43,
#: 0.1].
_ROTATION, _SCALES, _SHIFT = 30.0, (0.8, 1.25), 0.1
#: Color jitter: brightness and contrast, saturation, hue (of a whole turn) [SCOPS].
_BRIGHTNESS, _SATURATION, _HUE = 0.3, 0.2, 0.2


def build_network(parts: int, size: int) -> tf.keras.Model:
    """`[B, size, size, 3]` in [0, 1] to logits `[B, MAP_SIZE, MAP_SIZE, parts]`, 0 the background."""
    layers = tf.keras.layers

    def block(x: tf.Tensor, channels: int, **how) -> tf.Tensor:
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, **how)(x)
        return layers.ReLU()(layers.GroupNormalization(8)(x))

    photo = tf.keras.Input([size, size, 3])
    half = block(photo, 16, strides=size // MAP_SIZE)
    quarter = block(half, 32, strides=2)
    deep = block(block(quarter, 64, strides=2), 96)
    deep = block(block(deep, 96, dilation_rate=2), 64)
    x = block(layers.Concatenate()([layers.UpSampling2D()(deep), quarter]), 32)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), half]), 16)
    logits = layers.Conv2D(parts, 1)(x)
    return tf.keras.Model(photo, logits, name="scops")


def saliency(features: np.ndarray, seed: int) -> np.ndarray:
    """How much each place belongs to the object: DFF with two factors, without labels [choice].

    Args:
      features: `[N, s, s, C]` >= 0.
      seed: of the factorization.

    Returns:
      `[N, s, s]` float32 in [0, 1]: the share of the factor that does not own the photos' border.
    """
    method = DeepFeatureFactorization(2, seed)
    method.fit(features)
    found = method.maps(features)
    return found[:, 1] / np.maximum(found.sum(axis=1), 1e-12)


def semantic_consistency(parts: tf.Tensor, basis: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    """Mean squared error of what the parts explain of the features.

    Args:
      parts: `[B, s, s, K]`, without the background.
      basis: `[K, C]` >= 0, a part's feature.
      features: `[B, s, s, C]`, 0 where nothing is salient.
    """
    explained = tf.einsum("bijk,kc->bijc", parts, basis)
    return tf.reduce_mean(tf.square(explained - features))


def orthonormality(basis: tf.Tensor) -> tf.Tensor:
    """Squared Frobenius distance of the Gram matrix of `[K, C]` rows, each of length 1, from identity."""
    unit = tf.math.l2_normalize(basis, axis=1)
    gram = tf.matmul(unit, unit, transpose_b=True)
    return tf.reduce_sum(tf.square(gram - tf.eye(gram.shape[0])))


def centers(parts: tf.Tensor) -> tf.Tensor:
    """`[B, K, 2]` (x, y) mean coordinates under maps `[B, s, s, K]`."""
    return tf.einsum("bijk,ijc->bkc", _normalized(parts), _coordinates(parts.shape[1]))


def concentration(parts: tf.Tensor) -> tf.Tensor:
    """Variance of x and of y under each of `[B, s, s, K]`, summed over parts; mean over the photos."""
    where, weights = _coordinates(parts.shape[1]), _normalized(parts)
    mean = tf.einsum("bijk,ijc->bkc", weights, where)
    square = tf.einsum("bijk,ijc->bkc", weights, tf.square(where))
    return tf.reduce_mean(tf.reduce_sum(square - tf.square(mean), axis=[1, 2]))


def equivariance_of_maps(teacher: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """KL divergence of softmax(`logits`) from `teacher`, `[B, s, s, K + 1]`, mean over all elements."""
    teacher = tf.stop_gradient(teacher)
    log_teacher = tf.math.log(tf.maximum(teacher, 1e-12))
    return tf.reduce_mean(teacher * (log_teacher - tf.nn.log_softmax(logits)))


def equivariance_of_centers(warped: tf.Tensor, parts: tf.Tensor) -> tf.Tensor:
    """Mean squared distance along each axis of the centers of two sets of maps `[B, s, s, K]`."""
    return tf.reduce_mean(tf.square(centers(warped) - centers(parts)))


class Warp(NamedTuple):
    """A similarity for each photo: where a place of the warped photo is looked up in the photo."""

    matrix: tf.Tensor  #: [B, 2, 2]
    shift: tf.Tensor  #: [B, 2]

    @classmethod
    def draw(cls, count: int, seed: tf.Tensor) -> Warp:
        """Random ones; `seed` is `[2]` integers."""
        seeds = tf.random.split(seed, 3)
        uniform = tf.random.stateless_uniform
        angle = uniform([count], seeds[0], -_ROTATION, _ROTATION) * np.pi / 180.0
        scale = uniform([count], seeds[1], *_SCALES)
        cos, sin = scale * tf.cos(angle), scale * tf.sin(angle)
        matrix = tf.reshape(tf.stack([cos, -sin, sin, cos], axis=1), [count, 2, 2])
        return cls(matrix, uniform([count, 2], seeds[2], -_SHIFT, _SHIFT))

    def __call__(self, maps: tf.Tensor) -> tf.Tensor:
        """`[B, s, s, C]` warped, bilinearly; outside the border goes on."""
        side = maps.shape[1]
        where = tf.einsum("bcd,ijd->bijc", self.matrix, _coordinates(side))
        where += self.shift[:, tf.newaxis, tf.newaxis]
        return resampling.sample(maps, (where + 1.0) * side / 2.0 - 0.5)


def jitter(photos: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Other colors: of each photo brightness and contrast, of the batch saturation and hue [choice].

    Args:
      photos: `[B, H, W, 3]` in [0, 1].
      seed: `[2]` integers.
    """
    seeds = tf.random.split(seed, 4)
    shape = [photos.shape[0] or tf.shape(photos)[0], 1, 1, 1]

    def factor(index: int, range_: float, shape) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, seeds[index], 1.0 - range_, 1.0 + range_)

    photos = photos * factor(0, _BRIGHTNESS, shape)
    mean = tf.reduce_mean(photos, axis=[1, 2, 3], keepdims=True)
    photos = (photos - mean) * factor(1, _BRIGHTNESS, shape) + mean
    photos = tf.clip_by_value(photos, 0.0, 1.0)
    photos = tf.image.adjust_saturation(photos, factor(2, _SATURATION, []))
    return tf.image.adjust_hue(photos, factor(3, _HUE, []) - 1.0)


def losses(
    network: tf.keras.Model,
    basis: tf.Tensor,
    photos: tf.Tensor,
    features: tf.Tensor,
    salient: tf.Tensor,
    seed: tf.Tensor,
) -> Mapping[str, tf.Tensor]:
    """All five, not weighted, by the names of `WEIGHTS`.

    Args:
      network: of `build_network`.
      basis: `[K, C]` >= 0.
      photos: `[B, H, W, 3]` in [0, 1].
      features: `[B, s, s, C]` >= 0, of a mean square of about 1 where it is salient.
      salient: `[B, s, s, 1]` in [0, 1].
      seed: `[2]` integers, of the warps and the colors.
    """
    seeds = tf.random.split(seed, 2)
    warp = Warp.draw(photos.shape[0], seeds[0])
    changed = jitter(warp(photos), seeds[1])
    logits, warped_logits = tf.split(network(tf.concat([photos, changed], axis=0)), 2)
    found, of_warped = tf.nn.softmax(logits), tf.nn.softmax(warped_logits)
    size = [FEATURE_SIZE, FEATURE_SIZE]
    masked = resampling.resize(features, size) * resampling.resize(salient, size)
    parts = found[..., 1:]
    return {
        "semantic consistency": semantic_consistency(
            resampling.resize(parts, size, "area"), basis, masked
        ),
        "orthonormality": orthonormality(basis),
        "concentration": concentration(parts),
        "equivariance of maps": equivariance_of_maps(
            tf.nn.softmax(warp(tf.stop_gradient(logits))), warped_logits
        ),
        "equivariance of centers": equivariance_of_centers(
            warp(found)[..., 1:], of_warped[..., 1:]
        ),
    }


def _coordinates(side: int) -> tf.Tensor:
    """`[side, side, 2]` (x, y) of the pixels' centers."""
    middle = (tf.range(side, dtype=tf.float32) + 0.5) * 2.0 / side - 1.0
    return tf.stack(tf.meshgrid(middle, middle), axis=-1)


def _normalized(parts: tf.Tensor) -> tf.Tensor:
    weights = parts + _SMALL
    return weights / tf.reduce_sum(weights, axis=[1, 2], keepdims=True)
