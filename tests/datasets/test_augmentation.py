"""Random changes of pictures, and what they depend on."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.config import DataConfig
from igc_tf.datasets import augmentation
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


@pytest.mark.parametrize("values", [{"flip": True}, {"jitter": 0.5}])
def test_seed_and_step_tell_all(images, values):
    once = changed(images, 5, 1, **values)
    np.testing.assert_array_equal(once, changed(images, 5, 1, **values))
    for step, seed in ((6, 1), (5, 2)):
        assert (once != changed(images, step, seed, **values)).any()
    compiled = tf.function(Augmentation(DataConfig(**values), 16, 1))
    np.testing.assert_array_equal(compiled(tf.constant(images), tf.constant(5, tf.int64)), once)


@pytest.mark.parametrize("values", [{"flip": True}, {"jitter": 0.5}])
def test_a_shard_changes_as_within_the_whole(images, values):
    whole = changed(images, 2, **values)
    part = changed(images[8:12], 2, first=8, batch_size=16, **values)
    np.testing.assert_array_equal(part, whole[8:12])


def smooth(count=6, size=32):
    """Pictures that change slowly, so that resampling hardly blurs them."""
    y, x = np.mgrid[:size, :size] / size
    waves = [128 + 60 * np.sin(3 * x + n) + 40 * np.cos(4 * y - n) for n in range(count)]
    return np.stack([np.stack([wave, wave[::-1], wave.T], -1) for wave in waves]).astype(np.uint8)


def test_jitter_changes_every_picture_a_little_and_each_otherwise():
    images = smooth()
    found = changed(np.concatenate([images, images]), 1, jitter=1.0)
    off = np.abs(found.astype(float) - np.concatenate([images, images])).mean(axis=(1, 2, 3))
    assert found.dtype == np.uint8 and (off > 1).all() and (off < 60).all()
    assert np.abs(found[:6].astype(float) - found[6:]).mean() > 1
    slight = np.abs(changed(images, 1, jitter=0.1).astype(float) - images).mean()
    assert 0.1 < slight < 0.3 * off.mean()


def test_jitter_moves_what_lies_beside_a_picture_as_it_does():
    # Places of the picture in its own sides: where they come to lie tells how it moved.
    def places(size):
        middle = (np.arange(size) + 0.5) / size - 0.5
        return np.stack(np.meshgrid(middle, middle), -1)[None].repeat(4, 0).astype(np.float32)

    fine, coarse = (changed(places(size), 3, jitter=1.0, flip=True) for size in (64, 16))
    inside = fine.reshape(4, 16, 4, 16, 4, 2).mean(axis=(2, 4))[:, 3:-3, 3:-3]
    np.testing.assert_allclose(coarse[:, 3:-3, 3:-3], inside, atol=1e-3)
    # Shifts of at most 0.025, turns of 6 degrees, sizes from exp(-0.06) to exp(0.06).
    step = fine[:, 32, 40] - fine[:, 32, 24]  # 16 px to the right
    length = np.hypot(*step.T) / (16 / 64)
    turn = np.degrees(np.arctan2(step[:, 1], np.abs(step[:, 0])))
    assert (np.abs(np.log(length)) < 0.0601).all() and np.ptp(length) > 0.01
    assert (np.abs(turn) < 6.01).all() and np.ptp(turn) > 0.5
    assert (np.abs(fine[:, 31:33, 31:33].mean(axis=(1, 2))) < 0.0251).all()


def test_jitter_of_colors_keeps_their_order():
    images = smooth(2)
    layer = Augmentation(DataConfig(jitter=1.0), 2, 0)
    colors = tf.constant([[[[10.0, 100.0, 200.0], [50.0, 60.0, 70.0]]]])
    how = tf.constant([[1.0, 0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(  # the gain alone: exp(0.2)
        augmentation._recolored(colors, how), np.clip(colors * np.exp(0.2), 0, 255), rtol=1e-5
    )
    how = tf.constant([[0.0, 0.0, 0.0, 0.0, -1.0]])
    mean = np.mean(colors)
    expected = (colors - mean) * np.exp(-0.15) + mean
    np.testing.assert_allclose(augmentation._recolored(colors, how), expected, rtol=1e-5)
    assert not layer.idle and images.shape == layer(tf.constant(images), tf.constant(0)).shape
