"""Random mirroring of pictures, and what it depends on."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.config import DataConfig
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
    assert not Augmentation(DataConfig(flip=True), 16, 0).idle


def test_seed_and_step_tell_all(images):
    values = {"flip": True}
    once = changed(images, 5, 1, **values)
    np.testing.assert_array_equal(once, changed(images, 5, 1, **values))
    for step, seed in ((6, 1), (5, 2)):
        assert (once != changed(images, step, seed, **values)).any()
    compiled = tf.function(Augmentation(DataConfig(**values), 16, 1))
    np.testing.assert_array_equal(compiled(tf.constant(images), tf.constant(5, tf.int64)), once)


def test_a_shard_changes_as_within_the_whole(images):
    values = {"flip": True}
    whole = changed(images, 2, **values)
    part = changed(images[8:12], 2, first=8, batch_size=16, **values)
    np.testing.assert_array_equal(part, whole[8:12])
