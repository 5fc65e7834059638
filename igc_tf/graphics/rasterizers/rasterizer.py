"""Rasterization: which triangle each pixel sees, and where in it; differentiable in the vertices.

Two steps. *Visibility*, a search with no derivative, is found by one of several kernels.
*Barycentric coordinates* at the pixels found are then a closed form of the three vertices, the same
for every kernel and differentiable. So there are gradients through the visible geometry and the
attributes, and none through visibility: a silhouette that moves changes no gradient [TF Graphics'
contract].

Coverage, shared by all kernels: a pixel belongs to a triangle if its center lies in it, edges
included, both faces alike. Vertices are rounded to 2^-16 clip units and edges evaluated on
that grid, so meshes have neither holes nor overlaps. The nearest triangle wins, among equals the
first. Visible depths are -w <= z < w, and a triangle that crosses the camera's plane is rendered where
it is visible.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from igc_tf.graphics.rasterizers import (
    native_build,
    native_kernel,
    portable_kernel,
    tfg_kernel,
    window_kernel,
    xla_kernel,
)

#: What `rasterize` takes as its backend.
BACKENDS = ("auto", "native", "tfg", "tensorflow")
#: One more, for what is converted for other engines; see `portable_kernel`.
PORTABLE = "portable"
#: And one for steps that XLA compiles whole, of static shapes; see `xla_kernel`.
XLA = "xla"

# Kernels round coordinates to 16 fractional bits and multiply three of them in 64 bits: the largest
# coordinate of an image must be between these to be neither coarse nor too large.
_COORDINATES = (1.0, 16.0)
# Of a triangle seen from the side: below this ratio of width to length, float32 cannot say where in
# the triangle a pixel is, and the derivative (which grows as 1 / width) is noise [choice].
_THINNEST = 1e-5
_TINY = 1e-30


class Fragments(NamedTuple):
    """What each pixel sees."""

    triangle: tf.Tensor  #: [B, H, W] int32, the nearest triangle; 0 where `mask` is 0
    barycentrics: tf.Tensor  #: [B, H, W, 3] float32, perspective-correct; 0 where `mask` is 0
    mask: tf.Tensor  #: [B, H, W] float32, 1 where a triangle covers the pixel's center, else 0


def rasterize(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int], *, backend: str = "auto"
) -> Fragments:
    """Finds the triangle each pixel sees and the pixel's place in it.

    Args:
        vertices: [B, V, 4] float32, homogeneous clip coordinates (x, y, z, w) as OpenGL's: visible
            where -w <= x, y, z <= w, y up, so that row 0 of the image is next to y = w. An image
            whose largest |x|, |y| or |w| exceeds 16 is scaled down, which costs the rest of it
            precision.
        triangles: [T, 3] int32, in [0, V), the same for all images.
        image_size: (height, width) in pixels.
        backend: 'native', this project's C++ operations (compiled on first use; CPU); 'tfg', TF
            Graphics' C++ kernel (likewise, image by image); 'tensorflow', stock TensorFlow operations
            (any device, XLA, and what SavedModels should hold); 'auto', 'native' where it compiles
            and there is no GPU, else 'tensorflow'. The results are the same. 'portable' is for
            what is converted for other engines, and differs in what `portable_kernel` says; 'xla' for
            what XLA compiles whole.

    Returns:
        Fragments. `barycentrics` are differentiable with respect to `vertices`, x, y and w (they do
        not depend on z), and always finite: where a triangle is seen as thinner than 1e-5 of its
        length, they are 1/3 with no derivative. `triangle` and `mask` are not differentiable.

    Raises:
        ValueError: if a shape, a dtype, the image size or the backend is not as above.
        BuildError: if `backend` is 'native' or 'tfg' and it cannot be compiled.
    """
    vertices = tf.convert_to_tensor(vertices)
    triangles = tf.convert_to_tensor(triangles)
    height, width = _check(vertices, triangles, image_size, backend)
    backend = _resolve(backend)

    with tf.name_scope("rasterize"):
        # Row 0 is the top one. Scaling homogeneous coordinates changes no picture.
        upside_down = vertices * _fixed_point_scale(vertices) * [1.0, -1.0, 1.0, 1.0]
        if backend == "native":
            return Fragments(*native_kernel.rasterize(upside_down, triangles, (height, width)))
        kernel = {
            "tfg": tfg_kernel,
            "tensorflow": window_kernel,
            PORTABLE: portable_kernel,
            XLA: xla_kernel,
        }[backend]
        triangle, covered = kernel.visible_triangles(
            tf.stop_gradient(upside_down), triangles, (height, width)
        )
        barycentrics = _barycentrics(
            upside_down, _corner_ids(triangle, covered, triangles), (height, width)
        )
        return Fragments(triangle, barycentrics, tf.cast(covered, tf.float32))


def interpolate(
    fragments: Fragments,
    triangles: tf.Tensor,
    attributes: tf.Tensor,
    *,
    backend: str = "tensorflow",
) -> tf.Tensor:
    """Interpolates what is known at the vertices to the pixels, perspective-correctly.

    Args:
        fragments: from `rasterize`.
        triangles: [T, 3] int32, as given to `rasterize`.
        attributes: [B, V, C] float32.
        backend: one of `BACKENDS`, best the one given to `rasterize`: 'native' is several times
            faster here too. 'tfg' has no operation of its own for this and means 'tensorflow'.

    Returns:
        [B, H, W, C] float32, 0 where the mask is 0. Differentiable with respect to `attributes`
        and, through the barycentrics, to the vertices.

    Raises:
        ValueError: if `attributes` is not [B, V, C], or the backend is none of `BACKENDS`.
        BuildError: as `rasterize`.
    """
    _check_backend(backend)
    attributes = tf.convert_to_tensor(attributes)
    if attributes.shape.rank != 3:
        raise ValueError(f"attributes must be [B, V, C], got {attributes.shape}")
    with tf.name_scope("interpolate"):
        if _resolve(backend) == "native":
            return native_kernel.interpolate(*fragments, triangles, attributes)
        ids = _corner_ids(fragments.triangle, fragments.mask > 0, triangles)
        corners = _gather_corners(attributes, ids)
        weights = tf.reshape(fragments.barycentrics, [-1, 3, 1])
        value = tf.reduce_sum(corners * weights, axis=1)
        shape = tf.concat([tf.shape(fragments.triangle), tf.shape(attributes)[-1:]], axis=0)
        value = tf.reshape(value, shape)
        return tf.ensure_shape(value, [*fragments.triangle.shape, attributes.shape[-1]])


def _corner_ids(triangle: tf.Tensor, covered: tf.Tensor, triangles: tf.Tensor) -> tf.Tensor:
    """Returns the vertices of each pixel's triangle.

    Args:
        triangle: [B, H, W] int32.
        covered: [B, H, W] bool.
        triangles: [T, 3] int32.

    Returns:
        [B, H, W, 3] int32, counted in each image; -1 where nothing is seen.
    """
    ids = tf.gather(triangles, triangle)
    return tf.where(covered[..., tf.newaxis], ids, -1)


@tf.custom_gradient
def _gather_corners(values: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Gathers [B, V, C] values at [B, H, W, 3] `_corner_ids`: [B H W, 3, C], any value at -1.

    tf.gather's own gradient would add the zeros of all empty pixels to one vertex, on a GPU one
    after the other; here they are dropped.
    """
    batch, count, channels = tf.unstack(tf.shape(values))
    first_vertex = tf.reshape(tf.range(batch) * count, [-1, 1, 1, 1])
    flat_ids = tf.reshape(tf.where(ids >= 0, ids + first_vertex, -1), [-1, 3])
    corners = tf.gather(tf.reshape(values, [batch * count, channels]), tf.maximum(flat_ids, 0))

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        total = tf.math.unsorted_segment_sum(upstream, flat_ids, batch * count)  # Drops ids < 0.
        return tf.reshape(total, [batch, count, channels]), None

    return corners, gradient


