"""The perceptual loss, by hand."""

import math

import numpy as np
import tensorflow as tf

from igc_tf.losses import perceptual


def test_likelihood_preset():
    # One row of two cells, two channels. First cell: differences 1 and 3, df^2 = (1 + 9) / 2 = 5,
    # sigma 2: 5 / 8 + ln 2. Second: exact, sigma 0.5: -ln 2. Mean: 5 / 16.
    photo = tf.constant([[[[1.0, 2.0], [0.0, 4.0]]]])
    rendered = tf.constant([[[[2.0, -1.0], [0.0, 4.0]]]])
    sigma = tf.constant([[[2.0, 0.5]]])
    value = perceptual.negative_log_likelihood(photo, rendered, sigma, tf.ones([1, 2, 4]))
    np.testing.assert_allclose(value, [5 / 16], rtol=1e-6)
    # The first cell half covered, the second whole: weights 1/2 and 1.
    mask = tf.constant([[[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]])
    value = perceptual.negative_log_likelihood(photo, rendered, sigma, mask)
    expected = (0.5 * (5 / 8 + math.log(2)) - math.log(2)) / 1.5
    np.testing.assert_allclose(value, [expected], rtol=1e-6)
    nothing = perceptual.negative_log_likelihood(photo, rendered, sigma, tf.zeros([1, 2, 4]))
    np.testing.assert_array_equal(nothing, [0.0])


def test_likelihood_gradient_reaches_features_and_sigma_of_covered_cells():
    photo = tf.zeros([1, 1, 2, 1])
    rendered = tf.Variable(tf.reshape([3.0, 3.0], [1, 1, 2, 1]))
    sigma = tf.Variable([[[2.0, 2.0]]])
    mask = tf.constant([[[1.0, 0.0]]])
    with tf.GradientTape() as tape:
        value = perceptual.negative_log_likelihood(photo, rendered, sigma, mask)
    to_rendered, to_sigma = tape.gradient(value, [rendered, sigma])
    # d/df: df / sigma^2 = 3 / 4. d/dsigma: -df^2 / sigma^3 + 1 / sigma = -9 / 8 + 1 / 2.
    np.testing.assert_allclose(tf.reshape(to_rendered, [-1]), [0.75, 0.0])
    np.testing.assert_allclose(to_sigma, [[[-0.625, 0.0]]])
