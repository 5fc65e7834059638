"""Every network gives features under the same contract."""

import numpy as np
import pytest

from igc_tf.features import networks
from tests.fake_squeezenet import LAYERS, write
from tests.weight_files import efficientnet_arrays, write_torch


@pytest.fixture
def weights(tmp_path, vgg_weights):
    return {
        "vgg16": vgg_weights,
        "efficientnet": write_torch(tmp_path / "lite0.pth", efficientnet_arrays()),
        "squeezenet": write(tmp_path / "squeezenet.h5", LAYERS),
    }


@pytest.mark.parametrize(
    ("name", "side", "channels"),
    [("vgg16", 8, 512), ("efficientnet", 14, 112), ("squeezenet", 16, 256)],
)
def test_bytes_go_in_and_features_come_out(weights, name, side, channels):
    network = networks.load(name, str(weights[name]))
    photos = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    found = network.extract(photos)
    assert found.shape == (3, side, side, channels) and found.dtype == np.float32
    np.testing.assert_allclose(network.extract(photos[:1]), found[:1], rtol=1e-3, atol=1e-3)
    assert network.name.startswith(("vgg16-relu5_1", "lite0", "squeezenet-fire5"))


def test_an_unknown_network_names_those_there_are():
    with pytest.raises(ValueError, match="'resnet'; there are vgg16, efficientnet, squeezenet"):
        networks.load("resnet", "any")
