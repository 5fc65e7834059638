"""The rasterizer against pictures and numbers worked out by hand, on every backend."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.graphics.rasterizers import rasterizer


def clip(points, image_size, w=1.0):
    """Clip coordinates [1, V, 4] of points (x, y in pixels from the top left, depth z / w)."""
    points = np.asarray(points, np.float64)
    height, width = image_size
    w = np.broadcast_to(np.asarray(w, np.float64), points.shape[:1])
    ndc = np.stack([2 * points[:, 0] / width - 1, 1 - 2 * points[:, 1] / height, points[:, 2]], -1)
    return np.concatenate([ndc * w[:, None], w[:, None]], -1)[np.newaxis].astype(np.float32)


def picture(rows, symbols="0123456789"):
    """[H, W] int of rows such as '.01': the symbol's number, -1 for a dot."""
    return np.array([[symbols.index(c) if c != "." else -1 for c in row] for row in rows])


def seen(fragments, image=0):
    """[H, W] int triangle, -1 where there is none."""
    mask = fragments.mask[image].numpy()
    assert set(np.unique(mask)) <= {0.0, 1.0}
    assert not fragments.triangle[image].numpy()[mask == 0].any()
    assert not fragments.barycentrics[image].numpy()[mask == 0].any()
    return np.where(mask > 0, fragments.triangle[image].numpy(), -1)


def triangles_of(*rows):
    return np.array(rows, np.int32)


def test_rasterize_one_triangle_preset(backend):
    # Its slanted side is (x - 0.6) / 6 + (y - 0.6) / 3 = 1; a center is (column + 0.5, row + 0.5).
    vertices = clip([(0.6, 0.6, 0), (0.6, 3.6, 0), (6.6, 0.6, 0)], (5, 11))
    fragments = rasterizer.rasterize(vertices, triangles_of((0, 1, 2)), (5, 11), backend=backend)
    expected = picture(
        [
            "...........",
            ".0000......",
            ".00........",
            "...........",
            "...........",
        ]
    )
    np.testing.assert_array_equal(seen(fragments), expected)
    # At (1.5, 1.5): (x - 0.6) / 6 = 0.15 of the third corner, (y - 0.6) / 3 = 0.3 of the second.
    np.testing.assert_allclose(fragments.barycentrics[0, 1, 1], [0.55, 0.3, 0.15], atol=1e-6)


@pytest.mark.parametrize("corners", [(0, 1, 2), (0, 2, 1)])
def test_rasterize_draws_both_faces(backend, corners):
    vertices = clip([(0, 0, 0), (0, 8, 0), (8, 0, 0)], (4, 4))
    fragments = rasterizer.rasterize(vertices, triangles_of(corners), (4, 4), backend=backend)
    assert (seen(fragments) == 0).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_rasterize_nearest_wins(backend, order):
    size = (8, 8)
    far = [(0.9, 0.9, 0.5), (0.9, 7.3, 0.5), (7.3, 0.9, 0.5)]
    near = [(2.9, 0.2, -0.25), (2.9, 4.4, -0.25), (5.1, 0.2, -0.25)]
    both = np.array([(0, 1, 2), (3, 4, 5)], np.int32)[list(order)]
    fragments = rasterizer.rasterize(clip(far + near, size), both, size, backend=backend)
    # far: x, y > 0.9 and x + y < 8.2; near: x > 2.9, y > 0.2, (x - 2.9) / 2.2 + (y - 0.2) / 4.2 <
    # 1.
    expected = picture(
        [
            "...nn...",
            ".ffnfff.",
            ".ffnff..",
            ".ffff...",
            ".fff....",
            ".ff.....",
            ".f......",
            "........",
        ],
        "fn",
    )
    expected = np.where(expected < 0, -1, np.argsort(order)[np.maximum(expected, 0)])
    np.testing.assert_array_equal(seen(fragments), expected)


def test_rasterize_equal_depths_take_the_first(backend):
    vertices = clip([(0, 0, 0), (0, 8, 0), (8, 0, 0)] * 2, (4, 4))
    both = triangles_of((3, 4, 5), (0, 1, 2))
    fragments = rasterizer.rasterize(vertices, both, (4, 4), backend=backend)
    assert (seen(fragments) == 0).all()