def _barycentrics(vertices: tf.Tensor, ids: tf.Tensor, image_size: tuple[int, int]) -> tf.Tensor:
    """Returns the [B, H, W, 3] weights of the corners `ids` at the pixel centers, 0 where ids < 0.

    A pixel's center p = (x, y, 1) is the sum of u_i (x_i, y_i, w_i) over the three corners, up to a
    factor [Olano and Greer 1997]. Corners are first sheared so that p = (0, 0, 1): then u_i are
    three cross products of small numbers, and lose no digits however small the triangle is.
    """
    height, width = image_size
    x = (np.arange(width) + 0.5) * 2 / width - 1
    y = (np.arange(height) + 0.5) * 2 / height - 1
    centers = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)  # [H, W, 2]
    batch = tf.shape(vertices)[0]

    xyw = tf.gather(vertices, [0, 1, 3], axis=-1)
    x, y, w = tf.unstack(
        tf.reshape(_gather_corners(xyw, ids), [batch, height, width, 3, 3]), axis=-1
    )
    seen = ids[..., 0] >= 0
    return _convex_weights(x - w * centers[..., :1], y - w * centers[..., 1:], seen)


@tf.custom_gradient
def _convex_weights(x: tf.Tensor, y: tf.Tensor, seen: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns weights [..., 3], >= 0 and of sum 1, of triangles' corners (x, y) at the origin."""
    x0, x1, x2 = tf.unstack(x, axis=-1)
    y0, y1, y2 = tf.unstack(y, axis=-1)
    u0, u1, u2 = x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0
    area = u0 + u1 + u2
    length = tf.reduce_max(x * x + y * y, axis=-1)
    # Of the rest neither a value nor a derivative can be had.
    usable = tf.logical_and(seen, tf.abs(area) > _THINNEST * length + _TINY)
    safe_area = tf.where(usable, area, 1.0)
    exact = tf.stack([u0, u1, u2], axis=-1) / safe_area[..., tf.newaxis]
    # A pixel on an edge may miss it by rounding.
    clipped = tf.maximum(exact, 0.0)
    weights = clipped / tf.reduce_sum(clipped, axis=-1, keepdims=True)

    weights = tf.where(usable[..., tf.newaxis], weights, 1.0 / 3.0)
    weights = tf.where(seen[..., tf.newaxis], weights, 0.0)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, None]:
        along = upstream - tf.reduce_sum(upstream * exact, axis=-1, keepdims=True)
        scale = tf.where(usable, 1.0, 0.0) / safe_area
        g0, g1, g2 = (g * scale for g in tf.unstack(along, axis=-1))
        to_x = tf.stack([g2 * y1 - g1 * y2, g0 * y2 - g2 * y0, g1 * y0 - g0 * y1], axis=-1)
        to_y = tf.stack([g1 * x2 - g2 * x1, g2 * x0 - g0 * x2, g0 * x1 - g1 * x0], axis=-1)
        return to_x, to_y, None

    return weights, gradient


