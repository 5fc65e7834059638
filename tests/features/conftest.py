"""A VGG16 for the perceptual loss."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def vgg_weights(tmp_path_factory):
    """A weights file of VGG16's real architecture, with random numbers in it."""
    tf.keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("vgg") / "vgg16_notop.h5"
    tf.keras.applications.VGG16(include_top=False, weights=None).save_weights(path)
    return str(path)
