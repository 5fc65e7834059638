"""The step as a program: compiled it is the step, and what JAX trains with it comes back."""

import importlib
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.datasets.pipeline import BatchOrder
from igc_tf.training import exported_step, optimizers, trainer

run_step = importlib.import_module("tools.run_step")


@pytest.fixture
def run_config(tiny, disc_photos, kernels, unoptimized, own_cache):
    # XLA draws other random numbers than TensorFlow's kernels: no loss here uses any.
    return tiny.replace(
        dataset="photo_folder",
        data_dir=str(disc_photos),
        batch_size=4,
        max_steps=3,
        learning_rate=1e-2,
        warmup_steps=1,
        learning_rate_schedule="cosine",
        pyramid_weight=1.0,
        test_fraction=0.2,
    )


def opened(config, run):
    return trainer.Trainer(config, run, tf.distribute.get_strategy())


def weights(run):
    return [variable.numpy() for variable in run.model.weights]


def assert_same_weights(found, expected):
    """To rounding: Adam's first steps turn noise in a tiny gradient into a step of the rate's size."""
    for ours, theirs in zip(found, expected, strict=True):
        assert np.mean(np.abs(ours - theirs) > 1e-3) < 0.02


@pytest.mark.slow
def test_the_compiled_step_is_the_step_and_its_folder_says_all(run_config, tmp_path):
    first = opened(run_config, tmp_path / "first")
    first.train()
    run = opened(run_config, tmp_path / "run")
    start = weights(run)
    step, rate = exported_step.compiled(run)
    order = BatchOrder(len(run.photos.images), 4, run_config.training.seed)
    schedule = optimizers.learning_rate(run_config.training, 3)
    for number in range(3):
        rate.assign(schedule(number))
        step(run.photos.images[order.indices(number)], tf.constant(number, tf.int64))
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(weights(run), start, strict=True))
    assert_same_weights(weights(run), weights(first))


@pytest.mark.slow
def test_a_run_goes_away_and_comes_back(run_config, tmp_path):
    folder = tmp_path / "step"
    run = opened(run_config, tmp_path / "run")
    exported_step.write(run, folder)
    layout = json.loads((folder / "layout.json").read_text())
    assert layout["training"]["steps"] == 3 and "loss/total" in layout["report"]
    with np.load(folder / "start.npz") as file:
        arrays = dict(file)
    for entry in layout["inputs"][2:]:
        assert list(arrays[entry["key"]].shape) == entry["shape"], entry
    for number, weight in enumerate(run.model.weights):
        np.testing.assert_array_equal(arrays[f"model/{number:03}"], weight.numpy())
    found = run_step.read_photos(folder / "photos.npz")
    np.testing.assert_array_equal(found["photos"], run.photos.images)

    python = jax_python()
    if python:  # JAX takes the same two steps as TensorFlow
        command = [python, "tools/run_step.py", "--inner=1", "--steps=2"]
        files = [f"--step_dir={folder}", f"--save={tmp_path / 'trained.npz'}"]
        subprocess.run([*command, *files], check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})
        with np.load(tmp_path / "trained.npz") as file:
            arrays = dict(file)
    else:
        arrays["optimizer/000"] += 2
    run.run.unlock()
    back = opened(run_config, tmp_path / "run")
    assert exported_step.take(back, arrays) == 2
    back.run.unlock()
    again = opened(run_config, tmp_path / "run")
    assert int(again.step_counter.numpy()) == 2 == int(again.optimizer.iterations.numpy())
    for number, weight in enumerate(again.model.weights):
        np.testing.assert_array_equal(arrays[f"model/{number:03}"], weight.numpy())
    with pytest.raises(ValueError, match="at step 2, and the run at 2 already"):
        exported_step.take(again, arrays)
    if python:
        other = opened(run_config.replace(max_steps=2), tmp_path / "other")
        # The schedule is the longer run's.
        other.optimizer.learning_rate = optimizers.learning_rate(run_config.training, 3)
        other.train()
        assert_same_weights(weights(again), weights(other))


def jax_python():
    """A Python with JAX, where there is one: $IGC_TF_JAX_PYTHON, or python3.12."""
    for name in (os.environ.get("IGC_TF_JAX_PYTHON"), "python3.12"):
        path = name and shutil.which(name)
        if path and not subprocess.run([path, "-c", "import jax"], capture_output=True).returncode:
            return path
    return None


def test_what_is_no_state_of_the_run_is_refused_and_changes_nothing(run_config, tmp_path):
    run = opened(run_config, tmp_path / "run")
    state = {key: value.numpy() for key, value in exported_step._variables(run).items()}
    start = weights(run)
    for change, message in (
        ({"model/000": np.zeros(3, np.float32)}, "another run's step"),
        ({"model/000": np.full_like(state["model/000"], np.nan)}, "is not finite"),
        ({}, "stands at step 0"),
    ):
        with pytest.raises(ValueError, match=message):
            exported_step.take(run, {**state, **change})
    for ours, theirs in zip(weights(run), start, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_rate_on_the_other_machine_is_keras(tiny, schedule):
    training = tiny.replace(
        learning_rate=0.5, learning_rate_schedule=schedule, warmup_steps=3, max_steps=20
    ).training
    layout = {
        "training": {**vars(training), "steps": 20},
        "final_share": optimizers.FINAL_SHARE,
    }
    expected = optimizers.learning_rate(training, 20)
    for step in range(21):
        assert run_step.learning_rate(layout, step) == pytest.approx(
            float(expected(step)), abs=1e-6
        )
    # By the clock: half of the time gone, half of the way down.
    middle = 0.5 * (optimizers.FINAL_SHARE + (1 - optimizers.FINAL_SHARE) * 0.5)
    assert run_step.learning_rate(layout, 10, share=0.5) == pytest.approx(middle)


def test_batches_on_the_other_machine_come_in_the_same_order():
    order = BatchOrder(10, 4, 7)
    found = run_step.batch_indices(10, 4, 7, first=3, steps=5)
    np.testing.assert_array_equal(found, [order.indices(step) for step in range(3, 8)])


def test_small_photos_come_back_nearly_alike(tmp_path):
    y, x = np.mgrid[:64, :64]
    image = np.stack([128 + 80 * np.sin(x / 9 + n) for n in range(3)], -1).astype(np.uint8)
    distances = np.random.default_rng(0).uniform(0, 3, [2, 4, 4, 5]).astype(np.float16)

    class Opened:
        photos = type("Store", (), {"images": np.stack([image, image[::-1]])})
        clusters = type("Clusters", (), {"distances": distances})

    exported_step._write_photos(Opened, tmp_path / "photos.npz", small=True)
    found = run_step.read_photos(tmp_path / "photos.npz")
    assert np.abs(found["photos"].astype(float) - Opened.photos.images).mean() < 4
    np.testing.assert_allclose(found["beside"], distances, atol=0.02)
