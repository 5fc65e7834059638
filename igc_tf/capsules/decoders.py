"""Capsule decoders, shared over the parts [paper]: part embedding to depth, albedo and pose."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from igc_tf import maps
from igc_tf.capsules import layers
from igc_tf.config import ModelConfig
from igc_tf.structures import BACKGROUND, PartCapsules, PartEmbeddings, Pose


class MapDecoder(tf.keras.layers.Layer):
    """An embedding to a map: Linear(D, D) first, then growing stages [group]."""

    def __init__(self, config: ModelConfig, dim: int, channels: int, smooth: bool, **kwargs: Any):
        """Makes a decoder from `dim` numbers to `channels` maps of `config.map_size` px."""
        super().__init__(**kwargs)
        count = layers.stages(config.map_size)
        widths = [config.decoder_channels * min(2 ** (count - 1 - i), 8) for i in range(count)]
        if config.decoder_head == "half":
            widths = widths[:-1]
        self.mix = tf.keras.layers.Dense(dim, name="mix")
        first_norm, *norms = {
            "group": ["none"] + ["group"] * len(widths),
            "inner": ["group"] * len(widths) + ["none"],
            "none": ["none"] * (len(widths) + 1),
        }[config.decoder_norm]
        self.from_vector = tf.keras.layers.Dense(
            layers.BOTTLENECK**2 * widths[0], name="from_vector"
        )
        self.first_norm = layers.normalization(first_norm, widths[0])
        self.grow = [
            layers.GrowStage(width, "bilinear", norm, name=f"grow_{i}")
            for i, (width, norm) in enumerate(zip(widths, norms, strict=True))
        ]
        self.half = config.decoder_head == "half"
        self.smooth = smooth
        # Of a depth's slope every digit shows as shading; 8 bits are enough for a color.
        head_dtype = "float32" if smooth else self.dtype_policy
        if self.half and not smooth:
            self.to_map = layers.SubPixelConvolution(channels, name="to_map", dtype=head_dtype)
        else:
            self.to_map = tf.keras.layers.Conv2D(
                channels, 3, padding="same", name="to_map", dtype=head_dtype
            )

    def call(self, embedding: tf.Tensor) -> tf.Tensor:
        """`[B, M, D]` to raw, unbounded float32 maps `[B, M, h, w, channels]`."""
        parts = embedding.shape[1]
        flat = tf.reshape(embedding, [-1, embedding.shape[-1]])
        x = self.from_vector(self.mix(tf.cast(flat, self.compute_dtype)))
        side = layers.BOTTLENECK
        x = tf.reshape(x, [-1, side, side, x.shape[-1] // side**2])
        x = tf.nn.relu(self.first_norm(x))
        for stage in self.grow:
            x = stage(x)
        x = tf.cast(self.to_map(x), tf.float32)
        if self.half and self.smooth:
            x = maps.upsample_2x(x)
        return tf.reshape(x, [-1, parts, x.shape[1], x.shape[2], x.shape[3]])


class CapsuleDecoders(tf.keras.layers.Layer):
    """The three decoders of a capsule: depth, albedo, pose."""

    def __init__(self, config: ModelConfig, **kwargs: Any):
        """Makes the decoders of `config`; the embeddings pass through in float32, losses read them."""
        super().__init__(dtype="float32", **kwargs)
        self.config = config
        self.depth = MapDecoder(config, config.shape_dim, 1, smooth=True, name="depth")
        self.albedo = MapDecoder(config, config.albedo_dim, 3, smooth=False, name="albedo")
        self.pose = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(config.view_dim, "relu", dtype="float32"),
                tf.keras.layers.Dense(6, "tanh", dtype="float32"),
            ],
            name="pose",
        )

    def call(self, embeddings: PartEmbeddings) -> PartCapsules:
        """Decodes the part embeddings of B images to their part capsules."""
        config = self.config
        raw_shape = self.depth(embeddings.shape)  # B x M x h x w x 1
        raw_albedo = self.albedo(embeddings.albedo)  # B x M x h x w x 3
        if config.symmetric_parts:
            raw_shape = symmetric_foreground(raw_shape)
            raw_albedo = symmetric_foreground(raw_albedo)
        return PartCapsules(
            embeddings=embeddings,
            depth=self._depth(raw_shape),
            albedo=tf.nn.sigmoid(raw_albedo),
            pose=self.decode_pose(embeddings.view),
        )

    def decode_pose(self, view: tf.Tensor) -> Pose:
        """View embeddings `[B, M, Dv]` to each part's pose."""
        config = self.config
        unit_pose = self.pose(config.view_gain * view)  # B x M x 6, in [-1, 1]
        rotation, translation = tf.split(unit_pose, 2, axis=-1)
        xy, z = config.translation_range_xy, config.translation_range_z
        return Pose(
            rotation=rotation * tf.constant(config.rotation_limits),
            translation=translation * tf.constant([xy, xy, z]),
        )

    def _depth(self, raw_shape: tf.Tensor) -> tf.Tensor:
        """Raw maps `[B, M, h, w, 1]` to depth."""
        config = self.config
        raw = tf.squeeze(raw_shape, axis=4)
        bump = depth_bump(config.parts, config.map_size, config.depth_bump)
        depth = bound_depth(
            raw, config.min_depth, config.max_depth, bump, config.max_depth_deviation
        )
        if config.parts == 1 or config.background_relief == 1.0:
            return depth
        background, foreground = tf.split(depth, [1, config.parts - 1], axis=1)
        middle = (config.min_depth + config.max_depth) / 2.0
        background = config.border_depth + (background - middle) * config.background_relief
        return tf.concat([background, foreground], axis=1)


