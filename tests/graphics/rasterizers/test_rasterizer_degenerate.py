"""Degenerate input: values and gradients stay finite, and what is invisible is not rendered."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics.rasterizers import rasterizer

SIZE = (6, 6)
BIG = [(-3, -3, 0, 1), (3, -3, 0, 1), (0, 6, 0, 1)]  # covers the image

CASES = {
    "zero area, one point": [(0.1, 0.1, 0, 1)] * 3,
    "zero area, a line through pixel centers": [(-1, -1, 0, 1), (0, 0, 0, 1), (1, 1, 0, 1)],
    "zero area, two equal corners": [(-0.5, 0, 0, 1), (-0.5, 0, 0, 1), (0.9, 0.3, 0, 1)],
    "edge-on, in the plane through the eye": [(0, -1, 0, 1), (0, 1, 0.5, 2), (0, 0.3, 0.1, 3)],
    "all zeros": [(0, 0, 0, 0)] * 3,
    "behind the camera": [(-3, -3, -2, -1), (3, -3, -2, -1), (0, 6, -2, -1)],
    "nearer than the near plane": [(-3, -3, -1.5, 1), (3, -3, -1.5, 1), (0, 6, -1.5, 1)],
    "beyond the far plane": [(-3, -3, 1.5, 1), (3, -3, 1.5, 1), (0, 6, 1.5, 1)],
    "on the far plane": [(-3, -3, 1, 1), (3, -3, 1, 1), (0, 6, 1, 1)],
    "left of the image": [(-9, -3, 0, 1), (-3, -3, 0, 1), (-3, 6, 0, 1)],
    "between the pixel centers": [(0.01, 0.01, 0, 1), (0.1, 0.01, 0, 1), (0.01, 0.1, 0, 1)],
}


def seen(fragments):
    """[H, W] int triangle of the first image, -1 where there is none."""
    return np.where(fragments.mask[0] > 0, fragments.triangle[0], -1)


def triangles_of(*rows):
    return np.array(rows, np.int32)


def values_and_gradient(vertices, triangles, backend):
    vertices = tf.constant(vertices, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(vertices)
        fragments = rasterizer.rasterize(vertices, triangles, SIZE, backend=backend)
        attributes = tf.concat([vertices, vertices**2], axis=-1)
        image = rasterizer.interpolate(fragments, triangles, attributes, backend=backend)
        loss = tf.reduce_sum(tf.sin(image)) + tf.reduce_sum(fragments.barycentrics**2)
    return fragments, image, tape.gradient(loss, vertices)


@pytest.mark.parametrize("case", CASES)
def test_degenerate_triangles_draw_nothing(backend, case):
    fragments, image, gradient = values_and_gradient(
        [CASES[case]], triangles_of((0, 1, 2)), backend
    )
    assert not fragments.mask.numpy().any()
    assert not image.numpy().any()
    np.testing.assert_array_equal(gradient, np.zeros([1, 3, 4]))


@pytest.mark.parametrize("case", CASES)
def test_degenerate_triangles_do_not_disturb_others(backend, case):
    alone, image_alone, gradient_alone = values_and_gradient(
        [BIG], triangles_of((0, 1, 2)), backend
    )
    # Triangle 0, where empty pixels and careless gathers point, is the degenerate one.
    fragments, image, gradient = values_and_gradient(
        [[*CASES[case], *BIG]], triangles_of((0, 1, 2), (3, 4, 5)), backend
    )
    assert (seen(fragments) == 1).all() and (seen(alone) == 0).all()
    np.testing.assert_allclose(image, image_alone, atol=1e-6)
    np.testing.assert_allclose(gradient[0, 3:], gradient_alone[0], atol=1e-4)
    np.testing.assert_array_equal(gradient[0, :3], np.zeros([3, 4]))


def test_partly_behind_the_camera(backend):
    # The plane y = -1 (a floor) under a camera with near plane at 0.5 and far at 8: w = distance,
    # z = (17 w - 16) / 15. Its corners are 1 behind the camera and 6 before it.
    def corner(x, distance):
        return (x, -1, (8.5 * distance - 8) / 7.5, distance)

    vertices = [[corner(-40, -1), corner(40, -1), corner(0, 6)]]
    fragments, image, gradient = values_and_gradient(vertices, triangles_of((0, 1, 2)), backend)
    # Rows' centers are y = 5/6, 1/2, 1/6, -1/6, -1/2, -5/6; the floor is at distance -1 / y there,
    # 6, 2 and 1.2. At distance d it is |x| < 40 (6 - d) / 7 wide, so it ends at 6 itself.
    np.testing.assert_array_equal(fragments.mask[0, 4:], np.ones([2, 6]))
    np.testing.assert_array_equal(fragments.mask[0, :4], np.zeros([4, 6]))
    np.testing.assert_allclose(image[0, 4, :, 3], [2.0] * 6, rtol=1e-5)
    np.testing.assert_allclose(image[0, 5, :, 3], [1.2] * 6, rtol=1e-5)
    assert np.isfinite(gradient).all()


def test_near_plane_cuts(backend):
    # Depth rises from -2 to 2 with x in [-1, 1]: visible is -1 <= z < 1, -1/2 <= x < 1/2,
    # and the pixel centers are at x = -5/6, -1/2, ..., 5/6.
    square = [[(-1, -1, -2, 1), (1, -1, 2, 1), (1, 1, 2, 1), (-1, 1, -2, 1)]]
    fragments, image, _ = values_and_gradient(square, triangles_of((0, 1, 2), (0, 2, 3)), backend)
    np.testing.assert_array_equal(fragments.mask[0], np.tile([0, 1, 1, 1, 0, 0], [6, 1]))
    np.testing.assert_allclose(image[0, :, 1:4, 2], np.tile([-1, -1 / 3, 1 / 3], [6, 1]), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e6, 1e30])
def test_scale_of_homogeneous_coordinates_does_not_matter(backend, scale):
    vertices = np.array([[(-0.9, -0.8, 0, 1), (0.95, -0.7, 0, 1), (0.1, 0.9, 0, 1)]]) * scale
    fragments, _, _ = values_and_gradient(vertices, triangles_of((0, 1, 2)), backend)
    # In pixels the corners are (0.3, 5.4), (5.85, 5.1) and (3.3, 0.3).
    expected = [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(fragments.mask[0], expected)


def test_gradients_of_slivers_are_finite(backend):
    # Ever thinner triangles through the pixel centers of a row.
    for width in 10.0 ** np.arange(-8, 0):
        y = 1 / 6
        vertices = [[(-1, y - width, 0, 1), (1, y - width, 0, 1), (0, y + width, 0, 1)]]
        _, image, gradient = values_and_gradient(vertices, triangles_of((0, 1, 2)), backend)
        assert np.isfinite(image).all() and np.isfinite(gradient).all()
        assert np.abs(gradient).max() < 1e7  # so a global norm of millions is finite too


def test_random_soup_is_finite(backend):
    rng = np.random.default_rng(3)
    for spread in (1e-6, 1.0, 50.0, 1e15):
        vertices = (rng.normal(size=[2, 40, 4]) * spread).astype(np.float32)
        triangles = rng.integers(0, 40, [60, 3]).astype(np.int32)
        vertices[:, ::5] = 0
        fragments, _, gradient = values_and_gradient(vertices, triangles, backend)
        weights = fragments.barycentrics.numpy()
        assert np.isfinite(weights).all() and (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(-1), fragments.mask, atol=1e-5)
        if spread < 1e6:  # The test's own attributes overflow above.
            assert np.isfinite(gradient).all()


def test_empty_batch(backend):
    fragments = rasterizer.rasterize(
        np.zeros([0, 3, 4], np.float32), triangles_of((0, 1, 2)), SIZE, backend=backend
    )
    assert fragments.barycentrics.shape == (0, 6, 6, 3)
    image = rasterizer.interpolate(
        fragments, triangles_of((0, 1, 2)), tf.zeros([0, 3, 2]), backend=backend
    )
    assert image.shape == (0, 6, 6, 2)
