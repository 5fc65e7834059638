"""Neighbours, differences and doubling of maps, values and gradients, beside what they stand in for."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import maps


def test_neighbours_preset():
    first, second = maps.neighbours(tf.constant([[1, 2, 3], [4, 5, 6]]), axis=1)
    np.testing.assert_array_equal(first, [[1, 2], [4, 5]])
    np.testing.assert_array_equal(second, [[2, 3], [5, 6]])
    first, second = maps.neighbours(tf.constant([[1, 2, 3], [4, 5, 6]]), axis=1, distance=2)
    np.testing.assert_array_equal(first, [[1], [4]])
    np.testing.assert_array_equal(second, [[3], [6]])


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_forward_difference_random(axis):
    x = tf.random.stateless_normal([2, 3, 4, 5], [0, axis])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = maps.forward_difference(x, axis)
        squares = tf.reduce_sum(found**2)
    np.testing.assert_allclose(found, np.diff(x.numpy(), axis=axis), atol=1e-6)
    # d/dx_i of the sum of (x_i+1 - x_i)^2 is 2 (d_i-1 - d_i).
    padded = np.pad(found.numpy(), [(0, 0) if a != axis else (1, 1) for a in range(4)])
    np.testing.assert_allclose(
        tape.gradient(squares, x), -2 * np.diff(padded, axis=axis), atol=1e-5
    )


@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (1, 2, 5, 1), (3, 4, 4, 7), (1, 32, 32, 2)])
def test_double_is_tensorflows_bilinear_resize(shape):
    x = tf.random.stateless_normal(shape, [1, 2])
    upstream = tf.random.stateless_normal([shape[0], 2 * shape[1], 2 * shape[2], shape[3]], [3, 4])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = maps.double(x)
        theirs = tf.image.resize(x, [2 * shape[1], 2 * shape[2]])
        losses = tf.reduce_sum(ours * upstream), tf.reduce_sum(theirs * upstream)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    ours, theirs = (tape.gradient(loss, x) for loss in losses)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_double_keeps_the_type_and_takes_any_batch():
    assert maps.double(tf.ones([1, 2, 2, 1], tf.bfloat16)).dtype == tf.bfloat16
    traced = tf.function(maps.double, input_signature=[tf.TensorSpec([None, 3, 3, 2])])
    np.testing.assert_allclose(traced(tf.ones([5, 3, 3, 2])), np.ones([5, 6, 6, 2]), atol=1e-6)
