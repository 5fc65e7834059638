"""Programs run as a user runs them: as processes, on the embedded data set's tiny configuration."""

import os
import subprocess
import sys

import pytest

_TINY = (
    "--dataset=synthetic_faces --data_config=tiny --image_size=32 --map_size=32 --parts=3 "
    "--shape_dim=12 --albedo_dim=12 --view_dim=6 --encoder_channels=4 --decoder_channels=4 "
    "--decoder_norm=none --confidence_channels=2 --batch_size=8 --pyramid_weight=1 "
    "--learning_rate=1e-3 --validation_images=4"
).split()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Where the tiny data set is generated, once a session."""
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(scope="session")
def program():
    """Starts `python -m tools.NAME FLAGS`; waits for it unless told not to."""

    def start(name, *flags, wait=True, expect=0):
        process = subprocess.Popen(
            [sys.executable, "-m", f"tools.{name}", *map(str, flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        if not wait:
            return process
        output, _ = process.communicate(timeout=600)
        assert process.returncode == expect, output[-4000:]
        return output

    return start


@pytest.fixture(scope="session")
def tiny_flags(data_dir):
    """Flags of a training that takes seconds."""
    return [*_TINY, f"--data_dir={data_dir}"]


@pytest.fixture(scope="session")
def trained(program, tiny_flags, tmp_path_factory):
    """A run directory of a finished, if hardly trained, model."""
    run_dir = tmp_path_factory.mktemp("runs") / "trained"
    program("train", *tiny_flags, "--max_steps=12", f"--run_dir={run_dir}")
    return run_dir
