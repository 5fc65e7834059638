"""Depth at landmarks, by hand and by NumPy's correlation."""

import numpy as np
import pytest

from igc_tf.metrics import landmark_depth

SIZE = 32


def planes(seed, n=80, noise=0.0):
    """Depth maps of planes that turn to all sides, landmarks on them and the landmarks' depth."""
    generator = np.random.default_rng(seed)
    slope = generator.normal(0, 0.003, (n, 2))
    axis = np.arange(SIZE) + 0.5 - SIZE / 2
    depth = 1 + slope[:, 0, None, None] * axis + slope[:, 1, None, None] * axis[:, None]
    face = np.array([[10, 12], [22, 12], [16, 17], [12, 22], [20, 22]], float)
    marks = face + generator.uniform(-2, 2, (n, 1, 2))
    true = 1 + np.einsum("ni,nki->nk", slope, marks - SIZE / 2)
    return depth, marks, true + generator.normal(0, noise, true.shape)


def test_depth_at_landmarks_is_bilinear():
    depth = np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    marks = np.array([[[0.5, 0.5], [1.0, 1.0], [1.5, 0.75]], [[0.0, 0.0], [2.0, 1.5], [1.0, 0.5]]])
    found = landmark_depth.at_landmarks(depth, marks)
    # Beyond the outermost pixel centers the nearest counts.
    np.testing.assert_allclose(found, [[1.0, 2.5, 2.5], [5.0, 8.0, 5.5]])


def test_outside_and_unknown_landmarks_have_no_depth():
    marks = np.array([[[-0.1, 1.0], [1.0, 2.1], [np.nan, 1.0], [1.0, 1.0]]])
    found = landmark_depth.at_landmarks(np.ones((1, 2, 2)), marks)
    np.testing.assert_array_equal(found, [[np.nan, np.nan, np.nan, 1.0]])


def test_exact_depth_is_perfect_in_any_unit():
    depth, marks, true = planes(0)
    found = landmark_depth.evaluate(depth, marks, 100 * true - 40)
    assert found["landmark_depth_correlation"].value == pytest.approx(1.0)
    assert found["landmark_depth_correlation_sum"].value == pytest.approx(5.0)
    # The same plane for all pictures knows nothing of how each is turned.
    assert abs(found["landmark_depth_correlation_mean_depth"].value) < 0.3
    assert found["landmark_depth_correlation_sum_mean_depth"].value < 1.5


def test_a_hollow_face_is_negative_and_its_sum_is_not():
    depth, marks, true = planes(1)
    found = landmark_depth.evaluate(2 - depth, marks, true)
    assert found["landmark_depth_correlation"].value == pytest.approx(-1.0)
    assert found["landmark_depth_correlation_sum"].value == pytest.approx(5.0)  # as DepthNet has it


def test_it_is_the_trace_of_the_correlation_matrix():
    depth, marks, true = planes(2, noise=0.02)
    found = landmark_depth.evaluate(depth, marks, true)
    at = landmark_depth.at_landmarks(depth, marks)
    diagonal = np.diag(np.corrcoef(at, true, rowvar=False)[:5, 5:])
    assert found["landmark_depth_correlation_sum"].value == pytest.approx(np.abs(diagonal).sum())
    metric = found["landmark_depth_correlation"]
    assert metric.value == pytest.approx(diagonal.mean()) and 0.2 < metric.value < 0.95
    assert metric.low < metric.value < metric.high and metric.n == 80


def test_pictures_without_all_landmarks_do_not_count():
    depth, marks, true = planes(3)
    fewer = landmark_depth.evaluate(depth[9:], marks[9:], true[9:])
    marks[:3, 2], marks[3:6, 4], true[6:9, 0] = np.nan, -1.0, np.nan
    found = landmark_depth.evaluate(depth, marks, true)
    assert found["landmark_depth_correlation"].n == 71
    assert found["landmark_depth_correlation"] == fewer["landmark_depth_correlation"]


def test_nothing_known_is_absent():
    depth, marks, true = planes(4, n=3)
    for metric in landmark_depth.evaluate(depth, marks, true * np.nan).values():
        assert metric.is_absent
    for metric in landmark_depth.evaluate(depth[:0], marks[:0], true[:0]).values():
        assert metric.is_absent


def test_people_are_resampled():
    depth, marks, true = planes(5, n=20, noise=0.01)
    once = landmark_depth.evaluate(depth, marks, true)
    identity = np.arange(20).repeat(10)
    many = landmark_depth.evaluate(*(a.repeat(10, 0) for a in (depth, marks, true)), identity)
    for name, metric in once.items():
        assert many[name].low == pytest.approx(metric.low), name
        assert many[name].high == pytest.approx(metric.high), name
        assert (many[name].resampled, many[name].drawn) == ("people", 20)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"depth must be \[N, h, w\] for landmarks \[N, L, 2\]"):
        landmark_depth.at_landmarks(np.ones((2, 4, 4)), np.ones((3, 5, 2)))
