"""The networks that read the photo: shapes, ranges, sizes."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.capsules import encoder


@pytest.fixture(autouse=True)
def seeded():
    tf.keras.utils.set_random_seed(0)


def photos(size, seed=0):
    return tf.random.stateless_uniform([2, size, size, 3], [seed, 1])


def parameter_count(layer):
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)


def test_centered_maps_colors_to_minus_one_to_one():
    found = encoder.centered(tf.constant([0.0, 0.25, 1.0]), tf.bfloat16)
    assert found.dtype == tf.bfloat16
    np.testing.assert_array_equal(tf.cast(found, tf.float32), [-1.0, -0.5, 1.0])


@pytest.mark.parametrize("size", [32, 64, 128])
def test_image_encoder_gives_eight_times_its_channels(tiny, size):
    network = encoder.ImageEncoder(tiny.replace(image_size=size, encoder_channels=3).model)
    assert network(photos(size)).shape == (2, 24)


def test_image_encoder_parameter_count(tiny):
    network = encoder.ImageEncoder(tiny.replace(encoder_channels=4).model)
    network(photos(32))
    # 4x4 kernels and biases; 32 -> 16 -> 8 -> 4 px with 4, 8, 16 channels, then 4x4 to 32 numbers:
    # (16*3*4 + 4) + (16*4*8 + 8) + (16*8*16 + 16) + (16*16*32 + 32)
    # = 196 + 520 + 2064 + 8224
    assert parameter_count(network) == 11004


def test_residual_blocks_follow_each_stage_and_begin_as_the_identity(tiny):
    plain = encoder.ImageEncoder(tiny.replace(encoder_channels=4).model)
    deep = encoder.ImageEncoder(tiny.replace(encoder_channels=4, encoder_blocks=2).model)
    image = photos(32)
    plain(image), deep(image)
    # In each of two blocks of a stage of C channels: a norm and a 3x3 convolution to C / 2, and back:
    # C = 4: 8 + 74 + 4 + 76, C = 8: 16 + 292 + 8 + 296, C = 16: 32 + 1160 + 16 + 1168
    assert parameter_count(deep) == 11004 + 2 * (162 + 612 + 2376)
    for old, new in zip(plain.stack.convolutions, deep.stack.convolutions, strict=True):
        new.set_weights(old.get_weights())
    deep.stack.to_vector.set_weights(plain.stack.to_vector.get_weights())
    np.testing.assert_allclose(deep(image), plain(image), atol=1e-6)
    deep.stack.blocks[1][0].convolutions[1].kernel.assign_add(tf.ones([3, 3, 4, 8]))
    assert np.abs(deep(image) - plain(image)).max() > 1e-3


def test_lighting_network_parameter_count(tiny):
    network = encoder.LightingNetwork(tiny.replace(encoder_channels=4).model)
    network(photos(32))
    # Half as wide: (16*3*2 + 2) + (16*2*4 + 4) + (16*4*8 + 8) + (16*8*16 + 16) + (16*4 + 4)
    # = 98 + 132 + 520 + 2064 + 68
    assert parameter_count(network) == 2882


def test_lighting_network_ranges(tiny):
    network = encoder.LightingNetwork(tiny.model)
    network(photos(32))
    for sign in (-1.0, 1.0):  # Drive it to both ends of its range.
        network.to_parameters.bias.assign(tf.fill([4], sign * 50.0))
        light = network(photos(32))
        end = (sign + 1) / 2
        np.testing.assert_allclose(light.ambient, [end, end], atol=1e-6)
        np.testing.assert_allclose(light.diffuse, [end, end], atol=1e-6)
        # normalize(+-1, +-1, 1): at most 54.7 degrees off the axis.
        expected = np.array([sign, sign, 1.0]) / np.sqrt(3)
        np.testing.assert_allclose(light.direction, [expected, expected], atol=1e-5)


def test_lighting_network_tells_photos_apart(tiny):
    light = encoder.LightingNetwork(tiny.replace(encoder_channels=8).model)(photos(32))
    assert light.ambient.shape == light.diffuse.shape == (2,) and light.direction.shape == (2, 3)
    assert light.ambient[0] != light.ambient[1]
    np.testing.assert_allclose(tf.norm(light.direction, axis=-1), [1.0, 1.0], rtol=1e-5)


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("pixels, features", [(True, False), (False, True), (True, True)])
def test_confidence_network_gives_only_the_maps_asked_for(tiny, size, pixels, features):
    network = encoder.ConfidenceNetwork(
        tiny.replace(image_size=size).model, pixels=pixels, features=features
    )
    found = network(photos(size))
    for values, asked, side in ((found.pixels, pixels, size), (found.features, features, 16)):
        assert (values is not None) == asked
        if asked:
            assert values.shape == (2, side, side, 2) and values.dtype == tf.float32
            assert (values.numpy() > 0).all()
    # Nothing is made that no map needs.
    for variable in network.trainable_variables:
        assert pixels or "to_pixels" not in variable.name
        assert features or "to_features" not in variable.name
    with tf.GradientTape() as tape:
        value = tf.add_n(
            [tf.reduce_sum(maps) for maps in network(photos(size)) if maps is not None]
        )
    gradients = tape.gradient(value, network.trainable_variables)
    assert all(gradient is not None for gradient in gradients)


def test_confidence_stays_positive_where_softplus_underflows(tiny):
    network = encoder.ConfidenceNetwork(tiny.model, features=False)
    network(photos(32))
    network.to_pixels.bias.assign(tf.fill([2], -1000.0))
    np.testing.assert_allclose(network(photos(32)).pixels, np.full([2, 32, 32, 2], 1e-7), rtol=1e-3)


def test_networks_read_the_size_of_their_configuration_only(tiny):
    with pytest.raises(ValueError):
        encoder.ImageEncoder(tiny.model)(photos(16))
