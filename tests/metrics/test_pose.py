"""Pose agreement by hand; above all, the sign."""

import numpy as np
import pytest
from scipy import stats

from igc_tf.metrics import pose


def angles(seed, n=200):
    """Plausible (pitch, yaw, roll), degrees."""
    return np.random.default_rng(seed).normal(0.0, [10.0, 30.0, 5.0], (n, 3))


def test_affine_prediction_is_perfect():
    true = angles(0)
    metrics = pose.evaluate(0.3 * true + 7.0, true)
    for angle in pose.ANGLES:
        assert metrics[f"{angle}_correlation"].value == pytest.approx(1.0)
        assert metrics[f"{angle}_mae_degrees"].value == pytest.approx(0.0, abs=1e-9)


def test_hollow_face_shows_as_negative():
    true = angles(1)
    metrics = pose.evaluate(true * [-1.0, -1.0, 1.0], true)
    assert metrics["yaw_correlation"].value == pytest.approx(-1.0)
    assert metrics["yaw_correlation"].high == pytest.approx(-1.0)
    assert metrics["pitch_correlation"].value == pytest.approx(-1.0)
    assert metrics["roll_correlation"].value == pytest.approx(1.0)
    assert metrics["yaw_mae_degrees"].value == pytest.approx(0.0, abs=1e-9)


def test_values_by_hand():
    # x = 0, 1, 2 and y = 0, 0, 3: slope 3/2, offset -1/2; residuals 1/2, -1, 1/2: mean 2/3.
    # Correlation: 3 / sqrt(2 * 6) = sqrt(3) / 2. Constant guess 1: errors 1, 1, 2.
    predicted = np.repeat([[0.0], [1.0], [2.0]], 3, axis=1)
    true = np.repeat([[0.0], [0.0], [3.0]], 3, axis=1)
    metrics = pose.evaluate(predicted, true)
    assert metrics["pitch_correlation"].value == pytest.approx(np.sqrt(3) / 2)
    assert metrics["pitch_mae_degrees"].value == pytest.approx(2 / 3)
    assert metrics["pitch_mae_constant_degrees"].value == pytest.approx(4 / 3)
    assert metrics["pitch_mae_degrees"].unit == "degrees"


def test_agrees_with_scipy_and_interval_covers_the_true_value():
    true = angles(2)
    predicted = true + np.random.default_rng(3).normal(0.0, 30.0, true.shape)
    metric = pose.evaluate(predicted, true)["yaw_correlation"]
    reference = stats.pearsonr(predicted[:, 1], true[:, 1])
    assert metric.value == pytest.approx(reference.statistic)
    interval = reference.confidence_interval()
    assert metric.low == pytest.approx(interval.low, abs=0.04)
    assert metric.high == pytest.approx(interval.high, abs=0.04)
    assert metric.low < np.sqrt(0.5) < metric.high


def test_constant_prediction_knows_nothing_and_is_not_nan():
    true = angles(4)
    metrics = pose.evaluate(np.full_like(true, 12.3), true)
    metric = metrics["yaw_correlation"]
    assert (metric.value, metric.low, metric.high) == (0.0, 0.0, 0.0)
    assert metrics["yaw_mae_degrees"].value == pytest.approx(
        metrics["yaw_mae_constant_degrees"].value
    )


def test_constant_ground_truth_has_no_correlation_but_an_error():
    predicted = angles(5)
    true = np.full_like(predicted, 12.3)
    metrics = pose.evaluate(predicted, true)
    assert metrics["yaw_correlation"].is_absent
    assert metrics["yaw_mae_degrees"].value == pytest.approx(0.0, abs=1e-9)


def test_unknown_angles_do_not_count():
    true = angles(6)
    predicted = true.copy()
    true[:, 2] = np.nan
    true[:50, 0] = np.nan
    metrics = pose.evaluate(predicted, true)
    assert metrics["roll_correlation"].is_absent and metrics["roll_mae_degrees"].is_absent
    assert metrics["pitch_correlation"].n == 150
    assert metrics["yaw_correlation"].n == 200


def test_one_image_is_not_nan():
    metrics = pose.evaluate(np.ones((1, 3)), np.ones((1, 3)))
    assert metrics["yaw_correlation"].is_absent
    assert metrics["yaw_mae_degrees"].value == 0.0


def test_two_images_survive_resamples_of_one():
    predicted = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    metric = pose.evaluate(predicted, 2 * predicted)["yaw_correlation"]
    assert (metric.value, metric.low) == (pytest.approx(1.0), pytest.approx(1.0))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="must both be"):
        pose.evaluate(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="diverged"):
        pose.evaluate(np.full((2, 3), np.nan), np.zeros((2, 3)))
