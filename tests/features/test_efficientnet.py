"""EfficientNet-lite0 on its real architecture with random weights, against Keras' own layers."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.features import efficientnet
from tests.weight_files import BLOCKS, efficientnet_arrays, write_torch

STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1]


@pytest.fixture(scope="module")
def arrays():
    return efficientnet_arrays()


@pytest.fixture(scope="module")
def weights(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("efficientnet") / "lite0.pth"
    return write_torch(path, arrays, transposed=[n for n in arrays if "project" in n])


@pytest.fixture(scope="module")
def network(weights):
    return efficientnet.EfficientNetFeatures(weights)


def by_keras(image, arrays):
    """The network of Keras' layers, batch normalization apart."""
    layers = tf.keras.layers

    def convolution(x, name, norm, strides=1, depthwise=False):
        kernel = arrays[f"{name}.weight"]
        size = kernel.shape[2]
        if depthwise:
            layer = layers.DepthwiseConv2D(size, strides, "same", use_bias=False)
            kernel = kernel.transpose(2, 3, 0, 1)
        else:
            layer = layers.Conv2D(len(kernel), size, strides, "same", use_bias=False)
            kernel = kernel.transpose(2, 3, 1, 0)
        layer.build(x.shape)
        layer.set_weights([kernel])
        batch_norm = layers.BatchNormalization(epsilon=1e-3)
        x = layer(x)
        batch_norm.build(x.shape)
        parts = ("weight", "bias", "running_mean", "running_var")
        batch_norm.set_weights([arrays[f"{norm}.{part}"] for part in parts])
        return batch_norm(x, training=False)

    relu6 = layers.ReLU(6.0)
    x = relu6(convolution((image * 255.0 - 127.0) / 128.0, "_conv_stem", "_bn0", 2))
    for index, ((_, expansion, _), stride) in enumerate(zip(BLOCKS, STRIDES, strict=True)):
        name, before = f"_blocks.{index}.", x
        if expansion > 1:
            x = relu6(convolution(x, f"{name}_expand_conv", f"{name}_bn0"))
        x = relu6(convolution(x, f"{name}_depthwise_conv", f"{name}_bn1", stride, True))
        x = convolution(x, f"{name}_project_conv", f"{name}_bn2")
        if x.shape == before.shape:
            x = layers.Add()([x, before])
    return x


def test_the_features_are_those_of_the_architecture(network, arrays):
    image = tf.random.stateless_uniform([2, 96, 96, 3], [0, 1])
    expected = by_keras(image, arrays)
    found = network(image, input_size=96)
    assert found.shape == [2, 6, 6, efficientnet.CHANNELS]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_photos_are_enlarged_to_the_size_it_was_trained_on(network):
    image = tf.random.stateless_uniform([1, 64, 64, 3], [0, 1])
    larger = tf.image.resize(image, [224, 224], antialias=True)
    np.testing.assert_allclose(network(image), network(larger), rtol=1e-4, atol=1e-4)
    assert network(image).shape[1] == efficientnet.INPUT_SIZE // efficientnet.STRIDE


def test_it_does_not_learn(network):
    assert not network.trainable_variables


def test_other_weights_have_another_name(network, tmp_path):
    other = efficientnet.EfficientNetFeatures(
        write_torch(tmp_path / "other.pth", efficientnet_arrays(seed=1))
    )
    assert other.name_of_weights != network.name_of_weights


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="--efficientnet_weights=/no/such.pth"):
        efficientnet.EfficientNetFeatures("/no/such.pth")


@pytest.mark.parametrize("lacking", ["_conv_stem.weight", "_blocks.10._bn2.running_var"])
def test_a_file_that_lacks_an_array_is_refused(arrays, lacking, tmp_path):
    rest = {name: array for name, array in arrays.items() if name != lacking}
    with pytest.raises(ValueError, match=lacking.replace(".", r"\.")):
        efficientnet.EfficientNetFeatures(write_torch(tmp_path / "few.pth", rest))


def test_an_array_of_another_shape_is_refused(arrays, tmp_path):
    wrong = {**arrays, "_conv_stem.weight": np.zeros([32, 3, 5, 5], np.float32)}
    with pytest.raises(ValueError, match="_conv_stem"):
        efficientnet.EfficientNetFeatures(write_torch(tmp_path / "wrong.pth", wrong))
