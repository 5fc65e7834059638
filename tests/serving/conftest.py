"""A hardly trained tiny model, exported once for all tests here."""

import pathlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.serving import export, signatures


class Exported(NamedTuple):
    """A model, live and as the files a server reads."""

    config: config_lib.Config
    served: signatures.ServedModel  #: the live one
    folder: pathlib.Path  #: of the versions
    path: pathlib.Path  #: of version 1


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A tiny model whose parts are all seen, with the cut of photos that CelebA's have."""
    config = config_lib.Config().replace(
        image_size=32,
        map_size=32,
        parts=4,
        shape_dim=8,
        albedo_dim=8,
        view_dim=4,
        encoder_channels=4,
        decoder_channels=4,
        crop_scale=0.9,
        crop_center_y=0.55,
        rasterizer="tensorflow",
    )
    tf.keras.utils.set_random_seed(4)
    model = igc_net.build(config)
    for weight in model.weights:  # Turned, lit and uneven, as a trained model's answers are.
        if "kernel" in weight.name:
            weight.assign(weight * 3.0)
    folder = tmp_path_factory.mktemp("models") / "igc"
    path = export.export(config, model, folder)
    return Exported(config, signatures.ServedModel(config, model), folder, path)


@pytest.fixture(scope="session")
def photos():
    """`[7, 90, 70, 3]` uint8, smooth and different."""
    generator = np.random.default_rng(7)
    coarse = generator.integers(0, 256, (7, 5, 4, 3)).astype(np.float32)
    large = tf.image.resize(coarse, [90, 70], method="bicubic").numpy()
    return np.clip(large, 0, 255).astype(np.uint8)
