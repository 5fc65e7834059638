"""The rasterizers alone, beside TF Graphics' own path to its native kernel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from igc_tf.benchmarks import timing
from igc_tf.benchmarks.timing import Timing
from igc_tf.graphics import camera, mesh, pose
from igc_tf.graphics.rasterizers import rasterizer, tfg_kernel
from igc_tf.structures import Pose

#: What the ratios are of: `triangle_rasterizer.rasterize` as TF Graphics ships it.
REFERENCE = "tf graphics"
FOV_DEGREES = 10.0
_CHANNELS = 3


def compare(
    mesh_side: int, image_side: int, batch: int, backends: tuple[str, ...], seconds: float
) -> dict[str, Timing]:
    """Renders turned, face-like grid meshes with three colors, forward and backward.

    Args:
      mesh_side: vertices along a side of the mesh.
      image_side: px.
      batch: images.
      backends: of `rasterizer`.
      seconds: for all of them together.

    Returns:
      Timings of a batch by backend, and of the `REFERENCE`.
    """
    vertices, triangles = face_meshes(mesh_side, batch)
    colors = tf.random.stateless_uniform([batch, mesh_side**2, _CHANNELS], [0, 1])
    size = (image_side, image_side)
    functions = {REFERENCE: _with_gradient(_tf_graphics(triangles, size), vertices, colors)}
    for backend in backends:
        functions[backend] = _with_gradient(_ours(triangles, size, backend), vertices, colors)
    return timing.alternate(functions, seconds)


def face_meshes(side: int, batch: int) -> tuple[tf.Tensor, np.ndarray]:
    """Posed vertices `[batch, side^2, 3]` of bumps, camera frame, and the triangles of all."""
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(axis, axis)
    bump = 1.04 - 0.1 * np.exp(-2 * (x**2 + y**2)) - 0.02 * np.exp(-30 * (x**2 + y**2))
    depth = tf.constant(np.tile(bump, [batch, 1, 1]), tf.float32)
    degrees = np.linspace(-40, 40, batch)
    rotation = np.radians(np.stack([0.3 * degrees, degrees, 0.2 * degrees], axis=-1))
    view = Pose(tf.constant(rotation, tf.float32), tf.zeros([batch, 3]))
    points = tf.reshape(camera.unproject(depth, FOV_DEGREES), [batch, side**2, 3])
    return pose.apply(view, points), mesh.grid_triangles(side, side)


def _ours(triangles: np.ndarray, size: tuple[int, int], backend: str) -> Callable:
    def render(vertices: tf.Tensor, colors: tf.Tensor) -> tf.Tensor:
        clip = camera.to_clip_space(vertices, size, FOV_DEGREES)
        fragments = rasterizer.rasterize(clip, triangles, size, backend=backend)
        return rasterizer.interpolate(fragments, triangles, colors, backend=backend)

    return render


def _tf_graphics(triangles: np.ndarray, size: tuple[int, int]) -> Callable:
    """`triangle_rasterizer.rasterize` over its own kernel, compiled since the wheel's does not load."""
    # Below igc_tf.graphics, which makes their import cheap.
    import tensorflow_graphics.rendering.kernels as tfg_kernels
    from tensorflow_graphics.rendering import rasterization_backend, triangle_rasterizer

    tfg_kernels.gen_rasterizer_op = tfg_kernel.load()
    triangles = tf.constant(triangles)

    def render(vertices: tf.Tensor, colors: tf.Tensor) -> tf.Tensor:
        matrix = tf.tile(
            camera.projection_matrix(size, FOV_DEGREES)[tf.newaxis], [vertices.shape[0], 1, 1]
        )
        return triangle_rasterizer.rasterize(
            vertices,
            triangles,
            {"colors": colors},
            matrix,
            size,
            enable_cull_face=False,
            backend=rasterization_backend.RasterizationBackends.CPU,
        )["colors"]

    return render


def _with_gradient(render: Callable, vertices: tf.Tensor, colors: tf.Tensor) -> Callable:
    @tf.function(autograph=False)
    def run(vertices: tf.Tensor, colors: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([vertices, colors])
            total = tf.reduce_sum(render(vertices, colors))
        return tape.gradient(total, [vertices, colors])

    traced = run.get_concrete_function(vertices, colors)
    return lambda: traced(vertices, colors)


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """e of cost ~ pixels^e, least squares on logarithms, for square pictures of these sides."""
    pixels = [2 * math.log(size) for size in sizes]
    return float(np.polyfit(pixels, np.log(seconds), 1)[0])
