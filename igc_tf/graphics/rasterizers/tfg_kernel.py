"""Visibility by TensorFlow Graphics' own C++ rasterizer.

The binary in TF Graphics' wheel was linked against an older TensorFlow and does not load, but the
wheel carries its sources, and those compile as they are. TF Graphics' Python wrapper multiplies by
a view-projection matrix, one image at a time; the op below it takes clip coordinates, which is what
we have, so it is called directly.
"""

from __future__ import annotations

import importlib.util
import pathlib
import types

import tensorflow as tf

from igc_tf.graphics.rasterizers import native_build

_NO_CULLING = 0  # FaceCullingMode::kNone of rasterize_triangles_impl.h


@tf.autograph.experimental.do_not_convert
def load() -> types.ModuleType:
    """Returns TF Graphics' ops, compiled on first use.

    Raises:
        native_build.BuildError: if TF Graphics or a C++ compiler is missing, or the build fails.
    """
    spec = importlib.util.find_spec("tensorflow_graphics")
    if spec is None or spec.origin is None:
        raise native_build.BuildError(
            "tensorflow-graphics is not installed; pip install tensorflow-graphics==2021.12.3"
        )
    folder = pathlib.Path(spec.origin).parent / "rendering" / "kernels"
    sources = [folder / "rasterize_triangles_impl.cc", folder / "rasterize_triangles_op.cc"]
    headers = [folder / "rasterize_triangles_impl.h"]
    for file in (*sources, *headers):
        if not file.is_file():
            raise native_build.BuildError(
                f"this tensorflow-graphics carries no {file.name}; install 2021.12.3"
            )
    return native_build.load("tfg_rasterizer", sources, headers)


def visible_triangles(
    vertices: tf.Tensor, triangles: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the nearest triangle at each pixel center. Nothing is differentiable.

    Args:
        vertices: [B, V, 4] float32 clip coordinates; row 0 of the image is y = -1 here.
        triangles: [T, 3] int32.
        image_size: (height, width).

    Returns:
        [B, H, W] int32 triangle, 0 where there is none, and [B, H, W] bool coverage.

    Raises:
        native_build.BuildError: as `load`.
    """
    height, width = image_size
    ops = load()

    def render(image_vertices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        _, triangle, depth = ops.rasterize_triangles(
            vertices=image_vertices,
            triangles=triangles,
            image_width=width,
            image_height=height,
            num_layers=1,
            face_culling_mode=_NO_CULLING,
        )
        return triangle, depth

    # The op renders one image; how many there are need not be known when the graph is built.
    found = tf.map_fn(render, vertices, fn_output_signature=(tf.int32, tf.float32))
    shape = [-1 if vertices.shape[0] is None else vertices.shape[0], height, width]
    triangle, depth = (tf.reshape(maps, shape) for maps in found)
    return triangle, depth < 1.0  # The op clears its depth buffer to 1.
