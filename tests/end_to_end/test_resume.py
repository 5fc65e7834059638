"""Killed and resumed, a run ends bit for bit where an uninterrupted one does."""

import signal
import time

import numpy as np
import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow

_STEPS = 30


def _weights(run_dir):
    """Every array of the last checkpoint, optimizer and all."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run_dir / "checkpoints")))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def _wait_for_checkpoint(run_dir, process):
    deadline = time.monotonic() + 300
    while tf.train.latest_checkpoint(str(run_dir / "checkpoints")) is None:
        assert process.poll() is None, process.stdout.read()[-3000:]
        assert time.monotonic() < deadline, "no checkpoint in five minutes"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def flags(tiny_flags):
    fast = "--precision=mixed_bfloat16 --decoder_head=half --backdrop --retake_weight=1".split()
    return [*tiny_flags, *fast, "--flip", f"--max_steps={_STEPS}", "--checkpoint_every_seconds=0"]


@pytest.fixture(scope="module")
def uninterrupted(program, flags, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "uninterrupted"
    program("train", *flags, f"--run_dir={run_dir}")
    return _weights(run_dir)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_stopped_and_resumed_is_bit_identical(
    program, flags, uninterrupted, tmp_path, number, status
):
    run_dir = tmp_path / "run"
    process = program("train", *flags, f"--run_dir={run_dir}", wait=False)
    _wait_for_checkpoint(run_dir, process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output[-3000:]
    stopped = int(tf.train.latest_checkpoint(str(run_dir / "checkpoints")).rsplit("-", 1)[1])
    assert 0 < stopped < _STEPS
    if number != signal.SIGKILL:
        assert f"saved at step {stopped}" in output
    output = program("train", *flags, f"--run_dir={run_dir}")
    assert f"Continuing at step {stopped} of {_STEPS}" in output
    resumed = _weights(run_dir)
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
