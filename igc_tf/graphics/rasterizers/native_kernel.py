"""This project's own C++ operations: a batch at a time, on all cores, with gradients in C++.

They compute what `rasterizer` says, value for value as the other kernels, several times as fast: no
tensor of a row a pixel's corner is ever written. CPU only; first derivatives only. Compiled on
first use.
"""

from __future__ import annotations

import pathlib
import types

import tensorflow as tf

from igc_tf.graphics.rasterizers import native_build

_FOLDER = pathlib.Path(__file__).parent / "kernels"
_SOURCES = (_FOLDER / "rasterize.cc", _FOLDER / "interpolate.cc")
_HEADERS = (_FOLDER / "images.h",)
# Products and sums are rounded one by one on every processor, as in the other kernels.
_FLAGS = ("-ffp-contract=off",)


@tf.autograph.experimental.do_not_convert
def load() -> types.ModuleType:
    """Returns the operations, compiled on first use.

    Raises:
        native_build.BuildError: if there is no C++ compiler or it fails.
    """
    return native_build.load("igc_rasterizer", _SOURCES, _HEADERS, _FLAGS)


def rasterize(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the nearest triangle at each pixel center, and where in it that is.

    Args:
        vertices: [B, V, 4] float32 clip coordinates; row 0 of the image is y = -1 here.
        triangles: [T, 3] int32.
        image_size: (height, width).

    Returns:
        The fields of `rasterizer.Fragments`: triangle, barycentrics (differentiable in `vertices`)
        and mask.

    Raises:
        native_build.BuildError: as `load`.
        tf.errors.InvalidArgumentError: if `triangles` names a vertex that is not there.
    """
    height, width = image_size
    return load().igc_rasterize(vertices=vertices, triangles=triangles, height=height, width=width)


def interpolate(
    triangle: tf.Tensor,
    barycentrics: tf.Tensor,
    mask: tf.Tensor,
    triangles: tf.Tensor,
    attributes: tf.Tensor,
) -> tf.Tensor:
    """Interpolates [B, V, C] attributes to [B, H, W, C]; as `rasterizer.interpolate`."""
    return load().igc_interpolate(
        triangle=triangle,
        barycentrics=barycentrics,
        mask=mask,
        triangles=triangles,
        attributes=attributes,
    )


@tf.RegisterGradient("IgcRasterize")
def _rasterize_gradient(
    op: tf.Operation, to_triangle: tf.Tensor, to_barycentrics: tf.Tensor, to_mask: tf.Tensor
) -> tuple[tf.Tensor, None]:
    del to_triangle, to_mask  # Visibility has no derivative.
    to_vertices = load().igc_rasterize_grad(
        vertices=op.inputs[0],
        triangles=op.inputs[1],
        triangle=op.outputs[0],
        mask=op.outputs[2],
        to_barycentrics=to_barycentrics,
    )
    return to_vertices, None


@tf.RegisterGradient("IgcInterpolate")
def _interpolate_gradient(op: tf.Operation, to_image: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
    names = ("triangle", "barycentrics", "mask", "triangles", "attributes")
    to_barycentrics, to_attributes = load().igc_interpolate_grad(
        **dict(zip(names, op.inputs, strict=True)), to_image=to_image
    )
    return None, to_barycentrics, None, None, to_attributes
