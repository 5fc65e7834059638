"""The auto-encoder: its shapes, its size beside IGC-Net's, that it is the encoder's twin."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import igc_net
from igc_tf.baselines import autoencoder


def test_embedding_and_picture(tiny):
    model = autoencoder.build(tiny.model, 4)
    found = model(tf.random.uniform([3, 32, 32, 3], seed=1))
    assert found.embedding.shape == (3, 16) and found.embedding.dtype == tf.float32
    assert found.reconstruction.shape == (3, 32, 32, 3)
    assert 0 <= found.reconstruction.numpy().min() and found.reconstruction.numpy().max() <= 1


def test_maps_of_another_size_do_not_matter(tiny):
    model = autoencoder.build(tiny.replace(map_size=64).model, 4)
    assert model(tf.zeros([1, 32, 32, 3])).reconstruction.shape == (1, 32, 32, 3)


def test_every_parameter_is_counted(tiny):
    config = tiny.replace(decoder_norm="none")
    model = autoencoder.build(config.model, 4)
    encoder = (48 * 2 + 2) + (32 * 4 + 4) + (64 * 8 + 8) + (128 * 16 + 16)
    embedding = 16 * 16 + 16
    decoder = (16 * 16 + 16) + (16 * 256 + 256) + (144 * 16 + 16) + (144 * 8 + 8) + (72 * 4 + 4)
    assert autoencoder.parameters(model) == encoder + embedding + decoder + 36 * 3 + 3


def test_confidences_do_not_count(tiny):
    one, other = (
        igc_net.build(
            tiny.replace(likelihood_weight=weight, pyramid_weight=1.0, rasterizer="tensorflow")
        )
        for weight in (0.0, 1.0)
    )
    assert one.confidence is None and other.confidence is not None
    assert autoencoder.parameters(one) == autoencoder.parameters(other)


@pytest.mark.parametrize("norm", ["none", "inner"])
def test_the_nearest_width_is_chosen(tiny, norm):
    config = tiny.replace(decoder_norm=norm, shape_dim=24)
    wanted = autoencoder.parameters(igc_net.build(config.replace(rasterizer="tensorflow")))
    chosen = autoencoder.matching_channels(config.model, wanted)
    grain = 1 if norm == "none" else 4
    assert chosen % grain == 0 and chosen >= 4
    widths = [chosen - grain, chosen, chosen + grain]
    sizes = [
        autoencoder.parameters(autoencoder.build(config.model, w)) if w >= 4 else np.inf
        for w in widths
    ]
    assert int(np.argmin(np.abs(np.array(sizes) - wanted))) == 1


def test_a_small_wish_gives_the_smallest(tiny):
    assert autoencoder.matching_channels(tiny.model, 10) == 4
