"""What tests of runs share."""

import pytest
import tensorflow as tf

from igc_tf.training.run_directory import RunDirectory


@pytest.fixture(scope="module")
def unoptimized():
    """Graphs as they are traced: to optimize one takes longer than the few steps that tests take."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def begin():
    """Begins a run, or goes on with it, as a training does; returns (directory, configuration)."""

    def begun(config, path, splits=None, step=0):
        run = RunDirectory(path)
        run.lock()
        try:
            config = run.settle(config)
            run.compare_photos(splits or {})
            run.begin(config, splits or {}, step)
        finally:
            run.unlock()
        return run, config

    return begun