def _fixed_point_scale(vertices: tf.Tensor) -> tf.Tensor:
    """Returns [B, 1, 1], what brings each image's coordinates into the kernels' range; mostly 1."""
    # z is compared in floating point.
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(vertices)) * [1.0, 1.0, 0.0, 1.0], [1, 2], True)
    return tf.clip_by_value(largest, *_COORDINATES) / tf.maximum(largest, _TINY)


def _check(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int], backend: str
) -> tuple[int, int]:
    """Raises ValueError for bad arguments of `rasterize`; returns the image size as two ints."""
    _check_backend(backend)
    if vertices.shape.rank != 3 or vertices.shape[-1] != 4 or vertices.dtype != tf.float32:
        raise ValueError(
            "vertices must be [B, V, 4] float32 clip coordinates, got "
            f"{vertices.shape} {vertices.dtype.name}"
        )
    if triangles.shape.rank != 2 or triangles.shape[-1] != 3 or triangles.dtype != tf.int32:
        raise ValueError(
            "triangles must be [T, 3] int32, shared by the batch, got "
            f"{triangles.shape} {triangles.dtype.name}"
        )
    if triangles.shape[0] == 0:
        raise ValueError("there are no triangles to render: triangles is [0, 3]")
    numbers = tf.get_static_value(triangles)
    if numbers is not None and vertices.shape[1] is not None:
        # A C++ kernel would read past the vertices.
        for number in (numbers.min(), numbers.max()):
            if not 0 <= number < vertices.shape[1]:
                raise ValueError(
                    f"triangles names vertex {number}, but there are "
                    f"{vertices.shape[1]} vertices, counted from 0"
                )
    try:
        height, width = (operator.index(size) for size in image_size)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"image_size must be (height, width), two Python ints, got {image_size!r}"
        ) from error
    if height < 1 or width < 1:
        raise ValueError(f"image_size must be at least 1 x 1, got {height} x {width}")
    return height, width


def _check_backend(backend: str) -> None:
    if backend not in (*BACKENDS, PORTABLE, XLA):
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")


def _resolve(backend: str) -> str:
    """Returns the backend that is meant, which 'auto' is not."""
    return _automatic_backend() if backend == "auto" else backend


@functools.cache  # One decision, and one line in the log.
def _automatic_backend() -> str:
    backend, reason = "tensorflow", "there is a GPU, and compiled kernels are for CPUs"
    if not tf.config.list_physical_devices("GPU"):
        try:
            native_kernel.load()
            backend, reason = "native", "its C++ kernel is compiled and there is no GPU"
        except native_build.BuildError as error:
            reason = "no kernel can be compiled: " + " ".join(str(error).split())
    logging.info("Rasterizer backend: %s (%s).", backend, reason)
    return backend
