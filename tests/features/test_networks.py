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
    ("name", "layers", "shape"),
    [
        ("vgg16", ("relu5_1", "relu5_3"), (8, 8, 512)),
        ("efficientnet", ("block 10",), (14, 14, 112)),
        ("squeezenet", ("fire5",), (16, 16, 256)),
    ],
)
def test_bytes_go_in_and_features_come_out(weights, name, layers, shape):
    network = networks.load(name, str(weights[name]))
    photos = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    found, single = network.extract(photos), network.extract(photos[:1])
    assert network.layers == layers and len(found) == len(layers)
    for features, of_one in zip(found, single, strict=True):
        assert features.shape == (3, *shape) and features.dtype == np.float32
        np.testing.assert_allclose(of_one, features[:1], rtol=1e-3, atol=1e-3)


def test_the_name_tells_weights_from_others(weights, tmp_path):
    other = write_torch(tmp_path / "other.pth", efficientnet_arrays(seed=1))
    files = (weights["efficientnet"], other)
    names = [networks.load("efficientnet", str(path)).name for path in files]
    assert names[0] != names[1] and names[0].startswith("efficientnet-")


def test_an_unknown_network_names_those_there_are():
    with pytest.raises(ValueError, match="'resnet'; there are vgg16, efficientnet, squeezenet"):
        networks.load("resnet", "any")
