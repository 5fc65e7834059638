"""The batches: an order of seed and step alone, every picture once an epoch."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.config import DataConfig
from igc_tf.datasets import pipeline


def numbered(count, size=2):
    """Pictures whose every pixel is their number, but for the left column, which is 255."""
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones(
        [1, size, size, 3], np.uint8
    )
    images[:, :, 0] = 255
    return images


def batches(images, batch_size, seed=0, start=0, end=10, shard=0, shards=1, **augmentation):
    data = DataConfig(**augmentation)
    dataset = pipeline.training_batches(images, data, batch_size, seed, start, end, shard, shards)
    return [(batch.numpy(), indices.numpy()) for batch, indices in dataset]


@pytest.mark.parametrize("count, batch_size", [(12, 4), (7, 3), (5, 8), (1, 4), (10, 10)])
def test_every_epoch_shows_each_picture_once(count, batch_size):
    order = pipeline.BatchOrder(count, batch_size, seed=0)
    epochs = 6
    steps = -(-epochs * count // batch_size)
    shown = np.concatenate([order.indices(step) for step in range(steps)])[: epochs * count]
    # Batches that cross an epoch's border take from both.
    for epoch in shown.reshape(epochs, count):
        assert sorted(epoch) == list(range(count))


def test_epochs_are_shuffled_anew():
    order = pipeline.BatchOrder(50, 50, seed=0)
    epochs = np.array([order.indices(step) for step in range(4)])
    assert (epochs != np.arange(50)).any(axis=1).all()
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_a_batch_across_the_border_ends_one_epoch_and_begins_the_next():
    order = pipeline.BatchOrder(5, 3, seed=0)
    steps = [order.indices(step) for step in range(4)]
    joined = np.concatenate(steps)
    assert sorted(joined[:5]) == sorted(joined[5:10]) == [0, 1, 2, 3, 4]


def test_the_order_depends_on_the_step_alone_not_on_what_was_asked_before():
    once = [pipeline.BatchOrder(7, 3, seed=1).indices(step) for step in range(20)]
    order = pipeline.BatchOrder(7, 3, seed=1)
    for step in np.random.default_rng(0).permutation(20):
        np.testing.assert_array_equal(order.indices(step), once[step])


def test_seeds_give_different_orders():
    ours, same, theirs = (
        np.concatenate([pipeline.BatchOrder(30, 10, seed).indices(step) for step in range(3)])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(ours, same)
    assert (ours != theirs).any()


def test_no_pictures_raise():
    with pytest.raises(ValueError, match="There are no pictures"):
        pipeline.BatchOrder(0, 4, 0)


def test_batches_hold_the_pictures_they_name():
    images = numbered(7)
    found = batches(images, 3, end=5)
    assert len(found) == 5
    for batch, indices in found:
        assert batch.shape == (3, 2, 2, 3) and batch.dtype == np.uint8 and indices.dtype == np.int64
        np.testing.assert_array_equal(batch, images[indices])


def test_batches_know_their_shape():
    dataset = pipeline.training_batches(numbered(7), DataConfig(), 3, 0, 0, 2)
    assert dataset.element_spec == (
        tf.TensorSpec([3, 2, 2, 3], tf.uint8),
        tf.TensorSpec([3], tf.int64),
    )


AUGMENTED = {"flip": True}


@pytest.mark.parametrize("augmentation", [{}, AUGMENTED])
def test_starting_at_a_step_equals_skipping_the_ones_before(augmentation):
    whole = batches(numbered(7), 3, seed=2, end=9, **augmentation)
    rest = batches(numbered(7), 3, seed=2, start=4, end=9, **augmentation)
    assert len(rest) == 5
    for (ours, our_indices), (theirs, their_indices) in zip(rest, whole[4:], strict=True):
        np.testing.assert_array_equal(our_indices, their_indices)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shards", [2, 3])
def test_the_workers_shares_are_the_whole_batch(shards):
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)
    whole = batches(images, 6, seed=1, end=7, **AUGMENTED)
    shares = [
        batches(images, 6, seed=1, end=7, shard=shard, shards=shards, **AUGMENTED)
        for shard in range(shards)
    ]
    for (batch, indices), *parts in zip(whole, *shares, strict=True):
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), batch)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), indices)


def test_a_batch_that_cannot_be_shared_out_raises():
    with pytest.raises(ValueError, match="--batch_size=6 must be a multiple of the 4 workers"):
        batches(numbered(8), 6, shards=4)


def test_flipped_pictures_are_mirrored_left_to_right_others_untouched():
    images = numbered(8)
    flipped = 0
    for batch, indices in batches(images, 4, end=50, flip=True):
        for picture, index in zip(batch, indices, strict=True):
            mirrored = (picture[:, 0] == index).all()
            expected = images[index][:, ::-1] if mirrored else images[index]
            np.testing.assert_array_equal(picture, expected)
            flipped += mirrored
    # 200 even odds: 100 with a standard deviation of 7.
    assert 70 < flipped < 130
    np.testing.assert_array_equal(images, numbered(8))  # the store itself stays as it is


def test_batches_come_from_a_memory_mapped_store(tmp_path):
    np.save(tmp_path / "images.npy", numbered(6))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    for batch, indices in batches(images, 4, end=3):
        np.testing.assert_array_equal(batch, images[indices])
    assert len(batches(images, 4, end=3, flip=True)) == 3


def test_to_float_preset():
    found = pipeline.to_float(tf.constant([0, 51, 255], tf.uint8))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [0.0, 0.2, 1.0], rtol=1e-6)


def test_what_lies_beside_a_picture_goes_with_it_and_is_mirrored_with_it():
    images = numbered(12, size=4)
    beside = images[:, ::2, ::2, :1].astype(np.float16)  # its left column is 255, too
    data = DataConfig(flip=True)
    dataset = pipeline.training_batches(images, data, 4, 0, 0, 10, beside=beside)
    mirrored = 0
    for (pictures, maps), indices in dataset:
        assert maps.dtype == tf.float16 and maps.shape == [4, 2, 2, 1]
        np.testing.assert_array_equal(maps[:, :, :, 0], pictures[:, ::2, ::3, 0])
        np.testing.assert_array_equal(np.min(maps, axis=(1, 2, 3)), indices)
        mirrored += int((maps[:, 0, -1, 0] == 255).numpy().sum())
    assert 0 < mirrored < 40
