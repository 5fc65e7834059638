"""What tests of runs share."""

import pytest

from igc_tf.training.run_directory import RunDirectory


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
