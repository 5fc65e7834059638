"""A file of SqueezeNet 1.1's real architecture, with random numbers in it."""

import h5py
import numpy as np

#: Shapes of the kernels.
LAYERS = {"conv1": (3, 3, 3, 64)}
for _fire, (_in, _squeeze, _expand) in {
    "fire2": (64, 16, 64),
    "fire3": (128, 16, 64),
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
}.items():
    LAYERS[f"{_fire}/squeeze1x1"] = (1, 1, _in, _squeeze)
    LAYERS[f"{_fire}/expand1x1"] = (1, 1, _squeeze, _expand)
    LAYERS[f"{_fire}/expand3x3"] = (3, 3, _squeeze, _expand)


def write(path, layers=LAYERS):
    """As Keras 1 names them: `fire2/squeeze1x1/fire2/squeeze1x1_W:0`."""
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, shape in layers.items():
            fan_in = np.prod(shape[:3])
            file[f"{name}/{name}_W:0"] = random.normal(0, (2 / fan_in) ** 0.5, shape).astype("f4")
            file[f"{name}/{name}_b:0"] = random.normal(0, 0.1, shape[3]).astype("f4")
    return str(path)
