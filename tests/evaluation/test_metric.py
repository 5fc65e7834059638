"""Metric and bootstrap: intervals that are repeatable, cover the truth, and are never NaN."""

import numpy as np
import pytest

from igc_tf.evaluation.metric import Metric, bootstrap, bootstrap_weighted


def test_mean_of_a_vector():
    metric = bootstrap(np.array([1.0, 2.0, 6.0]), "%")
    assert metric.value == pytest.approx(3.0)
    assert (metric.unit, metric.n) == ("%", 3)
    assert 1.0 <= metric.low < 3.0 < metric.high <= 6.0


def test_interval_is_that_of_the_normal_law_for_many_values():
    values = np.random.default_rng(1).normal(5.0, 2.0, 2000)
    metric = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert metric.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert metric.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        metric = bootstrap(generator.normal(0.0, 1.0, 100), samples=300, seed=trial)
        covered += metric.low <= 0.0 <= metric.high
    # Binomial(200, 0.95): mean 190, deviation 3.1; the percentile interval is a shade too short.
    assert 176 <= covered <= 199


def test_same_seed_same_interval_other_seed_other_interval():
    values = np.random.default_rng(3).normal(size=50)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values).low != bootstrap(values, seed=1).low


def test_function_of_arrays_draws_the_same_images_as_the_mean():
    values = np.random.default_rng(4).normal(size=40)
    by_function = bootstrap((lambda a, b: (a + b).mean(), [values, values]), samples=100)
    by_mean = bootstrap(2.0 * values, samples=100)
    assert by_function.low == pytest.approx(by_mean.low)
    assert by_function.high == pytest.approx(by_mean.high)


def test_arrays_are_drawn_together():
    values = np.random.default_rng(5).normal(size=30)
    metric = bootstrap((lambda a, b: np.abs(a - b).max(), [values, values]), samples=50)
    assert (metric.value, metric.low, metric.high) == (0.0, 0.0, 0.0)


def test_images_without_truth_do_not_count():
    metric = bootstrap(np.array([1.0, np.nan, 3.0]))
    assert (metric.value, metric.n) == (2.0, 2)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_measured_is_absent_and_not_nan(values):
    metric = bootstrap(np.array(values, float), "dB")
    assert metric == Metric.absent("dB")
    assert metric.to_json() == {"value": None, "low": None, "high": None, "unit": "dB", "n": 0}
    assert str(metric) == "no truth"


def test_one_image_has_an_interval_of_no_width():
    assert bootstrap(np.array([4.0])) == Metric(4.0, 4.0, 4.0, "", 1)


def test_resamples_without_the_statistic_are_left_out():
    # Exists only where image 0 was drawn, and is then 7.
    def statistic(weights):
        return np.where(weights[:, 0] > 0, 7.0, np.nan)

    assert bootstrap_weighted(statistic, 3) == Metric(7.0, 7.0, 7.0, "", 3)


def test_chunks_do_not_change_the_interval(monkeypatch):
    values = np.random.default_rng(6).normal(size=64)
    whole = bootstrap(values)
    monkeypatch.setattr("igc_tf.evaluation.metric._CHUNK", 64 * 7)
    chunked = bootstrap(values)
    assert chunked.low == pytest.approx(whole.low, abs=1e-12)
    assert chunked.high == pytest.approx(whole.high, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, np.inf]), "infinity"),
        (np.zeros((2, 2)), "vector"),
        ((np.mean, [np.zeros(2), np.zeros(3)]), "one length"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values)
