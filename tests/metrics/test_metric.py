"""Metric and bootstrap: intervals that are repeatable, cover the true value, and are never NaN."""

import time

import numpy as np
import pytest
from scipy import stats

from igc_tf.metrics.metric import (
    IMAGES,
    PEOPLE,
    Metric,
    bootstrap,
    bootstrap_weighted,
    units,
)


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


def test_interval_covers_the_true_value_about_95_times_in_100():
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


def test_images_without_ground_truth_do_not_count():
    metric = bootstrap(np.array([1.0, np.nan, 3.0]))
    assert (metric.value, metric.n) == (2.0, 2)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_nothing_measured_is_absent_and_not_nan(values):
    metric = bootstrap(np.array(values, float), "dB")
    assert metric == Metric.absent("dB")
    assert metric.to_json() == {
        "value": None, "low": None, "high": None, "unit": "dB", "n": 0, "resampled": None,
        "drawn": None,
    }  # fmt: skip


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
    monkeypatch.setattr("igc_tf.metrics.metric._CHUNK", 64 * 7)
    chunked = bootstrap(values)
    assert chunked.low == pytest.approx(whole.low, abs=1e-12)
    assert chunked.high == pytest.approx(whole.high, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1.0, np.inf]), "infinity"),
        (np.zeros((2, 2)), "vector"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values)


def people(seed, count=40, images=10, own=0.3):
    """Values of images of people: a person's own, and `own` of each image's; and who they are."""
    generator = np.random.default_rng(seed)
    images = np.broadcast_to(images, count)
    identity = np.repeat(np.arange(count), images)
    return generator.normal(0.0, 1.0, count)[identity] + generator.normal(
        0.0, own, len(identity)
    ), identity


def test_ten_identical_images_a_person_say_as_much_as_one():
    one = np.random.default_rng(10).normal(size=30)
    ten, identity = one.repeat(10), np.arange(30).repeat(10)
    by_mean = bootstrap(ten, identity=identity)
    assert by_mean.low == pytest.approx(bootstrap(one).low)
    assert by_mean.high == pytest.approx(bootstrap(one).high)
    assert (by_mean.n, by_mean.resampled, by_mean.drawn) == (300, PEOPLE, 30)
    # Of images drawn one by one the interval is sqrt(10) times narrower.
    images = bootstrap(ten)
    assert (images.resampled, images.drawn) == (IMAGES, 300)
    assert (by_mean.high - by_mean.low) / (images.high - images.low) == pytest.approx(
        np.sqrt(10), rel=0.1
    )


def test_interval_of_people_is_that_of_their_means():
    values, identity = people(11)
    metric = bootstrap(values, identity=identity, samples=4000)
    means = values.reshape(40, 10).mean(1)
    half = 1.96 * means.std() / np.sqrt(40)
    width = metric.high - metric.low
    assert width == pytest.approx(2 * half, rel=0.05)
    interval = stats.bootstrap(
        (means,), np.mean, n_resamples=4000, method="percentile", random_state=0
    ).confidence_interval
    assert metric.low == pytest.approx(interval.low, abs=0.05 * width)
    assert metric.high == pytest.approx(interval.high, abs=0.05 * width)


def test_interval_of_people_covers_the_true_value_where_that_of_images_does_not():
    covered = {PEOPLE: 0, IMAGES: 0}
    for trial in range(200):
        images = np.random.default_rng(1000 + trial).integers(1, 10, 60)
        values, identity = people(trial, 60, images)
        for who in (identity, None):
            metric = bootstrap(values, identity=who, samples=200, seed=trial)
            covered[metric.resampled] += metric.low <= 0.0 <= metric.high
    assert 172 <= covered[PEOPLE] <= 199  # Binomial(200, 0.95), percentile intervals of 200
    assert covered[IMAGES] < 140


def test_what_people_are_called_changes_nothing():
    values, identity = people(12)
    names = np.random.default_rng(0).permutation(1000)[identity]
    first, second = (bootstrap(values, identity=who) for who in (identity, names))
    np.testing.assert_array_equal(first.replicates, second.replicates)


def test_units_by_hand():
    found = units(6, np.array([7, 3, -1, 7, -1, 3]))
    np.testing.assert_array_equal(found.of_image, [0, 1, 2, 0, 3, 1])
    assert (found.count, found.resampled) == (4, PEOPLE)
    for identity in (None, np.full(3, -1), np.full(3, 5)):
        found = units(3, identity)
        np.testing.assert_array_equal(found.of_image, [0, 1, 2])
        assert (found.count, found.resampled) == (3, IMAGES)
    with pytest.raises(ValueError, match=r"identities must be \[3\], got shape \(2,\)"):
        units(3, np.zeros(2))


def test_a_person_of_whom_nothing_is_known_is_drawn_all_the_same():
    values, identity = people(13, 20, 5)
    values[identity == 4] = np.nan
    metric = bootstrap(values, identity=identity)
    assert (metric.n, metric.drawn) == (95, 20) and metric.low < metric.value < metric.high


def test_a_thousand_resamples_of_two_thousand_images_take_no_second():
    values, identity = people(14, 200)
    bootstrap(values[:100])
    begin = time.process_time()
    bootstrap(values, identity=identity)
    assert time.process_time() - begin < 1.0
