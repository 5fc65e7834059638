"""The convolutional pieces: sizes, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.capsules import layers


@pytest.fixture(autouse=True)
def seeded():
    tf.keras.utils.set_random_seed(0)


@pytest.mark.parametrize("size, count", [(4, 0), (8, 1), (32, 3), (64, 4), (128, 5)])
def test_stages_preset(size, count):
    assert layers.stages(size) == count


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 48, 63, 65, 100])
def test_stages_of_other_sizes_raise(size):
    with pytest.raises(ValueError, match=f"Maps of {size} px: the side must be a power of 2"):
        layers.stages(size)


@pytest.mark.parametrize("size", [8, 32])
def test_convolution_stack_gives_one_vector_an_image(size):
    stack = layers.ConvolutionStack(size, 2, 5)
    vector = stack(tf.random.stateless_normal([3, size, size, 3], [0, 1]))
    assert vector.shape == (3, 5) and (vector.numpy() >= 0).all()


def test_convolution_stack_doubles_its_channels_up_to_eight_times():
    stack = layers.ConvolutionStack(128, 2, 5)
    assert [convolution.filters for convolution in stack.convolutions] == [2, 4, 8, 16, 16]


def test_convolution_stack_slope_leaks_the_negative_side():
    # One stage of a single channel that copies -1 (the rest of its kernel is 0), then a copy.
    stack = layers.ConvolutionStack(8, 1, 1, slope=0.2)
    image = -tf.ones([1, 8, 8, 1])
    stack(image)
    first, last = stack.convolutions[0], stack.to_vector
    for convolution in (first, last):
        kernel = np.zeros(convolution.kernel.shape)
        kernel[1, 1] = 1.0
        convolution.kernel.assign(kernel)
    # Each of the two rectifiers multiplies a negative number by 0.2.
    np.testing.assert_allclose(stack(image), [[-0.04]], rtol=1e-6)


@pytest.mark.parametrize("norm", ["group", "none"])
@pytest.mark.parametrize("upsampling", ["bilinear", "transposed"])
def test_grow_stage_doubles_the_side(upsampling, norm):
    stage = layers.GrowStage(8, upsampling, norm)
    grown = stage(tf.random.stateless_normal([2, 4, 4, 3], [0, 1]))
    assert grown.shape == (2, 8, 8, 8) and (grown.numpy() >= 0).all()


def test_grow_stage_bilinear_convolves_what_was_doubled():
    stage = layers.GrowStage(1, "bilinear", "none")
    x = tf.random.stateless_uniform([2, 4, 4, 1], [0, 1])
    stage(x)
    copy = np.zeros([3, 3, 1, 1])
    copy[1, 1] = 1.0
    stage.convolution.kernel.assign(copy)
    np.testing.assert_allclose(stage(x), tf.image.resize(x, [8, 8]), atol=1e-6)


def test_sub_pixel_convolution_deals_its_channels_to_cells():
    layer = layers.SubPixelConvolution(2)
    x = tf.random.stateless_normal([1, 3, 3, 5], [0, 1])
    maps = layer(x).numpy()
    assert maps.shape == (1, 6, 6, 2)
    # Channels in the order (row, column, color) of the 2x2 cell.
    flat = layer.convolution(x).numpy().reshape(3, 3, 2, 2, 2)
    np.testing.assert_array_equal(maps[0], flat.transpose(0, 2, 1, 3, 4).reshape(6, 6, 2))


def test_sub_pixel_convolution_starts_without_a_checkerboard():
    maps = layers.SubPixelConvolution(3)(tf.random.stateless_normal([2, 4, 4, 5], [0, 1])).numpy()
    cells = maps.reshape(2, 4, 2, 4, 2, 3)
    np.testing.assert_array_equal(cells, np.broadcast_to(cells[:, :, :1, :, :1], cells.shape))
    assert maps.std() > 0.1


def test_grow_stage_normalizes_groups_of_four_channels():
    stage = layers.GrowStage(8, "transposed", "group")
    stage(tf.zeros([1, 4, 4, 3]))
    stage.norm.beta.assign(tf.fill([8], 100.0))  # far from the rectifier's corner
    grown = stage(tf.random.stateless_normal([2, 4, 4, 3], [0, 1])).numpy() - 100.0
    groups = grown.reshape(2, 8 * 8, 2, 4)
    np.testing.assert_allclose(groups.mean(axis=(1, 3)), np.zeros([2, 2]), atol=1e-3)
    np.testing.assert_allclose(groups.std(axis=(1, 3)), np.ones([2, 2]), atol=0.01)


def test_grow_stage_unknown_options_raise():
    with pytest.raises(ValueError, match="upsampling='nearest'.*'bilinear' or 'transposed'"):
        layers.GrowStage(8, "nearest", "none")
    with pytest.raises(ValueError, match="norm='batch'.*'group' or 'none'"):
        layers.GrowStage(8, "bilinear", "batch")
