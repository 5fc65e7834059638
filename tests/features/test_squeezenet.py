"""SqueezeNet's features, on its real architecture with random weights."""

import h5py
import numpy as np
import pytest
import tensorflow as tf

from igc_tf.features import squeezenet
from tests.fake_squeezenet import LAYERS, write


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write(tmp_path_factory.mktemp("squeezenet") / "squeezenet.h5")


@pytest.fixture(scope="module")
def features(weights):
    return squeezenet.SqueezeNetFeatures(weights)


def fire5_by_keras(image, path):
    layers = tf.keras.layers
    with h5py.File(path) as file:

        def convolution(x, name, padding="same", strides=1):
            kernel, bias = file[f"{name}/{name}_W:0"][:], file[f"{name}/{name}_b:0"][:]
            layer = layers.Conv2D(bias.size, kernel.shape[0], strides, padding, activation="relu")
            layer.build(x.shape)
            layer.set_weights([kernel, bias])
            return layer(x)

        x = tf.keras.applications.imagenet_utils.preprocess_input(image * 255.0, mode="caffe")
        x = convolution(x, "conv1", "valid", 2)
        for number in (2, 3, 4, 5):
            if number % 2 == 0:
                x = layers.MaxPool2D(3, 2)(x)
            x = convolution(x, f"fire{number}/squeeze1x1")
            x = layers.Concatenate()(
                [convolution(x, f"fire{number}/expand{n}x{n}") for n in (1, 3)]
            )
    return x


def test_features_are_fire5_of_the_file(features, weights):
    image = tf.random.stateless_uniform([2, 128, 128, 3], [0, 1])
    expected = tf.image.resize(fire5_by_keras(image, weights), [16, 16])
    found = features(image)
    assert found.shape == (2, 16, 16, 256) and expected.numpy().std() > 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


def test_larger_photos_have_finer_features(features, weights):
    image = tf.random.stateless_uniform([1, 64, 64, 3], [0, 3])
    larger = tf.image.resize(image, [192, 192], antialias=True)
    expected = tf.image.resize(fire5_by_keras(larger, weights), [24, 24])
    found = features(image, 192)
    assert found.shape == (1, 24, 24, 256)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


def test_features_are_frozen_but_pass_the_gradient_to_the_picture(features):
    image = tf.Variable(tf.random.stateless_uniform([1, 64, 64, 3], [0, 2]))
    assert features.trainable_variables == []
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(features(image))
    assert np.count_nonzero(tape.gradient(value, image)) > 0.9 * 64 * 64 * 3


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="--squeezenet_weights=nowhere.h5: no such file"):
        squeezenet.SqueezeNetFeatures("nowhere.h5")


def test_another_file_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match="does not hold the weights of SqueezeNet"):
        squeezenet.SqueezeNetFeatures(str(tmp_path / "text.h5"))
    fewer = {name: shape for name, shape in LAYERS.items() if name != "fire5/expand3x3"}
    with pytest.raises(ValueError, match="fire5/expand3x3"):
        squeezenet.SqueezeNetFeatures(write(tmp_path / "fewer.h5", fewer))
    other = {**LAYERS, "conv1": (7, 7, 3, 96)}  # SqueezeNet 1.0's
    with pytest.raises(ValueError, match="conv1"):
        squeezenet.SqueezeNetFeatures(write(tmp_path / "other.h5", other))
