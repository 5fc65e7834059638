"""What tests of runs share."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from igc_tf.training.step import TrainingStep


@pytest.fixture(scope="module")
def unoptimized():
    """Graphs as they are traced: to optimize one takes longer than the few steps that tests take."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def disc_photos(tmp_path):
    """A folder of 40 little pictures: a bright disc on a dark ground, at varied places."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    for index in range(40):
        cx, cy = random.uniform(12, 20, 2)
        disc = ((x - cx) ** 2 + (y - cy) ** 2 < 80)[..., None]
        picture = np.where(disc, random.integers(128, 256, 3), random.integers(0, 100, 3))
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def eager():
    """Functions as Python, operation by operation: to trace a step takes longer than a few steps do."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def eager_step(monkeypatch):
    """The training step alone so; what else is a graph stays one."""
    monkeypatch.setattr(TrainingStep, "__call__", TrainingStep.__call__.python_function)
