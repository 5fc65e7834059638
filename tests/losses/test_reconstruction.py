"""The reconstruction losses against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.losses import reconstruction


def flat_colors(values):
    """`[1, H, W, 3]` whose three colors are all the value at that pixel."""
    return tf.repeat(tf.constant(values, tf.float32)[tf.newaxis, ..., tf.newaxis], 3, axis=-1)


def test_masked_mean_counts_only_the_covered_pixels_of_each_image():
    values = tf.constant([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    mask = tf.constant([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [1.0, 0.0]]])
    # (1 + 4) / 2 and 7 / 1.
    np.testing.assert_allclose(reconstruction.masked_mean(values, mask), [2.5, 7.0])


def test_masked_mean_of_nothing_is_zero_with_a_finite_gradient():
    values = tf.Variable(tf.ones([1, 2, 2]))
    with tf.GradientTape() as tape:
        mean = reconstruction.masked_mean(values, tf.zeros([1, 2, 2]))
    np.testing.assert_array_equal(mean, [0.0])
    np.testing.assert_array_equal(tape.gradient(mean, values), np.zeros([1, 2, 2]))


def test_likelihood_preset():
    # Two pixels side by side. The first misses (0.3, 0, 0) of the photo's color: the mean over the
    # colors is 0.1, on the range [-1, 1] it is 0.2; with sigma 0.5 that is sqrt(2) 0.2 / 0.5 + ln 0.5.
    # The second is exact; with sigma 2 it costs ln 2.
    image = tf.constant([[[[0.5, 0.5, 0.5], [0.2, 0.4, 0.6]]]])
    rendered = tf.constant([[[[0.8, 0.5, 0.5], [0.2, 0.4, 0.6]]]])
    sigma = tf.constant([[[0.5, 2.0]]])
    both = reconstruction.negative_log_likelihood(image, rendered, sigma, tf.ones([1, 1, 2]))
    # (0.4 sqrt(2) - ln 2 + ln 2) / 2 = 0.2 sqrt(2)
    np.testing.assert_allclose(both, [0.2 * math.sqrt(2)], rtol=1e-6)
    first = reconstruction.negative_log_likelihood(
        image, rendered, sigma, tf.constant([[[1.0, 0.0]]])
    )
    np.testing.assert_allclose(first, [0.4 * math.sqrt(2) - math.log(2)], rtol=1e-6)


def test_likelihood_is_least_where_sigma_is_the_error_times_root_two():
    # d/ds (sqrt(2) e / s + ln s) = 0 at s = sqrt(2) e; e = 2 x 0.1 on the range [-1, 1].
    sigma = tf.Variable(tf.fill([1, 1, 1], 0.2 * math.sqrt(2)))
    with tf.GradientTape() as tape:
        value = reconstruction.negative_log_likelihood(
            flat_colors([[0.5]]), flat_colors([[0.6]]), sigma, tf.ones([1, 1, 1])
        )
    np.testing.assert_allclose(tape.gradient(value, sigma), np.zeros([1, 1, 1]), atol=1e-5)


def test_likelihood_gradient_reaches_picture_and_sigma_where_covered():
    rendered = tf.Variable(flat_colors([[0.7, 0.7]]))
    sigma = tf.Variable([[[0.5, 0.5]]])
    mask = tf.constant([[[1.0, 0.0]]])
    with tf.GradientTape() as tape:
        value = reconstruction.negative_log_likelihood(
            flat_colors([[0.5, 0.5]]), rendered, sigma, mask
        )
    to_rendered, to_sigma = tape.gradient(value, [rendered, sigma])
    # d/rendered: 2 sqrt(2) / (3 sigma) a color. d/sigma: -sqrt(2) 0.4 / 0.25 + 1 / 0.5.
    slope = 2 * math.sqrt(2) / 1.5
    np.testing.assert_allclose(to_rendered, [[[[slope] * 3, [0, 0, 0]]]], rtol=1e-5)
    np.testing.assert_allclose(to_sigma, [[[-1.6 * math.sqrt(2) + 2.0, 0]]], rtol=1e-5)


def test_l1_preset():
    image = flat_colors([[0.1, 0.9], [0.5, 0.5]])
    rendered = flat_colors([[0.4, 0.0], [0.5, 0.7]])
    mask = tf.constant([[[1.0, 0.0], [1.0, 1.0]]])
    # (0.3 + 0 + 0.2) / 3; the worst pixel is not covered.
    np.testing.assert_allclose(reconstruction.l1(image, rendered, mask), [0.5 / 3], rtol=1e-6)


def test_pyramid_of_an_even_error_is_that_error_once_a_level():
    image = tf.random.stateless_uniform([2, 8, 8, 3], [0, 1])
    error = tf.constant([0.1, 0.2])[:, tf.newaxis, tf.newaxis, tf.newaxis]
    value = reconstruction.pyramid(image, image + error, tf.ones([2, 8, 8]))
    # Full, half and quarter size all see the same constant; its differences are 0.
    np.testing.assert_allclose(value, [0.3, 0.6], rtol=1e-5)


def test_pyramid_preset():
    # Rows of 1 and 0 in turn, 8 x 8, on a black photo.
    # Full size: |difference| 0.5; every step down a row is 1, every step to the right 0.
    # Half and quarter size: all 0.5, without steps.
    rows = tf.tile(tf.constant([1.0, 0.0]), [4])
    rendered = tf.tile(rows[tf.newaxis, :, tf.newaxis, tf.newaxis], [1, 1, 8, 3])
    value = reconstruction.pyramid(tf.zeros([1, 8, 8, 3]), rendered, tf.ones([1, 8, 8]))
    np.testing.assert_allclose(value, [0.5 + 1.0 + 0.5 + 0.5], rtol=1e-6)
    turned = reconstruction.pyramid(
        tf.zeros([1, 8, 8, 3]), tf.transpose(rendered, [0, 2, 1, 3]), tf.ones([1, 8, 8])
    )
    np.testing.assert_allclose(turned, value)


def test_pyramid_uncovered_pixels_count_as_reproduced_and_get_no_gradient():
    image = tf.zeros([1, 8, 8, 3])
    rendered = tf.Variable(tf.random.stateless_uniform([1, 8, 8, 3], [0, 2]) + 0.1)
    left = tf.concat([tf.ones([1, 8, 4]), tf.zeros([1, 8, 4])], axis=2)
    with tf.GradientTape() as tape:
        value = reconstruction.pyramid(image, rendered, left)
    gradient = tape.gradient(value, rendered)[0]
    np.testing.assert_array_equal(gradient[:, 4:], np.zeros([8, 4, 3]))
    # No two differences of the random picture cancel a color's own: each pixel is reached.
    assert np.all(gradient[:, :4].numpy() != 0)
    nothing = reconstruction.pyramid(image, rendered, tf.zeros([1, 8, 8]))
    np.testing.assert_array_equal(nothing, [0.0])


@pytest.mark.parametrize(
    "loss",
    [
        lambda image, rendered: reconstruction.negative_log_likelihood(
            image, rendered, tf.ones([2, 8, 8]), tf.ones([2, 8, 8])
        ),
        lambda image, rendered: reconstruction.l1(image, rendered, tf.ones([2, 8, 8])),
        lambda image, rendered: reconstruction.pyramid(image, rendered, tf.ones([2, 8, 8])),
    ],
    ids=["likelihood", "l1", "pyramid"],
)
def test_an_exact_picture_costs_nothing_and_an_image_only_itself(loss):
    image = tf.random.stateless_uniform([2, 8, 8, 3], [0, 3])
    np.testing.assert_array_equal(loss(image, image), [0.0, 0.0])
    # Spoil the second image only.
    spoilt = tf.stack([image[0], 1.0 - image[1]])
    value = loss(image, spoilt).numpy()
    assert value[0] == 0.0 and value[1] > 0.1
