"""A run directory keeps its configuration, refuses another, and names what is missing."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.training import run_directory


def _checkpointed(config, path):
    model = igc_net.build(config)
    run = run_directory.RunDirectory(path)
    run.open(config)
    last, _ = run.managers(tf.train.Checkpoint(model=model))
    last.save(checkpoint_number=7)
    return model


def test_open_writes_the_complete_configuration(tiny, tmp_path):
    run_directory.RunDirectory(tmp_path / "run").open(tiny)
    written = json.loads((tmp_path / "run" / "flags.json").read_text())
    assert written == tiny.flat()
    assert config_lib.load(tmp_path / "run") == tiny


def test_another_configuration_is_refused_with_every_difference(tiny, tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    run.open(tiny)
    with pytest.raises(run_directory.ConfigurationMismatch) as caught:
        run.open(tiny.replace(parts=4, learning_rate=0.5))
    assert "--parts: 3 in the run, 4 now" in str(caught.value)
    assert "--learning_rate: 0.0001 in the run, 0.5 now" in str(caught.value)
    assert config_lib.load(tmp_path) == tiny  # untouched


def test_a_longer_training_of_the_same_run_is_allowed(tiny, tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    run.open(tiny)
    longer = tiny.replace(train_images=10 * tiny.training.train_images)
    assert run.open(longer) == longer


def test_load_model_restores_every_weight(tiny, tmp_path):
    model = _checkpointed(tiny, tmp_path)
    config, loaded = run_directory.load_model(tmp_path, rasterizer="tensorflow")
    assert config.model.rasterizer == "tensorflow"
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_checkpoint_of_another_architecture_is_an_error(tiny, tmp_path):
    _checkpointed(tiny, tmp_path)
    config_lib.save(tiny.replace(encoder_channels=4), tmp_path)
    with pytest.raises(ValueError, match="does not fit the configuration"):
        run_directory.load_model(tmp_path)


def test_missing_weights_are_an_error(tiny, tmp_path):
    bare = run_directory.RunDirectory(tmp_path)
    bare.open(tiny)
    last, _ = bare.managers(tf.train.Checkpoint(model=tf.keras.layers.Dense(1)))
    last.save()
    with pytest.raises(ValueError, match="does not fit the configuration"):
        run_directory.load_model(tmp_path)


def test_what_is_missing_is_named(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="flags.json is missing"):
        run_directory.load_model(tmp_path / "nothing")
    run_directory.RunDirectory(tmp_path).open(tiny)
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        run_directory.load_model(tmp_path)
    with pytest.raises(ValueError, match="'last' or 'best'"):
        run_directory.load_model(tmp_path, "newest")


def test_what_a_training_took_is_told(tmp_path):
    run = run_directory.RunDirectory(tmp_path)
    assert run.images() is None and run.seconds() is None
    run.mark_done(3, 24)
    assert run.images() == 24
    for start, end in ((100.0, 160.0), (1000.0, 1030.5)):  # stopped, and continued later
        with tf.io.TFRecordWriter(str(tmp_path / f"events.out.tfevents.{start:.0f}")) as writer:
            for moment in (start, start + 5, end):
                writer.write(event_pb2.Event(wall_time=moment).SerializeToString())
    assert run.seconds() == pytest.approx(90.5)
