"""SIDE and MAD on surfaces whose normals and depths are known in closed form."""

import numpy as np
import pytest

from igc_tf.metrics import geometry
from igc_tf.metrics.metric import means


def bumps(seed, n=4, size=32, sign=1.0):
    """Depth maps `[n, size, size]` of domes of different height and place, depth about 1."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, size)
    x, y = np.meshgrid(axis, axis)
    center = generator.uniform(-0.3, 0.3, (2, n, 1, 1))
    height = generator.uniform(0.02, 0.06, (n, 1, 1))
    return 1.0 - sign * height * np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / 0.3)


def evaluate(*arguments, **named):
    """Means over the images."""
    return means(geometry.canonical_errors(*arguments, **named), {})


def test_unproject_by_hand():
    # fov 90 degrees: half extent 1 at depth 1. 2 x 4 pixels, 0.5 wide each.
    points = geometry.unproject(np.full((2, 4), 2.0), 90.0)
    np.testing.assert_allclose(points[0, 0], [2 * -0.75, 2 * 0.25, -2.0])
    np.testing.assert_allclose(points[1, 3], [2 * 0.75, 2 * -0.25, -2.0])


def test_unproject_is_the_models_camera():
    from igc_tf.graphics import camera  # here, so that the other tests need no TensorFlow

    depth = bumps(0, n=2, size=16).astype(np.float32)[:, :12]
    np.testing.assert_allclose(
        geometry.unproject(depth, 10.0), camera.unproject(depth, 10.0).numpy(), atol=1e-6
    )


def test_normals_of_planes():
    np.testing.assert_allclose(geometry.normals(np.ones((8, 8)))[4, 4], [0, 0, 1], atol=1e-12)
    # The plane z = -1 + a x: depth = 1 - a x, and x = u depth, so depth = 1 / (1 + a u).
    for axis, sign in ((1, 1.0), (0, -1.0)):
        u = sign * (np.arange(9) + 0.5 - 4.5) / 4.5 * np.tan(np.radians(5.0))
        depth = np.broadcast_to(1 / (1 + 0.7 * (u if axis == 1 else u[:, None])), (9, 9))
        expected = np.array([-0.7, 0, 1] if axis == 1 else [0, -0.7, 1]) / np.hypot(0.7, 1)
        np.testing.assert_allclose(
            geometry.normals(depth), np.broadcast_to(expected, (9, 9, 3)), atol=1e-9
        )


def test_side_by_hand():
    # log ratio is ln 2 on half the pixels and 0 on the others: deviation ln(2) / 2.
    true = np.ones((1, 2, 2))
    predicted = np.array([[[2.0, 2.0], [1.0, 1.0]]])
    np.testing.assert_allclose(geometry.side_e2(predicted, true), [100 * np.log(2) / 2])
    # Scale-invariant.
    np.testing.assert_allclose(geometry.side_e2(3 * predicted, true), [100 * np.log(2) / 2])
    # Only the top row counts: no spread left.
    mask = np.array([[[1, 1], [0, 0]]])
    np.testing.assert_allclose(geometry.side_e2(predicted, true, mask), [0.0], atol=1e-12)


def test_mad_by_hand():
    # A plane inclined by atan(0.7) against a flat one.
    u = (np.arange(9) + 0.5 - 4.5) / 4.5 * np.tan(np.radians(5.0))
    inclined = np.broadcast_to(1 / (1 + 0.7 * u), (1, 9, 9))
    found = geometry.mad_degrees(inclined, np.ones((1, 9, 9)))
    np.testing.assert_allclose(found, [np.degrees(np.arctan(0.7))], atol=1e-6)


def test_mad_does_not_see_beyond_the_mask():
    true = bumps(1, n=1)
    mask = np.zeros_like(true)
    mask[:, 8:24, 8:24] = 1
    wrong = np.where(mask > 0, true, np.nan)
    np.testing.assert_allclose(geometry.mad_degrees(wrong, true, mask), [0.0], atol=1e-9)


def test_align_undoes_scale_and_shift():
    true = bumps(2)
    np.testing.assert_allclose(geometry.align(0.4 * true + 0.3, true), true, atol=1e-12)


def test_align_flattens_a_hollow_face_instead_of_turning_it():
    true = bumps(3)
    hollow = bumps(3, sign=-1.0)
    expected = np.broadcast_to(true.mean((1, 2), keepdims=True), true.shape)
    np.testing.assert_allclose(geometry.align(hollow, true), expected, atol=1e-12)
    np.testing.assert_allclose(geometry.align(np.ones_like(true), true), expected, atol=1e-12)


def test_perfect_prediction_up_to_scale_and_shift():
    true = bumps(4)
    metrics = evaluate(0.5 * true + 0.4, true)
    assert metrics["side_canonical_e2"].value == pytest.approx(0.0, abs=1e-9)
    assert metrics["mad_canonical_degrees"].value == pytest.approx(0.0, abs=1e-6)
    assert metrics["mad_canonical_unaligned_degrees"].value > 1.0
    # Constant depth: SIDE is the deviation of the logarithm of the ground truth.
    assert metrics["side_canonical_constant_e2"].value == pytest.approx(
        100 * np.log(true).std((1, 2)).mean()
    )


def test_order_of_the_lines():
    true = bumps(5, n=30)
    noisy = true + np.random.default_rng(6).normal(0, 1e-4, true.shape)
    metrics = evaluate(noisy, true, average=geometry.mean_depth(bumps(7, n=30)))
    for kind in ("side_canonical_{}e2", "mad_canonical_{}degrees"):
        values = [metrics[kind.format(name)].value for name in ("", "mean_depth_", "constant_")]
        assert values[0] < values[1] < values[2]


def test_hollow_face_is_no_better_than_flat():
    metrics = evaluate(bumps(8, sign=-1.0), bumps(8))
    assert metrics["side_canonical_e2"].value == pytest.approx(
        metrics["side_canonical_constant_e2"].value
    )
    assert (
        metrics["mad_canonical_unaligned_degrees"].value
        > metrics["mad_canonical_constant_degrees"].value
    )


def test_depth_error_by_hand():
    # The relief is 1 (depths 1 and 3 about 2); errors of 0.5 and 0.5: half the relief.
    true, predicted = np.array([[[1.0, 3.0]]]), np.array([[[1.5, 2.5]]])
    np.testing.assert_allclose(geometry.depth_error_percent(predicted, true), [50.0])
    # A flat map is 100 % wrong by definition; a flat ground truth has no relief to compare with.
    np.testing.assert_allclose(geometry.depth_error_percent(np.full_like(true, 2.0), true), [100.0])
    assert np.isnan(geometry.depth_error_percent(predicted, np.ones_like(true))).all()


def test_mean_depth_line_needs_the_train_split():
    true = bumps(10)
    metrics = evaluate(true, true)
    for name in (
        "side_canonical_mean_depth_e2",
        "mad_canonical_mean_depth_degrees",
        "depth_error_canonical_mean_depth_percent",
    ):
        assert metrics[name].is_absent
    assert metrics["depth_error_canonical_constant_percent"].value == pytest.approx(100.0)
    assert metrics["depth_error_canonical_percent"].value == pytest.approx(0.0, abs=1e-6)


def test_shifted_depth_is_seen():
    true = bumps(11)
    errors = [
        evaluate(np.roll(true, shift, 2), true)["depth_error_canonical_percent"].value
        for shift in (0, 2, 5)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_mean_depth_by_hand():
    true = np.array([[[1.0, 2.0, 9.0]], [[3.0, 5.0, 9.0]]])
    mask = np.array([[[1, 1, 0]], [[1, 0, 0]]])
    # Pixel 0: (1 + 3) / 2; pixel 1: 2; pixel 2 nowhere valid: mean of 1, 2 and 3.
    np.testing.assert_allclose(geometry.mean_depth(true, mask), [[2.0, 2.0, 2.0]])
    np.testing.assert_allclose(geometry.mean_depth(true), [[2.0, 3.5, 9.0]])


def test_empty_masks_have_no_ground_truth():
    true = bumps(9, n=2)
    mask = np.ones_like(true)
    mask[1] = 0
    with np.errstate(invalid="raise", divide="raise"):
        metrics = evaluate(true, true, mask, true[0])
        assert {metric.n for metric in metrics.values()} == {1}
        for metric in evaluate(true, true, 0 * mask).values():
            assert metric.is_absent


@pytest.mark.parametrize(
    ("predicted", "true", "mask", "message"),
    [
        (np.ones((1, 4, 4)), np.ones((1, 5, 5)), None, "must both be"),
        (np.ones((1, 4, 4)), np.ones((1, 4, 4)), np.ones((1, 5, 5)), "mask"),
        (np.zeros((1, 4, 4)), np.ones((1, 4, 4)), None, "predicted depth"),
        (np.ones((1, 4, 4)), np.full((1, 4, 4), np.nan), None, "true depth"),
    ],
)
def test_bad_input_is_named(predicted, true, mask, message):
    with pytest.raises(ValueError, match=message):
        evaluate(predicted, true, mask)


def test_mean_depth_of_nothing_is_named():
    with pytest.raises(ValueError, match="no valid"):
        geometry.mean_depth(np.ones((1, 2, 2)), np.zeros((1, 2, 2)))


# The photo's own view, Unsup3D's protocol.


def heads(seed, n=3, size=64):
    """Depth of domes before a wall at 1.1, and where they are, `[n, size, size]` twice."""
    depth = bumps(seed, n, size)
    known = depth < 0.995
    return np.where(known, depth, 1.1), known


def by_hand(predicted, rendered, true, known, fov_degrees):
    """SIDE x 100 and MAD of one picture of 64 px, pixel by pixel."""
    half = np.tan(np.radians(fov_degrees / 2))

    def whole(mask, row, column):  # itself and its eight neighbors, none of them beyond the border
        return all(
            0 <= row + down < 64 and 0 <= column + right < 64 and mask[row + down, column + right]
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
        )

    def normal(depth, row, column):
        def point(r, c):
            x, y = (c + 0.5 - 32) / 32 * half, -(r + 0.5 - 32) / 32 * half
            return np.array([x * depth[r, c], y * depth[r, c], -depth[r, c]])

        across = point(row, column + 1) - point(row, column - 1)
        up = point(row - 1, column) - point(row + 1, column)
        found = np.cross(across, up)
        return found / np.linalg.norm(found)

    differences, angles = [], []
    for row in range(64):
        for column in range(64):
            if whole(rendered, row, column) and whole(known, row, column):
                differences.append(np.log(predicted[row, column]) - np.log(true[row, column]))
                cosine = normal(predicted, row, column) @ normal(true, row, column)
                angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    differences = np.array(differences) - np.mean(differences)
    return 100 * np.sqrt(np.mean(differences**2)), np.mean(angles)


def test_view_errors_pixel_by_pixel():
    true, known = heads(20, n=2)
    predicted, rendered = heads(21, n=2)
    rendered[:, 30:33, 40] = False  # a hole
    average = geometry.mean_depth(*heads(22, n=5))
    found = geometry.view_errors(
        geometry.View(predicted, rendered, fov_degrees=25.0),
        geometry.View(true, known, fov_degrees=25.0),
        average,
    )
    everywhere = np.ones((64, 64), bool)
    lines = {"constant_": np.ones((64, 64)), "mean_depth_": average}
    for index in range(2):
        expected = by_hand(predicted[index], rendered[index], true[index], known[index], 25.0)
        names = ("side_view_e2", "mad_view_degrees")
        np.testing.assert_allclose([found[name][index] for name in names], expected, atol=1e-6)
        for line, depth in lines.items():
            expected = by_hand(depth, everywhere, true[index], known[index], 25.0)
            names = (f"side_view_{line}e2", f"mad_view_{line}degrees")
            np.testing.assert_allclose([found[name][index] for name in names], expected, atol=1e-6)


def test_a_perfect_view_has_no_error_and_scale_is_free_of_side_only():
    true, known = heads(23)
    ground_truth = geometry.View(true, known)
    found = geometry.view_errors(ground_truth, ground_truth, true[0])
    for name in ("side_view_e2", "mad_view_degrees"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)
    scaled = geometry.view_errors(geometry.View(1.2 * true, known), ground_truth)
    np.testing.assert_allclose(scaled["side_view_e2"], 0.0, atol=1e-9)
    # The camera's rays spread with depth, so a scaled surface is similar: the normals stay.
    np.testing.assert_allclose(scaled["mad_view_degrees"], 0.0, atol=1e-6)
    # Not so a shift, nor relief that is half as deep: nothing is fitted.
    for wrong in (true + 0.5, 1.0 + 0.5 * (true - 1.0)):
        found = geometry.view_errors(geometry.View(wrong, known), ground_truth)
        assert (found["side_view_e2"] > 0.1).all() and (found["mad_view_degrees"] > 1).all()


def test_view_side_of_one_pixel_by_hand():
    # Of the eroded mask's nine pixels one is twice as far: ln 2 with mean ln(2) / 9.
    known = np.zeros((1, 64, 64))
    known[0, 20:25, 20:25] = 1
    true, predicted = np.ones((1, 64, 64)), np.ones((1, 64, 64))
    predicted[0, 21, 21] = 2.0
    predicted[0, 20, 20] = 9.0  # of the rim, which does not count
    found = geometry.view_errors(geometry.View(predicted), geometry.View(true, known))
    np.testing.assert_allclose(found["side_view_e2"], [100 * np.log(2) * np.sqrt(8) / 9])
    assert np.isnan(found["side_view_mean_depth_e2"]).all()


def test_view_masks_are_eroded_apart_and_at_the_border():
    true = np.full((1, 64, 64), 1.0)
    half = np.zeros_like(true)
    half[0, :, :32] = 1
    # Each mask alone is left with columns up to 30 or from 33; their common column is eroded away.
    other = np.zeros_like(true)
    other[0, :, 30:] = 1
    found = geometry.view_errors(geometry.View(true, half), geometry.View(true, other))
    assert np.isnan(found["side_view_e2"]).all() and np.isnan(found["mad_view_degrees"]).all()
    # A wrong value in the picture's own outermost rows and columns is not seen.
    framed = np.full_like(true, 5.0)
    framed[0, 1:-1, 1:-1] = 1.0
    found = geometry.view_errors(geometry.View(framed), geometry.View(true))
    np.testing.assert_allclose(found["side_view_e2"], 0.0, atol=1e-9)
    assert found["mad_view_degrees"][0] > 1  # but their neighbors' normals are made of them


def test_view_lines_see_what_the_prediction_leaves_out():
    true, known = heads(24)
    rendered = known.copy()
    rendered[:, :, :32] = False
    ground_truth = geometry.View(true, known)
    part, whole = (
        geometry.view_errors(view, ground_truth, true[0])
        for view in (geometry.View(true, rendered), geometry.View(true))
    )
    for line in ("constant_", "mean_depth_"):
        np.testing.assert_array_equal(part[f"side_view_{line}e2"], whole[f"side_view_{line}e2"])


def test_a_mean_head_that_does_not_turn_is_beaten_by_one_that_does():
    axis = (np.arange(64) + 0.5) / 32 - 1
    x, y = np.meshgrid(axis, axis)
    turns = np.linspace(-0.4, 0.4, 9)[:, None, None]
    true = 1.0 - 0.06 * np.exp(-((x - turns) ** 2 + y**2) / 0.3)
    known = (x - turns) ** 2 + y**2 < 0.3
    ground_truth = geometry.View(np.where(known, true, 1.1), known)
    average = geometry.mean_depth(*ground_truth[:2])
    nearly = geometry.View(true * (1 + 0.002 * np.sin(9 * x)))
    means = {
        name: v.mean() for name, v in geometry.view_errors(nearly, ground_truth, average).items()
    }
    assert means["side_view_e2"] < means["side_view_mean_depth_e2"] < means["side_view_constant_e2"]


@pytest.mark.parametrize("size", [32, 48, 100, 128])
def test_maps_of_other_sizes_are_brought_to_64(size):
    # Of a plane, bilinear interpolation at the pixels' centers makes the same plane.
    def plane(side, slope):
        axis = (np.arange(side) + 0.5) / side
        return np.broadcast_to(1.0 + slope * axis[:, None] + 0.02 * axis, (1, side, side))

    kept = slice(2, -2)  # beyond the outermost centers there is nothing to interpolate
    resized = geometry._resized(plane(size, 0.1))
    assert resized.shape == (1, 64, 64)
    np.testing.assert_allclose(resized[0, kept, kept], plane(64, 0.1)[0, kept, kept], atol=1e-12)
    mask = np.zeros((1, size, size))
    mask[0, size // 4 : -size // 4, size // 4 : -size // 4] = 1
    poisoned = np.where(mask > 0, plane(size, 0.1), np.nan)  # what is unknown is not looked at
    found = geometry.view_errors(
        geometry.View(poisoned, mask), geometry.View(plane(64, 0.1)), plane(size, 0.1)[0]
    )
    for name in ("side_view_e2", "mad_view_degrees"):
        np.testing.assert_allclose(found[name], 0.0, atol=1e-6)


def test_every_camera_has_its_own_field_of_view():
    # One surface seen by cameras of 10 and of 20 degrees, the second so near that it fills as much of
    # the picture: in units of its distance the surface is wider and its relief deeper, alike.
    true, known = heads(25)
    wider = np.tan(np.radians(10.0)) / np.tan(np.radians(5.0))
    predicted = 1.0 + wider * (true - 1.0)
    ground_truth = geometry.View(true, known)
    right, wrong = (
        geometry.view_errors(geometry.View(predicted, known, fov_degrees=fov), ground_truth)
        for fov in (20.0, 10.0)
    )
    assert right["mad_view_degrees"].mean() < 0.2 * wrong["mad_view_degrees"].mean()
    canonical = [
        geometry.mad_degrees(predicted, true, known, fov, 10.0).mean() for fov in (20.0, 10.0)
    ]
    assert canonical[0] < 0.2 * canonical[1]


def test_given_normals_take_the_place_of_those_of_the_depth():
    true, known = heads(26)
    ground_truth = geometry.View(true, known)
    flat = np.ones_like(true)
    vectors = geometry.normals(true)
    found = geometry.view_errors(geometry.View(flat, known, 3.0 * vectors), ground_truth)
    assert (found["side_view_e2"] > 0.1).all()
    large = np.repeat(np.repeat(vectors, 2, 1), 2, 2)
    twice = np.ones((3, 128, 128))
    for view in (geometry.View(flat, known, vectors), geometry.View(twice, None, large)):
        np.testing.assert_allclose(
            geometry.view_errors(view, ground_truth)["mad_view_degrees"], 0.0, atol=1e-6
        )


def test_bad_views_are_named():
    good = geometry.View(np.ones((1, 8, 8)))
    with pytest.raises(ValueError, match="photo's view must be > 0"):
        geometry.view_errors(geometry.View(np.zeros((1, 8, 8))), good)
    with pytest.raises(ValueError, match="mask must be"):
        geometry.view_errors(geometry.View(np.ones((1, 8, 8)), np.ones((1, 4, 4))), good)
    with pytest.raises(ValueError, match=r"must be \[N, h, w\], got \(8, 8\)"):
        geometry.view_errors(geometry.View(np.ones((8, 8))), good)
