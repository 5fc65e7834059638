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


def _step(run_dir):
    """Of the newest checkpoint; 0 where there is none."""
    path = tf.train.latest_checkpoint(str(run_dir / "checkpoints"))
    return int(path.rsplit("-", 1)[1]) if path else 0


def _wait_for_checkpoint(run_dir, process, after):
    deadline = time.monotonic() + 300
    while _step(run_dir) <= after:
        assert process.poll() is None, process.stdout.read()[-3000:]
        assert time.monotonic() < deadline, "no checkpoint in five minutes"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def flags(tiny_flags):
    fast = "--precision=mixed_bfloat16 --decoder_head=half --static_background".split()
    fast.append("--rerender_pose_weight=1")
    return [*tiny_flags, *fast, "--flip", f"--max_steps={_STEPS}", "--checkpoint_every_seconds=0"]


@pytest.fixture(scope="module")
def uninterrupted(program, flags, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "uninterrupted"
    program("train", *flags, f"--run_dir={run_dir}")
    return _weights(run_dir)


def test_stopped_and_resumed_is_bit_identical(program, flags, uninterrupted, tmp_path):
    """Killed once, asked to stop once, then left alone."""
    run_dir, stopped = tmp_path / "run", 0
    for number, status in ((signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        process = program("train", *flags, f"--run_dir={run_dir}", wait=False)
        _wait_for_checkpoint(run_dir, process, stopped)
        process.send_signal(number)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == status, output[-3000:]
        assert not stopped or f"Continuing at step {stopped} of {_STEPS}" in output
        stopped = _step(run_dir)
        assert 0 < stopped < _STEPS
    assert f"saved at step {stopped}" in output
    output = program("train", *flags, f"--run_dir={run_dir}")
    assert f"Continuing at step {stopped} of {_STEPS}" in output
    resumed = _weights(run_dir)
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
