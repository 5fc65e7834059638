"""The named things that flow through IGC-Net. Shapes, units and frames are the package's conventions.

They are NamedTuples, so TensorFlow nests, `tf.function` and `tf.distribute` carry them as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

#: Index of the capsule that models the background.
BACKGROUND = 0


class Light(NamedTuple):
    """Ambient and one directional light, Lambertian [unsup3d]."""

    ambient: tf.Tensor  #: [B], in [0, 1]
    diffuse: tf.Tensor  #: [B], in [0, 1]
    direction: tf.Tensor  #: [B, 3], unit vector towards the light


class Pose(NamedTuple):
    """Rigid motion from the canonical view to the photo's view."""

    rotation: tf.Tensor  #: [B, 3], (pitch, yaw, roll), radians
    translation: tf.Tensor  #: [B, 3], (x, y, z), units of the camera's distance


class PartEmbeddings(NamedTuple):
    """What the graphics decomposition module gives each part."""

    shape: tf.Tensor  #: [B, M, Ds]
    albedo: tf.Tensor  #: [B, M, Da]
    view: tf.Tensor  #: [B, M, Dv]


class PartCapsules(NamedTuple):
    """The parts of each image, in the canonical view."""

    embeddings: PartEmbeddings
    depth: tf.Tensor  #: [B, M, h, w], in [min_depth, max_depth]
    albedo: tf.Tensor  #: [B, M, h, w, 3], in [0, 1]
    pose: Pose  #: per-part pose, [B, M, 3] twice


class ObjectCapsule(NamedTuple):
    """The parts assembled by depth, in the canonical view."""

    depth: tf.Tensor  #: [B, h, w]
    albedo: tf.Tensor  #: [B, h, w, 3]
    visibility: tf.Tensor  #: [B, M, h, w], one-hot over M: 1 where the part is the nearest
    soft_visibility: tf.Tensor  #: [B, M, h, w], sums to 1 over M; carries the losses' gradient
    static_background: tf.Tensor | None = None  #: [B, h, w, 3], the background's albedo, if apart


class Rendering(NamedTuple):
    """An object capsule lit, posed and rendered."""

    image: tf.Tensor  #: [B, H, W, 3], in the photo's view; 0 where `mask` is 0
    mask: (
        tf.Tensor
    )  #: [B, H, W], 1 where `image` is rendered: the canvas; over a static background everywhere
    depth: tf.Tensor  #: [B, H, W], in the photo's view; `max_depth` where `canvas` is 0
    normals: tf.Tensor  #: [B, h, w, 3], canonical view
    shading: tf.Tensor  #: [B, h, w], canonical view, in [0, 2]
    canonical_image: tf.Tensor  #: [B, h, w, 3], albedo times shading
    part_visibility: tf.Tensor | None = None  #: [B, M, H, W], in the photo's view, if asked for
    alpha: tf.Tensor | None = None  #: [B, H, W] in [0, 1], the foreground's share, if asked for
    canvas: tf.Tensor | None = None  #: [B, H, W], 1 where the canonical canvas covers the pixel


class Confidence(NamedTuple):
    """Standard deviations of the reconstruction error, > 0; index 0 direct, 1 flipped branch."""

    pixels: tf.Tensor | None  #: [B, H, W, 2]; None where no likelihood is wanted
    features: tf.Tensor | None  #: [B, 16, 16, 2]; None where no perceptual loss is wanted


class IGCOutput(NamedTuple):
    """Everything one forward pass finds in a photo."""

    parts: PartCapsules
    object: ObjectCapsule
    light: Light
    pose: Pose
    rendering: Rendering
    flipped_rendering: Rendering | None  #: of the mirrored object; None outside training
    confidence: Confidence | None  #: None outside training, or where no loss needs it
    surface: tf.Tensor | None = None  #: [B, h, w, 2], (x, y) px of each point in the photo


class Rerendered(NamedTuple):
    """The object of a photo, rendered in another pose and looked at again."""

    asked: tf.Tensor  #: [B, 3], the rotation it was rendered in, radians
    found: tf.Tensor  #: [B, 3], the rotation found in that picture, radians
