"""The perceptual loss, on VGG16's real architecture with random weights."""

import math

import h5py
import numpy as np
import pytest
import tensorflow as tf

from igc_tf.losses import perceptual


@pytest.fixture(scope="module")
def features(vgg_weights):
    return perceptual.PerceptualFeatures(vgg_weights)


def relu3_3_by_hand(image, path):
    """VGG16's first seven convolutions with the file's numbers, in plain TensorFlow."""
    # Caffe's order, blue first, less the mean colour of ImageNet.
    x = image[..., ::-1] * 255.0 - [103.939, 116.779, 123.68]
    with h5py.File(path) as file:
        for block, convolutions in ((1, 2), (2, 2), (3, 3)):
            if block > 1:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            for number in range(1, convolutions + 1):
                name = f"block{block}_conv{number}"
                kernel = file[f"{name}/{name}/kernel:0"][:]
                bias = file[f"{name}/{name}/bias:0"][:]
                x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
    return x


def test_features_are_relu3_3_of_the_file(features, vgg_weights):
    image = tf.random.stateless_uniform([2, 64, 64, 3], [0, 1])
    found = features(image)
    assert found.shape == (2, 16, 16, 256)
    expected = relu3_3_by_hand(image, vgg_weights)
    assert expected.numpy().std() > 1.0  # so that the comparison says something
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("size", [32, 128])
def test_features_of_other_sizes_are_those_of_the_resized_photo(features, size):
    # An even colour stays the same at any size.
    image = tf.ones([1, size, size, 3]) * [0.2, 0.5, 0.8]
    reference = tf.ones([1, 64, 64, 3]) * [0.2, 0.5, 0.8]
    np.testing.assert_allclose(features(image), features(reference), rtol=1e-3, atol=1e-2)


def test_features_are_frozen_but_pass_the_gradient_to_the_picture(features):
    image = tf.Variable(tf.random.stateless_uniform([1, 64, 64, 3], [0, 2]))
    assert features.trainable_variables == [] and features.weights
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(features(image))
    assert np.count_nonzero(tape.gradient(value, image)) > 0.9 * 64 * 64 * 3


def test_features_are_float32_beside_a_model_that_is_not(vgg_weights):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = perceptual.PerceptualFeatures(vgg_weights)
        assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    image = tf.random.stateless_uniform([1, 64, 64, 3], [0, 1])
    found = mixed(image)
    assert found.dtype == tf.float32
    # bfloat16 has 8 bits: it would be off by 1e-3 to 1e-2.
    np.testing.assert_allclose(found, relu3_3_by_hand(image, vgg_weights), rtol=1e-3, atol=1e-3)


def test_missing_weights_raise():
    with pytest.raises(FileNotFoundError, match="--vgg_weights=nowhere.h5: no such file"):
        perceptual.PerceptualFeatures("nowhere.h5")


def damage(path, source):
    """Writes the named kind of wrong file."""
    if path.name == "text.h5":
        path.write_text("no weights")
    elif path.name == "truncated.h5":
        with open(source, "rb") as file:
            path.write_bytes(file.read(100_000))
    elif path.name == "empty.weights.h5":
        h5py.File(path, "w").close()
    else:
        other = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(2,))])
        other.save_weights(path)


@pytest.mark.parametrize("name", ["text.h5", "truncated.h5", "empty.weights.h5", "other.h5"])
def test_wrong_weights_raise(name, tmp_path, vgg_weights):
    damage(tmp_path / name, vgg_weights)
    with pytest.raises(ValueError, match=rf"--vgg_weights=.*{name} does not hold the weights"):
        perceptual.PerceptualFeatures(str(tmp_path / name))
    assert tf.keras.mixed_precision.global_policy().name == "float32"


def test_likelihood_preset():
    # One row of two cells, two channels. First cell: differences 1 and 3, df^2 = (1 + 9) / 2 = 5,
    # sigma 2: 5 / 8 + ln 2. Second: exact, sigma 0.5: -ln 2. Mean: 5 / 16.
    photo = tf.constant([[[[1.0, 2.0], [0.0, 4.0]]]])
    drawn = tf.constant([[[[2.0, -1.0], [0.0, 4.0]]]])
    sigma = tf.constant([[[2.0, 0.5]]])
    value = perceptual.negative_log_likelihood(photo, drawn, sigma, tf.ones([1, 2, 4]))
    np.testing.assert_allclose(value, [5 / 16], rtol=1e-6)
    # The first cell half covered, the second whole: weights 1/2 and 1.
    mask = tf.constant([[[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 1.0]]])
    value = perceptual.negative_log_likelihood(photo, drawn, sigma, mask)
    expected = (0.5 * (5 / 8 + math.log(2)) - math.log(2)) / 1.5
    np.testing.assert_allclose(value, [expected], rtol=1e-6)
    nothing = perceptual.negative_log_likelihood(photo, drawn, sigma, tf.zeros([1, 2, 4]))
    np.testing.assert_array_equal(nothing, [0.0])


def test_likelihood_gradient_reaches_features_and_sigma_of_covered_cells():
    photo = tf.zeros([1, 1, 2, 1])
    drawn = tf.Variable(tf.reshape([3.0, 3.0], [1, 1, 2, 1]))
    sigma = tf.Variable([[[2.0, 2.0]]])
    mask = tf.constant([[[1.0, 0.0]]])
    with tf.GradientTape() as tape:
        value = perceptual.negative_log_likelihood(photo, drawn, sigma, mask)
    to_drawn, to_sigma = tape.gradient(value, [drawn, sigma])
    # d/df: df / sigma^2 = 3 / 4. d/dsigma: -df^2 / sigma^3 + 1 / sigma = -9 / 8 + 1 / 2.
    np.testing.assert_allclose(tf.reshape(to_drawn, [-1]), [0.75, 0.0])
    np.testing.assert_allclose(to_sigma, [[[-0.625, 0.0]]])
