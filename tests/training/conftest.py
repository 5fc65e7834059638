"""What tests of runs share."""

import pytest
import tensorflow as tf

from igc_tf.training.step import TrainingStep


@pytest.fixture(scope="module")
def unoptimized():
    """Graphs as they are traced: to optimize one takes longer than the few steps that tests take."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


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
