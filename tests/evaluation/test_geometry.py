"""SIDE and MAD on surfaces whose normals and depths are known in closed form."""

import numpy as np
import pytest

from igc_tf.evaluation import geometry


def bumps(seed, n=4, size=32, sign=1.0):
    """Depth maps `[n, size, size]` of domes of different height and place, depth about 1."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, size)
    x, y = np.meshgrid(axis, axis)
    centre = generator.uniform(-0.3, 0.3, (2, n, 1, 1))
    height = generator.uniform(0.02, 0.06, (n, 1, 1))
    return 1.0 - sign * height * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.3)


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
    metrics = geometry.evaluate(0.5 * true + 0.4, true)
    assert metrics["side_e2"].value == pytest.approx(0.0, abs=1e-9)
    assert metrics["mad_degrees"].value == pytest.approx(0.0, abs=1e-6)
    assert metrics["mad_unaligned_degrees"].value > 1.0
    # Constant depth: SIDE is the deviation of the logarithm of the truth.
    assert metrics["side_constant_e2"].value == pytest.approx(100 * np.log(true).std((1, 2)).mean())


def test_order_of_the_lines():
    true = bumps(5, n=30)
    noisy = true + np.random.default_rng(6).normal(0, 1e-4, true.shape)
    metrics = geometry.evaluate(noisy, true, average=geometry.mean_depth(bumps(7, n=30)))
    for kind in ("side_{}e2", "mad_{}degrees"):
        values = [metrics[kind.format(name)].value for name in ("", "mean_depth_", "constant_")]
        assert values[0] < values[1] < values[2]


def test_hollow_face_is_no_better_than_flat():
    metrics = geometry.evaluate(bumps(8, sign=-1.0), bumps(8))
    assert metrics["side_e2"].value == pytest.approx(metrics["side_constant_e2"].value)
    assert metrics["mad_unaligned_degrees"].value > metrics["mad_constant_degrees"].value


def test_depth_error_by_hand():
    # The relief is 1 (depths 1 and 3 about 2); errors of 0.5 and 0.5: half the relief.
    true, predicted = np.array([[[1.0, 3.0]]]), np.array([[[1.5, 2.5]]])
    np.testing.assert_allclose(geometry.depth_error_percent(predicted, true), [50.0])
    # A flat map is 100 % wrong by definition; a flat truth has no relief to compare with.
    np.testing.assert_allclose(geometry.depth_error_percent(np.full_like(true, 2.0), true), [100.0])
    assert np.isnan(geometry.depth_error_percent(predicted, np.ones_like(true))).all()


def test_mean_depth_line_needs_the_train_split():
    true = bumps(10)
    metrics = geometry.evaluate(true, true)
    for name in ("side_mean_depth_e2", "mad_mean_depth_degrees", "depth_error_mean_depth_percent"):
        assert metrics[name].is_absent
    assert metrics["depth_error_constant_percent"].value == pytest.approx(100.0)
    assert metrics["depth_error_percent"].value == pytest.approx(0.0, abs=1e-6)


def test_shifted_depth_is_seen():
    true = bumps(11)
    errors = [
        geometry.evaluate(np.roll(true, shift, 2), true)["depth_error_percent"].value
        for shift in (0, 2, 5)
    ]
    assert errors[0] < errors[1] < errors[2]


def test_mean_depth_by_hand():
    true = np.array([[[1.0, 2.0, 9.0]], [[3.0, 5.0, 9.0]]])
    mask = np.array([[[1, 1, 0]], [[1, 0, 0]]])
    # Pixel 0: (1 + 3) / 2; pixel 1: 2; pixel 2 nowhere valid: mean of 1, 2 and 3.
    np.testing.assert_allclose(geometry.mean_depth(true, mask), [[2.0, 2.0, 2.0]])
    np.testing.assert_allclose(geometry.mean_depth(true), [[2.0, 3.5, 9.0]])


def test_empty_masks_have_no_truth():
    true = bumps(9, n=2)
    mask = np.ones_like(true)
    mask[1] = 0
    with np.errstate(invalid="raise", divide="raise"):
        metrics = geometry.evaluate(true, true, mask, true[0])
        assert {metric.n for metric in metrics.values()} == {1}
        for metric in geometry.evaluate(true, true, 0 * mask).values():
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
        geometry.evaluate(predicted, true, mask)


def test_mean_depth_of_nothing_is_named():
    with pytest.raises(ValueError, match="no valid"):
        geometry.mean_depth(np.ones((1, 2, 2)), np.zeros((1, 2, 2)))
