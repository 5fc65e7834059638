"""The camera: its two projections agree, undo the unprojection, and keep to the conventions."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics import camera

SIZES = [(32, 32), (24, 40)]


def random_points(count=200, seed=0):
    """Points `[count, 3]` in front of the camera, some of them outside the picture."""
    xy = tf.random.stateless_uniform([count, 2], [seed, 1], -0.2, 0.2)
    z = tf.random.stateless_uniform([count, 1], [seed, 2], -1.5, -0.5)
    return tf.concat([xy, z], axis=-1)


def test_half_extent_preset():
    np.testing.assert_allclose(camera.half_extent(90.0), 1.0)
    np.testing.assert_allclose(camera.half_extent(10.0), 0.0874887, rtol=1e-6)


def test_pixel_rays_preset():
    # 90 degrees: at depth 1 the picture is 2 wide, its 2 x 4 pixels are 0.5; centers are half a pixel in.
    rays = camera.pixel_rays((2, 4), 90.0).numpy()
    np.testing.assert_allclose(rays[0, :, 0], [-0.75, -0.25, 0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(rays[:, 0, 1], [0.25, -0.25], rtol=1e-6)  # row 0 is the upper one
    np.testing.assert_array_equal(rays[..., 2], np.full([2, 4], -1.0))


def test_pixel_rays_margin_goes_on_outside():
    inner = camera.pixel_rays((4, 6), 20.0).numpy()
    outer = camera.pixel_rays((4, 6), 20.0, margin=2).numpy()
    assert outer.shape == (8, 10, 3)
    np.testing.assert_allclose(outer[2:-2, 2:-2], inner, rtol=1e-6)
    np.testing.assert_allclose(
        np.diff(outer[0, :, 0]), 2 * math.tan(math.radians(10)) / 6, rtol=1e-4
    )


def test_unproject_preset():
    depth = tf.constant([[[1.0, 2.0]]])
    points = camera.unproject(depth, 90.0)
    # Two pixels of width 1 at depth 1: x = -+0.5 times depth, y = 0.
    np.testing.assert_allclose(points, [[[[-0.5, 0, -1], [1.0, 0, -2]]]], atol=1e-6)


def test_unproject_margin_continues_the_depth_mirrored():
    depth = tf.constant([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    points = camera.unproject(depth, 90.0, margin=1)
    expected = [[1, 1, 2, 3, 3], [1, 1, 2, 3, 3], [4, 4, 5, 6, 6], [4, 4, 5, 6, 6]]
    np.testing.assert_allclose(-points[0, ..., 2], expected)


def test_pad_maps_keeps_the_channels():
    maps = tf.random.stateless_uniform([2, 3, 4, 5], [0, 3])
    padded = camera.pad_maps(maps, 1)
    assert padded.shape == (2, 5, 6, 5)
    np.testing.assert_array_equal(padded[:, 1:-1, 1:-1], maps)
    np.testing.assert_array_equal(padded[:, 0, 1:-1], maps[:, 0])
    np.testing.assert_array_equal(camera.pad_maps(maps, 0), maps)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fov", [10.0, 60.0])
def test_unprojected_pixels_project_back_to_their_centers(size, fov):
    depth = tf.random.stateless_uniform([2, *size], [0, 4], 0.5, 1.5)
    pixels = camera.to_pixels(camera.unproject(depth, fov), size, fov)
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([np.stack([x, y], -1)] * 2), atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fov", [10.0, 60.0])
def test_clip_space_and_pixels_agree(size, fov):
    points = random_points()
    x, y, z, w = np.moveaxis(camera.to_clip_space(points, size, fov).numpy(), -1, 0)
    height, width = size
    # OpenGL: x = -1 is the picture's left edge, y = +1 its top one.
    pixels = np.stack([(x / w + 1) / 2 * width, (1 - y / w) / 2 * height], axis=-1)
    np.testing.assert_allclose(pixels, camera.to_pixels(points, size, fov), atol=1e-3)
    np.testing.assert_allclose(w, -points[:, 2], rtol=1e-5)
    assert (np.abs(z) < w).all()  # between the clipping planes


def test_to_pixels_preset():
    # 90 degrees, 4 x 8 pixels: at depth 2 the picture is 4 wide and 2 high, a pixel is 0.5.
    points = tf.constant([[0.0, 0.0, -2.0], [2.0, 1.0, -2.0], [-2.0, -1.0, -2.0], [0.5, 0.0, -1.0]])
    expected = [[4, 2], [8, 0], [0, 4], [6, 2]]
    np.testing.assert_allclose(camera.to_pixels(points, (4, 8), 90.0), expected, atol=1e-5)


def test_clipping_planes():
    points = tf.constant([[0.0, 0.0, -camera.NEAR], [0.0, 0.0, -camera.FAR]])
    clip = camera.to_clip_space(points, (8, 8), 10.0).numpy()
    np.testing.assert_allclose(clip[:, 2] / clip[:, 3], [-1.0, 1.0], atol=1e-5)
