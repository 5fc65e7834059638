"""Parts to object: what is nearest is seen [paper]."""

from __future__ import annotations

import tensorflow as tf

from igc_tf.structures import BACKGROUND, ObjectCapsule, PartCapsules

#: Columns on each side whose depth is fixed, as a share of the width: 2 of 64 [unsup3d].
BORDER_SHARE = 2 / 64


def assemble(
    parts: PartCapsules,
    sharpness: float = 1000.0,
    visibility_sharpness: float = 100.0,
    border_depth: float = 0.0,
    static_background: bool = False,
    blended: bool = False,
) -> ObjectCapsule:
    """Merges part capsules into the object capsule [group].

        V     = one_hot(argmin_m d_m)                 not differentiable
        depth = sum_m softmax_m(-sharpness d_m) d_m
        A     = sum_m V_m A_m

    Args:
      parts: of B images.
      sharpness: k of the depth's softmax [group: 1000].
      visibility_sharpness: k of the soft visibility softmax_m(-k d_m) [choice].
      border_depth: depth of the outer columns, so that a turned canvas still fills the picture
        [unsup3d]; 0 leaves them as they are.
      static_background: keep the background's albedo out of the object's and apart, to be rendered
        behind it [choice]; at least two parts.
      blended: blend the albedos by the soft visibility in place of V: no seams, where parts of several
        faces meet [choice].

    Returns:
      The object capsule of B images.
    """
    depth = parts.depth
    visibility = _nearest(depth)
    soft_visibility = _nearness(depth, visibility_sharpness)
    object_depth = tf.reduce_sum(_nearness(depth, sharpness) * depth, axis=1)
    weights, albedo = soft_visibility if blended else visibility, parts.albedo
    if static_background:
        albedo, foreground = albedo[:, BACKGROUND + 1 :], depth[:, BACKGROUND + 1 :]
        weights = _nearness(foreground, visibility_sharpness) if blended else _nearest(foreground)
    return ObjectCapsule(
        depth=fix_border(object_depth, border_depth) if border_depth else object_depth,
        albedo=tf.reduce_sum(weights[..., tf.newaxis] * albedo, axis=1),
        visibility=visibility,
        soft_visibility=soft_visibility,
        static_background=parts.albedo[:, BACKGROUND] if static_background else None,
    )


def _nearest(depth: tf.Tensor) -> tf.Tensor:
    """one_hot(argmin_m d_m) of `[B, M, h, w]`; no gradient."""
    return tf.one_hot(tf.argmin(depth, axis=1), depth.shape[1], axis=1, dtype=depth.dtype)


def _nearness(depth: tf.Tensor, sharpness: float) -> tf.Tensor:
    """softmax_m(-sharpness d_m) of `[B, M, h, w]`; `tf.nn.softmax` would transpose M to the end."""
    nearest = tf.stop_gradient(tf.reduce_min(depth, axis=1, keepdims=True))
    share = tf.exp(-sharpness * (depth - nearest))
    return share / tf.reduce_sum(share, axis=1, keepdims=True)


def fix_border(depth: tf.Tensor, border_depth: float) -> tf.Tensor:
    """Sets the outer columns of `[B, h, w]` depth to `border_depth`; their gradient is zero."""
    width = depth.shape[2]
    columns = max(1, round(BORDER_SHARE * width))
    column = tf.range(width)
    border = (column < columns) | (column >= width - columns)
    return tf.where(border, border_depth, depth)


def mirrored(capsule: ObjectCapsule) -> ObjectCapsule:
    """The object flipped left to right in its canonical view [unsup3d].

    The flip acts on the x of the canonical maps, never on the rendered picture; a static background
    stays.
    """
    return ObjectCapsule(
        depth=tf.reverse(capsule.depth, [2]),
        albedo=tf.reverse(capsule.albedo, [2]),
        visibility=tf.reverse(capsule.visibility, [3]),
        soft_visibility=tf.reverse(capsule.soft_visibility, [3]),
        static_background=capsule.static_background,
    )
