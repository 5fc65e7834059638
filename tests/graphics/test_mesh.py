"""The grid mesh: its triangles, their orientation, its normals."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics import camera, mesh


def grid(height, width, z):
    """`[1, height, width, 3]` points a unit apart, rows downwards, z a function of (x, y)."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), -np.arange(height, dtype=np.float32))
    return tf.constant(np.stack([x, y, z(x, y) + 0 * x], axis=-1)[np.newaxis], tf.float32)


def test_triangles_preset():
    # 0 1 2
    # 3 4 5, each cell cut from its top right to its bottom left corner.
    found = {tuple(np.roll(t, -t.argmin())) for t in mesh.grid_triangles(2, 3)}
    assert found == {(0, 3, 1), (1, 3, 4), (1, 4, 2), (2, 4, 5)}


@pytest.mark.parametrize("height, width", [(2, 2), (5, 3), (34, 34)])
def test_triangles_tile_the_grid_counter_clockwise(height, width):
    triangles = mesh.grid_triangles(height, width)
    assert triangles.shape == (2 * (height - 1) * (width - 1), 3) and triangles.dtype == np.int32
    corners = grid(height, width, lambda x, y: 0 * x).numpy().reshape(-1, 3)[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    # Each is half a cell, and its normal points to the viewer.
    np.testing.assert_array_equal(normals, np.tile([0.0, 0.0, 1.0], [len(triangles), 1]))
    assert len({tuple(sorted(t)) for t in triangles}) == len(triangles)


@pytest.mark.parametrize("height, width", [(1, 5), (5, 1), (0, 0)])
def test_triangles_of_less_than_a_cell_raise(height, width):
    with pytest.raises(ValueError, match=f"at least 2x2 vertices, got {height}x{width}"):
        mesh.grid_triangles(height, width)


def test_triangles_are_shared_and_cannot_be_spoilt():
    triangles = mesh.grid_triangles(4, 4)
    assert mesh.grid_triangles(4, 4) is triangles
    with pytest.raises(ValueError):
        triangles[0] = 0


def test_normals_of_a_plane_that_faces_the_viewer():
    found = mesh.grid_normals(grid(4, 5, lambda x, y: -1.0))
    np.testing.assert_allclose(found, np.tile([0.0, 0.0, 1.0], [1, 4, 5, 1]), atol=1e-6)


@pytest.mark.parametrize("slope_x, slope_y", [(0.5, 0.0), (0.0, -2.0), (1.0, 0.7)])
def test_normals_of_a_tilted_plane(slope_x, slope_y):
    # z = a x + b y has the normal (-a, -b, 1) / |.|, at the border too.
    found = mesh.grid_normals(grid(4, 5, lambda x, y: slope_x * x + slope_y * y))
    expected = np.array([-slope_x, -slope_y, 1.0])
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(found, np.tile(expected, [1, 4, 5, 1]), atol=1e-6)


def test_normals_of_a_nose_point_away_from_it():
    # A bump towards the viewer: left of it normals lean left, above it they lean up.
    x, y = np.meshgrid(np.linspace(-1, 1, 33), np.linspace(1, -1, 33))
    depth = tf.constant(1.0 - 0.05 * np.exp(-4 * (x**2 + y**2)), tf.float32)[tf.newaxis]
    normals = mesh.grid_normals(camera.unproject(depth, 10.0))[0].numpy()
    np.testing.assert_allclose(normals[16, 16], [0, 0, 1], atol=1e-3)
    assert normals[16, 8, 0] < -0.1 and normals[16, 24, 0] > 0.1
    assert normals[8, 16, 1] > 0.1 and normals[24, 16, 1] < -0.1
    assert (normals[..., 2] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0, rtol=1e-5)


def test_normals_of_a_sphere():
    # Central differences on a dense grid: within a degree of the radius.
    axis = np.linspace(-0.5, 0.5, 41)
    x, y = np.meshgrid(axis, -axis)
    points = np.stack([x, y, np.sqrt(1 - x**2 - y**2)], axis=-1)
    found = mesh.grid_normals(tf.constant(points[np.newaxis], tf.float32))[0].numpy()
    cosine = (found * points).sum(axis=-1)[1:-1, 1:-1]
    assert cosine.min() > np.cos(np.radians(1.0))


@pytest.mark.parametrize(
    "points",
    [tf.zeros([1, 3, 3, 3]), grid(3, 3, lambda x, y: x) * [1.0, 0.0, 1.0]],
    ids=["one point", "one line"],
)
def test_normals_without_area_are_zero_with_zero_gradient(points):
    with tf.GradientTape() as tape:
        tape.watch(points)
        normals = mesh.grid_normals(points)
    np.testing.assert_array_equal(normals, np.zeros([1, 3, 3, 3]))
    np.testing.assert_array_equal(tape.gradient(normals, points), np.zeros([1, 3, 3, 3]))
