"""Random changes of pictures: what they change, by how much, and what they depend on."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.config import Config, DataConfig
from igc_tf.datasets.augmentation import Augmentation


def changed(images, step=0, seed=0, first=0, batch_size=None, **values):
    layer = Augmentation(DataConfig(**values), batch_size or len(images), seed, first)
    return layer(tf.constant(images), tf.constant(step, tf.int64)).numpy()


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(60, 190, (16, 8, 8, 3), np.uint8)


def test_it_has_no_weights_and_may_be_idle(images):
    layer = Augmentation(DataConfig(), 16, 0)
    assert layer.idle and not layer.weights
    np.testing.assert_array_equal(layer(tf.constant(images), tf.constant(3)), images)
    assert not Augmentation(DataConfig(color_jitter=0.1), 16, 0).idle


def test_seed_and_step_tell_all(images):
    values = {"flip": True, "color_jitter": 0.4}
    once = changed(images, 5, 1, **values)
    np.testing.assert_array_equal(once, changed(images, 5, 1, **values))
    for step, seed in ((6, 1), (5, 2)):
        assert (once != changed(images, step, seed, **values)).any()
    compiled = tf.function(Augmentation(DataConfig(**values), 16, 1))
    np.testing.assert_array_equal(compiled(tf.constant(images), tf.constant(5, tf.int64)), once)


def test_colours_change_within_their_bounds():
    # A gray picture knows no saturation, an even one no contrast: only the brightness shows.
    even = np.full((400, 4, 4, 3), 100, np.uint8)
    factor = changed(even, color_jitter=0.2)[:, 0, 0, 0] / 100
    assert factor.min() > 0.795 and factor.max() < 1.205
    # Uniform over the whole of it: a standard deviation of 0.4 / sqrt(12) = 0.115.
    assert abs(factor.mean() - 1) < 0.02 and abs(factor.std() - 0.115) < 0.01


def test_saturation_moves_colours_from_their_gray():
    red = np.tile(np.array([200, 60, 60], np.uint8), (200, 4, 4, 1))
    found = changed(red, color_jitter=0.3)[:, 0, 0].astype(float)
    assert (found[:, 1] == found[:, 2]).all()
    share = (found[:, 0] - found[:, 1]) / found.mean(axis=1)
    assert share.std() > 0.1  # brightness alone would leave it


def test_values_stay_bytes():
    extremes = np.zeros((64, 2, 2, 3), np.uint8)
    extremes[:, 0] = 255
    found = changed(extremes, color_jitter=0.9)
    assert found.dtype == np.uint8 and found.min() == 0 and found.max() == 255


def test_a_shard_changes_as_within_the_whole(images):
    values = {"flip": True, "color_jitter": 0.3}
    whole = changed(images, 2, **values)
    part = changed(images[8:12], 2, first=8, batch_size=16, **values)
    np.testing.assert_array_equal(part, whole[8:12])


def test_jitter_out_of_range():
    with pytest.raises(ValueError, match="--color_jitter=1.0"):
        Config().replace(color_jitter=1.0)
