"""Neighbors, differences, resizing, sampling of maps: values and gradients, beside what they replace."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_addons as tfa

from igc_tf import maps


def test_neighbors_preset():
    first, second = maps.neighbors(tf.constant([[1, 2, 3], [4, 5, 6]]), axis=1)
    np.testing.assert_array_equal(first, [[1, 2], [4, 5]])
    np.testing.assert_array_equal(second, [[2, 3], [5, 6]])
    first, second = maps.neighbors(tf.constant([[1, 2, 3], [4, 5, 6]]), axis=1, distance=2)
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
def test_upsample_2x_is_tensorflows_bilinear_resize(shape):
    x = tf.random.stateless_normal(shape, [1, 2])
    upstream = tf.random.stateless_normal([shape[0], 2 * shape[1], 2 * shape[2], shape[3]], [3, 4])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = maps.upsample_2x(x)
        theirs = tf.image.resize(x, [2 * shape[1], 2 * shape[2]])
        losses = tf.reduce_sum(ours * upstream), tf.reduce_sum(theirs * upstream)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    ours, theirs = (tape.gradient(loss, x) for loss in losses)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_upsample_2x_keeps_the_type_and_takes_any_batch():
    assert maps.upsample_2x(tf.ones([1, 2, 2, 1], tf.bfloat16)).dtype == tf.bfloat16
    traced = tf.function(maps.upsample_2x, input_signature=[tf.TensorSpec([None, 3, 3, 2])])
    np.testing.assert_allclose(traced(tf.ones([5, 3, 3, 2])), np.ones([5, 6, 6, 2]), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "size", "method"),
    [
        ((2, 8, 8, 3), (20, 20), "bilinear"),  # larger
        ((2, 32, 20, 3), (13, 7), "bilinear"),  # smaller, so antialiased, and not square
        ((1, 5, 5, 1), (5, 9), "bilinear"),
        ((3, 64, 64, 1), (16, 16), "area"),
        ((2, 10, 9, 2), (4, 6), "area"),
    ],
)
def test_resize_is_tensorflows(shape, size, method):
    x = tf.random.stateless_normal(shape, [5, 6])
    upstream = tf.random.stateless_normal([shape[0], *size, shape[3]], [7, 8])
    with tf.GradientTape() as tape:
        tape.watch(x)
        ours = maps.resize(x, size, method)
        loss = tf.reduce_sum(ours * upstream)
    np.testing.assert_allclose(
        ours, tf.image.resize(x, size, method, antialias=True), rtol=1e-5, atol=1e-6
    )
    # A linear map's gradient is its transpose: <resize(v), u> = <v, gradient of u>. Areas have no
    # gradient of TensorFlow's own to compare with.
    v = tf.random.stateless_normal(shape, [9, 10])
    forward = tf.reduce_sum(tf.image.resize(v, size, method, antialias=True) * upstream)
    np.testing.assert_allclose(
        tf.reduce_sum(v * tape.gradient(loss, x)), forward, rtol=1e-4, atol=1e-4
    )


def test_resize_and_sample_are_made_of_operations_of_every_device():
    @tf.function(
        input_signature=[tf.TensorSpec([None, 6, 6, 2]), tf.TensorSpec([None, 3, 2])],
        autograph=False,
    )
    def both(x, where):
        return maps.resize(x, (4, 9)), maps.resize(x, (3, 3), "area"), maps.sample(x, where)

    operations = {
        operation.type for operation in both.get_concrete_function().graph.get_operations()
    }
    assert not operations & {"ScaleAndTranslate", "ResizeArea", "Addons>Resampler"}
    larger, smaller, found = both(tf.ones([5, 6, 6, 2]), tf.ones([5, 3, 2]))
    assert larger.shape == (5, 4, 9, 2) and smaller.shape == (5, 3, 3, 2)
    np.testing.assert_allclose(found, np.ones([5, 3, 2]), rtol=1e-6)


def test_sample_preset():
    x = tf.reshape(tf.range(6, dtype=tf.float32), [1, 2, 3, 1])  # 0 1 2 / 3 4 5
    where = tf.constant(
        [[[0.0, 0.0], [2.0, 1.0], [0.5, 0.5], [1.75, 0.0], [-3.0, 0.5], [9.0, 9.0]]]
    )
    np.testing.assert_allclose(maps.sample(x, where)[0, :, 0], [0.0, 5.0, 2.0, 1.75, 1.5, 5.0])


def test_sample_is_tf_addons_resampler_values_and_gradients():
    x = tf.random.stateless_normal([3, 7, 9, 4], [11, 12])
    where = tf.random.stateless_uniform([3, 5, 6, 2], [13, 14]) * [8.0, 6.0]
    upstream = tf.random.stateless_normal([3, 5, 6, 4], [15, 16])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, where])
        ours, theirs = maps.sample(x, where), tfa.image.resampler(x, where)
        losses = [tf.reduce_sum(value * upstream) for value in (ours, theirs)]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    ours, theirs = (tape.gradient(loss, [x, where]) for loss in losses)
    np.testing.assert_allclose(tf.convert_to_tensor(ours[0]), theirs[0], atol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)
