"""A run directory keeps its configuration, refuses another, and names what is missing."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net, provenance, run_directory
from igc_tf.datasets import image_store


@pytest.fixture
def checkpointed(begin):
    """Begins a run and gives it a checkpoint of step 7; returns the model."""

    def write(config, path):
        model = igc_net.build(config)
        run, _ = begin(config, path)
        last = run.checkpoints(tf.train.Checkpoint(model=model))
        last.save(checkpoint_number=7)
        return model

    return write


def _pictures(*names):
    empty = np.zeros([len(names), 4, 4, 3], np.uint8)
    return image_store.ImageStore(empty, list(names), {}, np.zeros([len(names), 2, 3]))


# ---- what it is ----------------------------------------------------------------------------------


def test_to_begin_writes_the_complete_configuration(tiny, tmp_path, begin):
    begin(tiny, tmp_path / "run")
    written = json.loads((tmp_path / "run" / "flags.json").read_text())
    assert written == tiny.flat()
    assert config_lib.load(tmp_path / "run") == tiny


def test_another_configuration_is_refused_with_every_difference(tiny, tmp_path, begin):
    run, _ = begin(tiny, tmp_path)
    with pytest.raises(run_directory.ConfigurationMismatch) as caught:
        run.resolve(tiny.replace(parts=4, learning_rate=0.5))
    assert "--parts: 3 in the run, 4 now" in str(caught.value)
    assert "--learning_rate: 0.0001 in the run, 0.5 now" in str(caught.value)
    assert config_lib.load(tmp_path) == tiny  # untouched


def test_a_longer_training_of_the_same_run_is_allowed(tiny, tmp_path, begin):
    run, _ = begin(tiny, tmp_path)
    longer = tiny.replace(train_images=10 * tiny.training.train_images)
    assert run.resolve(longer) == longer


def test_a_run_with_a_schedule_keeps_its_length_and_points_to_init_from(tiny, tmp_path, begin):
    config = tiny.replace(learning_rate_schedule="cosine", train_images=100)
    run, _ = begin(config, tmp_path)
    with pytest.raises(run_directory.ConfigurationMismatch, match="--train_images.*--init_from"):
        run.resolve(config.replace(train_images=200))
    assert run.resolve(config) == config


def test_weight_files_of_the_losses_may_lie_elsewhere_on_resume(tiny, tmp_path, begin):
    config = tiny.replace(feature_network="squeezenet", squeezenet_weights="here/file.h5")
    begin(config, tmp_path)
    moved = config.replace(
        squeezenet_weights="there/file.h5", data_dir="there", summary_every_seconds=9.0
    )
    begin(moved, tmp_path)
    assert config_lib.load(tmp_path) == moved


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (["a", "b", "c"], "train: 2 pictures in the run, 3 now"),
        (["a"], "train: 2 pictures in the run, 1 now"),
        (["a", "x"], "train: 2 pictures in the run, 2 now, of other names"),
        (["b", "a"], "train: 2 pictures in the run, 2 now, of other names"),  # another order
    ],
)
def test_other_photos_than_the_run_began_with_are_refused(tiny, tmp_path, begin, now, message):
    kept = {"validation": _pictures("v")}
    run, _ = begin(tiny, tmp_path, {"train": _pictures("a", "b"), **kept})
    run.compare_photos({"train": _pictures("a", "b"), **kept})
    with pytest.raises(run_directory.ConfigurationMismatch) as caught:
        run.compare_photos({"train": _pictures(*now), **kept})
    assert message in str(caught.value) and "validation" not in str(caught.value)
    (tmp_path / "photos.json").unlink()  # as the message says
    begin(tiny, tmp_path, {"train": _pictures(*now), **kept}, step=9)
    run.compare_photos({"train": _pictures(*now), **kept})


def test_photo_names_that_are_no_text_have_a_digest(tiny, tmp_path, begin):
    begin(tiny, tmp_path, {"train": _pictures(os.fsdecode(b"gr\xfc\xdfe.jpg"))})
    assert json.loads((tmp_path / "photos.json").read_text())["train"]["pictures"] == 1


def test_a_directory_that_has_not_begun_holds_nothing_against_a_run(tiny, tmp_path, begin):
    run, _ = begin(tiny, tmp_path, {"train": _pictures("a")})
    (tmp_path / "flags.json").unlink()
    run.compare_photos({"train": _pictures("b")})
    begin(tiny.replace(parts=4), tmp_path, {"train": _pictures("b")})
    assert config_lib.load(tmp_path).model.parts == 4


def test_commit_and_packages_stand_in_the_run_for_each_start_that_changed_them(
    tiny, tmp_path, begin, monkeypatch
):
    begin(tiny, tmp_path)
    begin(tiny, tmp_path, step=5)
    path = tmp_path / "environment.json"
    (entry,) = json.loads(path.read_text())
    assert entry["step"] == 0 and entry["packages"]["tensorflow"] == tf.__version__
    assert entry["commit"] == provenance.commit()
    assert entry["python"] == ".".join(map(str, sys.version_info[:3]))
    monkeypatch.setattr(provenance, "commit", lambda: "another")
    begin(tiny, tmp_path, step=9)
    entries = json.loads(path.read_text())
    assert [(one["step"], one["commit"]) for one in entries] == [
        (0, entry["commit"]),
        (9, "another"),
    ]


# ---- who may train it ----------------------------------------------------------------------------


def test_a_second_training_is_refused_until_the_first_has_ended(tmp_path):
    first, second = (run_directory.RunDirectory(tmp_path / "run") for _ in range(2))
    first.lock()
    with pytest.raises(run_directory.InUse, match=f"being trained by process {os.getpid()} on "):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_the_lock_dies_with_its_process(tmp_path):
    script = (
        "import sys, time; from igc_tf.run_directory import RunDirectory\n"
        "run = RunDirectory(sys.argv[1]); run.lock(); print('locked', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "locked\n"
        run = run_directory.RunDirectory(tmp_path)
        with pytest.raises(run_directory.InUse, match=f"process {process.pid} on "):
            run.lock()
    finally:
        process.kill()
        process.wait()
    run.lock()
    run.unlock()


# ---- checkpoints ---------------------------------------------------------------------------------


def test_load_model_restores_every_weight(tiny, tmp_path, checkpointed):
    model = checkpointed(tiny, tmp_path)
    config, loaded = run_directory.load_model(tmp_path, rasterizer="tensorflow")
    assert config.model.rasterizer == "tensorflow"
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_checkpoint_of_another_architecture_is_an_error(tiny, tmp_path, checkpointed):
    checkpointed(tiny, tmp_path)
    config_lib.save(tiny.replace(encoder_channels=4), tmp_path)
    with pytest.raises(ValueError, match="does not fit the configuration"):
        run_directory.load_model(tmp_path)


def test_missing_weights_are_an_error(tiny, tmp_path, begin):
    bare, _ = begin(tiny, tmp_path)
    last = bare.checkpoints(tf.train.Checkpoint(model=tf.keras.layers.Dense(1)))
    last.save(checkpoint_number=1)
    with pytest.raises(ValueError, match="does not fit the configuration"):
        run_directory.load_model(tmp_path)


def test_what_is_missing_is_named(tiny, tmp_path, begin):
    with pytest.raises(FileNotFoundError, match="flags.json is missing"):
        run_directory.load_model(tmp_path / "nothing")
    begin(tiny, tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        run_directory.load_model(tmp_path)


def _saved(path, numbers=()):
    """Checkpoints of one number each, and what resumes from them."""
    variable = tf.Variable(0)
    checkpoint = tf.train.Checkpoint(variable=variable)
    run = run_directory.RunDirectory(path)
    saver = run.checkpoints(checkpoint)
    for number in numbers:
        variable.assign(number)
        saver.save(checkpoint_number=number)
    variable.assign(-1)
    return run, checkpoint, variable


def _cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def test_a_run_without_checkpoints_begins(tmp_path):
    run, checkpoint, variable = _saved(tmp_path)
    assert run.resume(checkpoint) is None and variable.numpy() == -1


def test_the_last_checkpoint_is_resumed_from_without_the_state_file(tmp_path):
    run, checkpoint, variable = _saved(tmp_path, [4, 6])
    (tmp_path / "checkpoints" / "checkpoint").unlink()
    assert run.resume(checkpoint) == str(tmp_path / "checkpoints" / "ckpt-6")
    assert variable.numpy() == 6
    assert run.checkpoint_path() == str(tmp_path / "checkpoints" / "ckpt-6")


def test_a_damaged_last_checkpoint_falls_back_to_those_before(tmp_path, caplog):
    run, checkpoint, variable = _saved(tmp_path, [1, 2, 4, 6])
    with caplog.at_level("WARNING", logger="absl"):
        _cut(tmp_path / "checkpoints" / "ckpt-6.data-00000-of-00001")
        run.resume(checkpoint)
        assert variable.numpy() == 4 and "ckpt-6" in caplog.text
        _cut(tmp_path / "checkpoints" / "ckpt-4.index")
        run.resume(checkpoint)
        assert variable.numpy() == 2 and "ckpt-4" in caplog.text
    _cut(tmp_path / "checkpoints" / "ckpt-2.index")
    for read in (run.checkpoint_path, lambda: run.resume(checkpoint)):
        with pytest.raises(ValueError, match="ckpt-6 .*ckpt-4 .*ckpt-2 "):
            read()


# ---- what became of it ---------------------------------------------------------------------------


def test_the_end_is_noted_once_and_over_a_damaged_note(tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    run.mark_done(3, 24)
    path = tmp_path / "done.json"
    os.utime(path, (1, 1))
    run.mark_done(3, 24)
    assert path.stat().st_mtime == 1  # what was made after it stays newer
    path.write_text('{"steps": 3, "im')
    run.mark_done(4, 32)
    assert json.loads(path.read_text()) == {"steps": 4, "images": 32}


def test_how_many_images_a_training_took_is_told(tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    assert run.images() is None
    run.mark_done(3, 24)
    assert run.images() == 24
