"""The float32 kernel against the exact one."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.benchmarks import rasterizers
from igc_tf.graphics import camera, mesh
from igc_tf.graphics.rasterizers import portable_kernel, rasterizer


def _clip(side, batch, size):
    vertices, triangles = rasterizers.face_meshes(side, batch)
    return camera.to_clip_space(vertices, size, rasterizers.FOV_DEGREES), triangles


@pytest.mark.parametrize(("side", "size"), [(34, (32, 32)), (20, (48, 37)), (66, (64, 64))])
def test_it_draws_what_the_exact_kernel_draws(side, size):
    clip, triangles = _clip(side, 5, size)
    colors = tf.random.stateless_uniform([5, side**2, 3], [0, 1])
    rendered = {}
    for backend in ("tensorflow", rasterizer.PORTABLE):
        fragments = rasterizer.rasterize(clip, triangles, size, backend=backend)
        picture = rasterizer.interpolate(fragments, triangles, colors, backend=backend)
        rendered[backend] = picture.numpy(), fragments.mask.numpy()
    (exact, exact_mask), (ours, mask) = rendered.values()
    # Only on the outline may a pixel be seen by one of them alone.
    assert np.mean(mask != exact_mask) <= 1e-4
    same = (mask == exact_mask)[..., np.newaxis]
    assert np.mean(np.abs(ours - exact) * same > 1e-4) <= 1e-3  # a fold's nearer side may be a tie
    assert np.median(np.abs(ours - exact)) <= 1e-6 and mask.mean() > 0.3


def test_no_pixel_falls_between_two_triangles():
    # A flat grid whose edges pass through pixel centers: each is on the edge of up to six triangles.
    size, side = 16, 17
    axis = (np.arange(side) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(axis, axis)
    vertices = np.stack([x, y, np.zeros_like(x), np.ones_like(x)], -1).reshape(1, -1, 4)
    triangles = mesh.grid_triangles(side, side)
    triangle, covered = portable_kernel.visible_triangles(
        tf.constant(vertices, tf.float32), triangles, (size, size)
    )
    assert covered.numpy().all() and triangle.shape == (1, size, size)


def test_the_nearer_of_two_triangles_is_seen_and_nothing_behind_the_camera():
    corners = np.array([[-1, -1], [3, -1], [-1, 3]], np.float32)
    depths = np.array([0.5, -0.5, 0.0], np.float32)
    vertices = [[x, y, z, 1.0] for z in depths for x, y in corners]
    behind = [[x, y, -0.9, -1.0] for x, y in corners]
    triangles = np.arange(12, dtype=np.int32).reshape(4, 3)
    triangle, covered = portable_kernel.visible_triangles(
        tf.constant([vertices + behind], tf.float32), triangles, (4, 5)
    )
    np.testing.assert_array_equal(triangle, np.full((1, 4, 5), 1))
    assert covered.numpy().all()
    _, covered = portable_kernel.visible_triangles(
        tf.constant([behind], tf.float32), triangles[:1], (4, 5)
    )
    assert not covered.numpy().any()


def test_a_dynamic_batch_and_each_image_alone_give_the_same():
    size = (20, 24)
    clip, triangles = _clip(12, 3, size)
    colors = tf.random.stateless_uniform([3, 12**2, 3], [0, 2])

    @tf.function(
        input_signature=[tf.TensorSpec([None, *each.shape[1:]]) for each in (clip, colors)]
    )
    def render(vertices, attributes):
        backend = rasterizer.PORTABLE
        fragments = rasterizer.rasterize(vertices, triangles, size, backend=backend)
        return rasterizer.interpolate(fragments, triangles, attributes, backend=backend)

    alone = [render(clip[i : i + 1], colors[i : i + 1]) for i in range(3)]
    # Which of two triangles a pixel on their common edge is said to see may differ; its color not.
    np.testing.assert_allclose(render(clip, colors), np.concatenate(alone), atol=1e-4)