def symmetric_foreground(values: tf.Tensor) -> tf.Tensor:
    """Makes the maps `[B, M, h, w, C]` of all parts but the background's even in x [choice]."""
    background, foreground = tf.split(values, [1, -1], axis=1)
    return tf.concat([background, (foreground + tf.reverse(foreground, [3])) / 2.0], axis=1)


def bound_depth(
    raw: tf.Tensor,
    min_depth: float,
    max_depth: float,
    bump: tf.Tensor | float = 0.0,
    max_deviation: float = 0.0,
) -> tf.Tensor:
    """d = tanh(x - mean_hw(x)), mapped to [min_depth, max_depth] [unsup3d].

    Args:
      raw: `[B, M, h, w]` unbounded.
      min_depth: depth at tanh = -1.
      max_depth: depth at tanh = +1.
      bump: added before the tanh, see `depth_bump` [choice].
      max_deviation: if positive, x - mean(x) is first bounded to +- max_deviation, softly [choice].

    Returns:
      `[B, M, h, w]` depth.
    """
    centered = raw - tf.reduce_mean(raw, axis=(2, 3), keepdims=True)
    if max_deviation:
        centered = max_deviation * tf.tanh(centered / max_deviation)
    unit = tf.tanh(centered + bump)
    return (max_depth + min_depth) / 2.0 + unit * (max_depth - min_depth) / 2.0


def depth_bump(parts: int, size: int, height: float) -> tf.Tensor:
    """A fixed offset on the raw depth that starts the face convex [choice].

    Foreground parts are pulled near in the middle and pushed far at the border; the background
    does the opposite, so that it starts behind the face and in front of the parts around it.

    Args:
      parts: M.
      size: side of the maps, px.
      height: of the bump; 0 gives zeros.

    Returns:
      `[1, M, size, size]` float32.
    """
    axis = (tf.range(size, dtype=tf.float32) + 0.5) / size * 2.0 - 1.0
    radius2 = axis[:, tf.newaxis] ** 2 + axis[tf.newaxis, :] ** 2
    # height at the center, 0 at r = 0.59 of half a side, -0.7 height at the middle of an edge
    bump = height * (2.0 * tf.exp(-radius2 / 0.51) - 1.0)
    sign = [1.0 if part == BACKGROUND and parts > 1 else -1.0 for part in range(parts)]
    return tf.constant(sign)[tf.newaxis, :, tf.newaxis, tf.newaxis] * bump
