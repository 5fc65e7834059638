"""Operations and bytes counted by hand on small graphs."""

import pytest
import tensorflow as tf

from igc_tf.benchmarks import operations


def count(function, *shapes):
    traced = tf.function(function, autograph=False)
    return operations.count(traced.get_concrete_function(*[tf.TensorSpec(s) for s in shapes]))


def test_matrix_products():
    work = count(tf.matmul, [3, 5], [5, 7])
    assert work == (2 * 3 * 5 * 7, 4 * (3 * 5 + 5 * 7 + 3 * 7))
    transposed = count(lambda a, b: tf.matmul(a, b, transpose_a=True), [5, 3], [5, 7])
    assert transposed.operations == 2 * 3 * 5 * 7
    batched = count(lambda a, b: tf.matmul(a, b, transpose_b=True), [2, 3, 5], [2, 7, 5])
    assert batched.operations == 2 * 2 * 3 * 5 * 7


def test_a_convolution_and_its_gradients():
    def forward(image, kernel):
        return tf.nn.conv2d(image, kernel, 2, "SAME")

    def backward(image, kernel):
        with tf.GradientTape() as tape:
            tape.watch([image, kernel])
            total = tf.reduce_sum(forward(image, kernel))
        return tape.gradient(total, [image, kernel])

    shapes = [2, 8, 8, 3], [4, 4, 3, 5]
    once = 2 * (4 * 4 * 3) * (2 * 4 * 4 * 5)
    assert count(forward, *shapes).operations == once
    assert count(backward, *shapes).operations == 3 * once


def test_a_transposed_convolution():
    def grow(image, kernel):
        return tf.nn.conv2d_transpose(image, kernel, [2, 8, 8, 5], 2, "SAME")

    # Each of the 2 * 4 * 4 inputs of 3 channels meets a kernel of 4 * 4 * 5.
    assert count(grow, [2, 4, 4, 3], [4, 4, 5, 3]).operations == 2 * (2 * 4 * 4 * 3) * (4 * 4 * 5)


def test_functions_that_are_called_count():
    inner = tf.function(lambda a, b: tf.matmul(a, b), autograph=False)
    assert count(lambda a, b: inner(a, b), [3, 5], [5, 7]).operations == 2 * 3 * 5 * 7


def test_element_wise_work_does_not_count():
    assert count(lambda a: tf.nn.relu(a) * 2.0, [3, 5]) == (0, 0)


def test_an_unknown_shape_is_refused():
    with pytest.raises(TypeError):
        count(tf.matmul, [None, 5], [5, 7])
