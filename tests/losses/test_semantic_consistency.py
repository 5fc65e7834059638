"""Parts that explain a network's features: a k-means criterion, by hand and against scikit-learn's."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.cluster import KMeans

from igc_tf.losses import semantic_consistency

SIZE = 8


def visibility_of(labels, parts):
    return tf.one_hot(labels, parts, axis=1)


def test_features_are_looked_up_where_the_surface_is_seen():
    ramp = tf.range(SIZE, dtype=tf.float32)
    features = tf.stack(tf.meshgrid(ramp, ramp), axis=-1)[tf.newaxis] + 1.0  # (column, row) + 1
    pixels = tf.constant([[[[2.0, 2.0], [14.0, 6.0]]]])  # of a photo of 16 px: cells of 2 px
    found = semantic_consistency.on_the_surface(features, pixels, 16)
    expected = np.array([[1.5, 1.5], [7.5, 3.5]])
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-5)


def test_outside_the_photo_the_nearest_feature_is_taken():
    features = tf.random.stateless_uniform([1, SIZE, SIZE, 3], [0, 1], 0.1, 1.0)
    pixels = tf.constant([[[[-5.0, -5.0], [0.5, 0.5]]]])
    found = semantic_consistency.on_the_surface(features, pixels, SIZE)
    np.testing.assert_allclose(found[0, 0, 0], found[0, 0, 1], rtol=1e-5)


def test_two_parts_that_explain_all_leave_nothing():
    labels = tf.constant(np.tile(np.repeat([0, 1, 2, 2], 2), (1, SIZE, 1)))
    features = tf.gather(tf.constant([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0]]), labels)
    right = semantic_consistency.consistency(features, visibility_of(labels, 3), 0.0)
    np.testing.assert_allclose(right, 0.0, atol=1e-5)
    # One part for all of the foreground says nothing: all of the variance stays.
    one = tf.where(labels > 0, 1, 0)
    np.testing.assert_allclose(
        semantic_consistency.consistency(features, visibility_of(one, 3), 0.0), 1.0, rtol=1e-5
    )


def test_it_is_the_inertia_of_k_means_over_that_of_one_cluster():
    features = tf.random.stateless_normal([1, SIZE, SIZE, 4], [0, 2])
    flat = features.numpy().reshape(-1, 4)
    means = KMeans(3, n_init=5, random_state=0).fit(flat)
    labels = means.labels_.reshape(1, SIZE, SIZE) + 1
    found = semantic_consistency.consistency(features, visibility_of(labels, 4), 0.0)
    whole = ((flat - flat.mean(0)) ** 2).sum()
    assert found.numpy() == pytest.approx([means.inertia_ / whole], rel=1e-4)


def test_what_all_of_an_image_shares_says_nothing_of_its_parts():
    features = tf.random.stateless_normal([2, SIZE, SIZE, 4], [0, 4])
    labels = np.tile(np.repeat([0, 1, 2, 2], 2), (2, SIZE, 1))
    visibility = visibility_of(tf.constant(labels), 3)
    lit = features + tf.constant([3.0, -2.0])[:, tf.newaxis, tf.newaxis, tf.newaxis]
    np.testing.assert_allclose(
        semantic_consistency.consistency(lit, visibility, 0.0),
        semantic_consistency.consistency(features, visibility, 0.0),
        rtol=1e-4,
    )


def test_the_background_does_not_count_and_the_place_does():
    features = tf.random.stateless_normal([2, SIZE, SIZE, 4], [0, 3])
    halves = np.tile(np.repeat([1, 2], SIZE // 2)[:, np.newaxis], (2, 1, SIZE))
    halves[:, :, 0] = 0
    visibility = visibility_of(tf.constant(halves), 3)
    with_noise = tf.where(tf.constant(halves == 0)[..., tf.newaxis], 100.0, features)
    np.testing.assert_allclose(
        semantic_consistency.consistency(features, visibility, 0.5),
        semantic_consistency.consistency(with_noise, visibility, 0.5),
        rtol=1e-5,
    )
    # Halves say where a pixel is and nothing of random features.
    assert (
        semantic_consistency.consistency(features, visibility, 5.0).numpy().mean()
        < semantic_consistency.consistency(features, visibility, 0.0).numpy().mean() - 0.2
    )


@pytest.mark.parametrize("place_weight", [0.0, 0.5])
def test_what_does_not_vary_is_explained_and_moves_nothing(place_weight):
    """A photo of one color has one feature everywhere, up to the rounding of its unit vectors."""
    one = tf.math.l2_normalize(tf.random.stateless_uniform([4], [0, 5]), axis=-1)
    features = tf.tile(one[tf.newaxis, tf.newaxis, tf.newaxis], [2, SIZE, SIZE, 1])
    logits = tf.Variable(tf.random.stateless_normal([2, 3, SIZE, SIZE], [0, 6]))
    with tf.GradientTape() as tape:
        visibility = tf.nn.softmax(logits, axis=1)
        values = semantic_consistency.consistency(features, visibility, place_weight)
    gradient = tape.gradient(values, logits).numpy()
    place = semantic_consistency.consistency(tf.zeros_like(features), visibility, place_weight)
    np.testing.assert_allclose(values, place, atol=1e-4)  # the places', which do vary
    assert np.isfinite(gradient).all() and (place_weight or np.abs(gradient).max() < 1e-4)


def test_no_foreground_is_finite():
    """The background capsule may cover all of a batch, early in a training."""
    features = tf.random.stateless_normal([1, SIZE, SIZE, 4], [0, 7])
    alone = tf.Variable(visibility_of(tf.zeros([1, SIZE, SIZE], tf.int32), 3))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(semantic_consistency.consistency(features, alone, 0.5))
    assert np.isfinite(value) and np.isfinite(tape.gradient(value, alone)).all()


def test_its_gradient_moves_a_pixel_to_the_part_that_explains_it():
    labels = np.tile(np.repeat([1, 2], SIZE // 2), (1, SIZE, 1))
    features = tf.gather(tf.constant([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), labels)
    wrong = labels.copy()
    wrong[0, 3, 0] = 2  # it looks like part 1
    logits = tf.Variable(4.0 * tf.one_hot(wrong, 3, axis=1))
    with tf.GradientTape() as tape:
        shares = tf.nn.softmax(logits, axis=1)
        loss = tf.reduce_sum(semantic_consistency.consistency(features, shares, 0.0))
    gradient = tape.gradient(loss, logits).numpy()
    assert gradient[0, 1, 3, 0] < 0 < gradient[0, 2, 3, 0]