def test_rasterize_four_triangles_share_edges_through_pixel_centers(backend):
    # Both diagonals run through pixel centers: each is rendered once, by the first of its triangles.
    vertices = clip([(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (2, 2, 0)], (4, 4))
    fan = triangles_of((0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4))
    fragments = rasterizer.rasterize(vertices, fan, (4, 4), backend=backend)
    expected = picture(["0000", "3001", "3211", "2221"])
    np.testing.assert_array_equal(seen(fragments), expected)


def test_rasterize_shared_edges_leave_no_hole_and_no_double(backend):
    # A fan round an odd point covers the image; every pixel is in one triangle only, unless on an
    # edge.
    size = (33, 29)
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    rim = np.stack([13.7 + 60 * np.cos(angles), 17.1 + 60 * np.sin(angles), 0 * angles], -1)
    vertices = clip([(13.7, 17.1, 0), *rim], size)
    fan = np.array([(0, 1 + i, 1 + (i + 1) % 40) for i in range(40)], np.int32)
    assert np.diff(angles).max() < np.pi
    whole = rasterizer.rasterize(vertices, fan, size, backend=backend)
    assert (whole.mask.numpy() == 1).all()
    copies = tf.tile(vertices, [40, 1, 1])
    # Image i of a batch of 40 has all triangles but the i-th collapsed: the masks add up to one.
    corners = np.tile(fan.ravel(), [40, 1])
    corners[~np.kron(np.eye(40, dtype=bool), np.ones([1, 3], bool))] = 0
    separate = tf.gather(copies, corners, batch_dims=1)
    alone = rasterizer.rasterize(
        separate, np.arange(120, dtype=np.int32).reshape(40, 3), size, backend=backend
    )
    np.testing.assert_array_equal(tf.reduce_sum(alone.mask, axis=0), np.ones(size))


def test_rasterize_batch_of_two_meshes(backend):
    size = (2, 2)
    left = clip([(0, -4, 0), (1, 2, 0), (0, 8, 0)], size)  # x < 1 - |y - 2| / 6
    top = clip([(-4, 0, 0), (8, 0, 0), (1, 1.5, 0)], size)  # y < 1.5 - 1.5 |x - 1| / (5 or 7)
    fragments = rasterizer.rasterize(
        np.concatenate([left, top]), triangles_of((0, 1, 2)), size, backend=backend
    )
    np.testing.assert_array_equal(seen(fragments, 0), picture(["0.", "0."]))
    np.testing.assert_array_equal(seen(fragments, 1), picture(["00", ".."]))


def test_rasterize_whole_image_triangle(backend):
    size = (50, 70)
    vertices = clip([(0, 0, 0), (0, 100, 0), (140, 0, 0)], size)
    fragments = rasterizer.rasterize(vertices, triangles_of((0, 1, 2)), size, backend=backend)
    assert (fragments.mask.numpy() == 1).all()
    x, y = np.meshgrid(np.arange(70) + 0.5, np.arange(50) + 0.5)
    expected = np.stack([1 - y / 100 - x / 140, y / 100, x / 140], -1)
    np.testing.assert_allclose(fragments.barycentrics[0], expected, atol=1e-6)


def test_interpolate_is_perspective_correct(backend):
    # The middle of a 3 x 3 image is the mean of 1/4, 1/4, 1/2 of the corners on the screen; over w
    # = 1, 3, 2 that is 1/4 : 1/12 : 1/4 = 3/7, 1/7, 3/7 on the triangle.
    vertices = clip([(0, 3, 0), (3, 3, 0), (1.5, 0, 0)], (3, 3), w=[1, 3, 2])
    corners = triangles_of((0, 1, 2))
    fragments = rasterizer.rasterize(vertices, corners, (3, 3), backend=backend)
    np.testing.assert_allclose(fragments.barycentrics[0, 1, 1], [3 / 7, 1 / 7, 3 / 7], atol=1e-6)
    attributes = np.array([[[7.0, 0.0], [14.0, 1.0], [21.0, 0.0]]], np.float32)
    value = rasterizer.interpolate(fragments, corners, attributes, backend=backend)
    assert value.shape == (1, 3, 3, 2)
    np.testing.assert_allclose(value[0, 1, 1], [3 + 2 + 9, 1 / 7], rtol=1e-6)
    np.testing.assert_array_equal(value[0, 0, 0], [0, 0])  # outside


def test_interpolate_does_not_mix_the_batch(backend):
    vertices = np.tile(clip([(0, 0, 0), (0, 8, 0), (8, 0, 0)], (4, 4)), [3, 1, 1])
    corners = triangles_of((0, 1, 2))
    fragments = rasterizer.rasterize(vertices, corners, (4, 4), backend=backend)
    attributes = tf.constant([[[1.0]] * 3, [[2.0]] * 3, [[3.0]] * 3])
    with tf.GradientTape() as tape:
        tape.watch(attributes)
        value = rasterizer.interpolate(fragments, corners, attributes, backend=backend)
    expected = np.ones([3, 4, 4]) * [[[1]], [[2]], [[3]]]
    np.testing.assert_allclose(value[..., 0], expected, rtol=1e-6)
    # The weights of the corners, summed over 16 pixels: over x and y the mean is 2, of 8.
    gradient = tape.gradient(value, attributes)
    np.testing.assert_allclose(gradient[..., 0], [[8.0, 4.0, 4.0]] * 3, rtol=1e-5)


def exact_barycentrics(vertices, pixel, image_size):
    """Float64, by solving [x y w] b ~ (px, py, 1) for one triangle [3, 4]."""
    row, column = pixel
    center = [2 * (column + 0.5) / image_size[1] - 1, 1 - 2 * (row + 0.5) / image_size[0], 1]
    b = np.linalg.solve(vertices[:, [0, 1, 3]].T, center)
    return b / b.sum()


def test_barycentrics_gradient_against_finite_differences(backend):
    size, pixels = (8, 8), [(1, 1), (2, 3), (4, 1)]
    vertices = clip([(0.6, 0.7, 0.1), (1.1, 7.2, 0.3), (6.4, 1.3, 0.2)], size, w=[1, 1.7, 0.8])
    upstream = np.random.default_rng(1).normal(size=[len(pixels), 3])

    tensor = tf.constant(vertices)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        fragments = rasterizer.rasterize(tensor, triangles_of((0, 1, 2)), size, backend=backend)
        values = tf.gather_nd(fragments.barycentrics[0], pixels)
        loss = tf.reduce_sum(values * upstream.astype(np.float32))
    assert all(fragments.mask[0, row, column] == 1 for row, column in pixels)

    def exact_loss(corners):
        weights = [exact_barycentrics(corners, pixel, size) for pixel in pixels]
        return np.sum(weights * upstream)

    np.testing.assert_allclose(
        values, [exact_barycentrics(vertices[0], pixel, size) for pixel in pixels], atol=1e-6
    )
    expected = np.zeros([3, 4])
    for index in np.ndindex(3, 4):
        step = np.zeros([3, 4])
        step[index] = 1e-6
        expected[index] = (exact_loss(vertices[0] + step) - exact_loss(vertices[0] - step)) / 2e-6
    np.testing.assert_allclose(tape.gradient(loss, tensor)[0], expected, rtol=1e-4, atol=1e-4)


def test_descent_on_one_triangle_halves_its_loss(backend):
    size, corners = (16, 16), triangles_of((0, 1, 2))
    colors = tf.constant([[[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]]])

    def render(vertices):
        fragments = rasterizer.rasterize(vertices, corners, size, backend=backend)
        return rasterizer.interpolate(fragments, corners, colors, backend=backend), fragments.mask

    target, target_mask = render(clip([(2, 1, 0), (3, 15, 0), (15, 4, 0)], size))
    vertices = tf.Variable(clip([(1, 3, 0), (1, 14, 0), (13, 2, 0)], size))

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            image, mask = render(vertices)
            both = (mask * target_mask)[..., tf.newaxis]
            loss = tf.reduce_sum(both * (image - target) ** 2) / tf.reduce_sum(both)
        vertices.assign_sub(0.5 * tape.gradient(loss, vertices))
        return loss

    losses = [float(step()) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "argument, value, message",
    [
        ("vertices", np.zeros([3, 4], np.float32), r"vertices must be \[B, V, 4\]"),
        ("vertices", np.zeros([1, 3, 3], np.float32), r"vertices must be \[B, V, 4\]"),
        ("vertices", np.zeros([1, 3, 4]), "float32"),
        ("triangles", np.zeros([1, 2, 3], np.int32), r"triangles must be \[T, 3\]"),
        ("triangles", np.zeros([2, 3]), "int32"),
        ("triangles", np.zeros([0, 3], np.int32), "no triangles"),
        ("triangles", np.array([[0, 1, 3]], np.int32), "names vertex 3"),
        ("triangles", np.array([[0, 1, -1]], np.int32), "names vertex -1"),
        ("image_size", (4,), "image_size"),
        ("image_size", (4.0, 4.0), "image_size"),
        ("image_size", (0, 4), "at least 1 x 1"),
        ("backend", "opengl", "backend must be one of auto, native, tfg, tensorflow"),
    ],
)
def test_rasterize_exception_raised(argument, value, message):
    good = {
        "vertices": np.zeros([1, 3, 4], np.float32),
        "triangles": triangles_of((0, 1, 2)),
        "image_size": (4, 4),
        "backend": "tensorflow",
    }
    with pytest.raises(ValueError, match=message):
        rasterizer.rasterize(**{**good, argument: value})


def test_interpolate_exception_raised():
    fragments = rasterizer.rasterize(
        clip([(0, 0, 0), (0, 8, 0), (8, 0, 0)], (4, 4)),
        triangles_of((0, 1, 2)),
        (4, 4),
        backend="tensorflow",
    )
    with pytest.raises(ValueError, match=r"attributes must be \[B, V, C\]"):
        rasterizer.interpolate(fragments, triangles_of((0, 1, 2)), tf.zeros([3, 2]))
    with pytest.raises(ValueError, match="backend must be one of"):
        rasterizer.interpolate(
            fragments, triangles_of((0, 1, 2)), tf.zeros([1, 3, 2]), backend="opengl"
        )
