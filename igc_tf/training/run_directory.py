"""A run directory: its configuration, checkpoints, best and last, and how to come back to them.

run_dir/
  flags.json              the complete configuration
  checkpoints/            the last checkpoints, with optimizer and step: what training resumes from
  best/                   the checkpoint with the lowest validation L1
  events.out.tfevents...  for TensorBoard
  done.json               steps and images, written when training reached its end
"""

from __future__ import annotations

import json
import pathlib

import tensorflow as tf
from tensorboard.backend.event_processing import event_file_loader

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.config import Config
from igc_tf.training import precision

DONE_FILE = "done.json"
#: What TensorFlow raises of a checkpoint of other objects, or of a damaged one (IndexError: cut short).
_UNREADABLE = (AssertionError, ValueError, IndexError, tf.errors.OpError)


class ConfigurationMismatch(ValueError):
    """A run directory was made with another configuration."""


class RunDirectory:
    """One training run on disk."""

    def __init__(self, path: str | pathlib.Path):
        """Names the directory; touches nothing."""
        self.path = pathlib.Path(path)

    def open(self, config: Config) -> Config:
        """Starts the run, or checks that it may be continued with `config`.

        Returns:
          `config`, with the precision that the run began with, or now begins with, in place of
          'auto'. It is now in flags.json.

        Raises:
          ConfigurationMismatch: the run was made with another configuration; all differences are
            listed.
        """
        chosen = config.training.precision
        if (self.path / config_lib.FILE_NAME).is_file():
            begun = config_lib.load(self.path)
            differing = config_lib.differences(config, begun)
            if differing:
                raise ConfigurationMismatch(
                    f"{self.path} holds a run with another configuration:\n  "
                    + "\n  ".join(differing)
                    + "\nContinue it with its own flags, or give another --run_dir."
                )
            chosen = begun.training.precision
        config = config.replace(precision=precision.settle(chosen))
        self.path.mkdir(parents=True, exist_ok=True)
        config_lib.save(config, self.path)
        return config

    def managers(self, checkpoint: tf.train.Checkpoint):
        """CheckpointManagers of the last two and of the best checkpoint."""
        last = tf.train.CheckpointManager(checkpoint, str(self.path / "checkpoints"), max_to_keep=2)
        best = tf.train.CheckpointManager(checkpoint, str(self.path / "best"), max_to_keep=1)
        return last, best

    def mark_done(self, steps: int, images: int) -> None:
        """Notes that training reached its end."""
        content = json.dumps({"steps": steps, "images": images}) + "\n"
        (self.path / DONE_FILE).write_text(content)

    def images(self) -> int | None:
        """How many images the run was trained on to its end; None if it has not reached it."""
        path = self.path / DONE_FILE
        return json.loads(path.read_text())["images"] if path.is_file() else None

    def seconds(self) -> float | None:
        """Wall-clock time of its training: from first to last event of each of its event files.

        None if there are no event files. What a paused process waited counts; the time between a
        stop and the start that went on does not.
        """
        total = 0.0
        for path in self.path.glob("events.out.tfevents.*"):
            times = [
                event.wall_time for event in event_file_loader.EventFileLoader(str(path)).Load()
            ]
            total += max(times, default=0.0) - min(times, default=0.0)
        return total or None

    def checkpoint_path(self, which: str = "last") -> str:
        """Prefix of the newest checkpoint.

        Args:
          which: 'last' or 'best'.

        Raises:
          FileNotFoundError: the run has none.
          ValueError: another `which`.
        """
        folders = {"last": "checkpoints", "best": "best"}
        if which not in folders:
            raise ValueError(f"checkpoint={which!r}: it must be 'last' or 'best'.")
        found = tf.train.latest_checkpoint(str(self.path / folders[which]))
        if found is None:
            raise FileNotFoundError(
                f"{self.path / folders[which]} holds no checkpoint: train this run first, with "
                f"tools.train --run_dir={self.path}."
            )
        return found


def load_model(
    run_dir: str | pathlib.Path, which: str = "last", rasterizer: str | None = None
) -> tuple[Config, igc_net.IGCNet]:
    """The trained model of a run.

    Args:
      run_dir: the run's directory.
      which: its 'last' or 'best' checkpoint.
      rasterizer: a backend in place of the run's own.

    Returns:
      (configuration, model with restored weights).

    Raises:
      FileNotFoundError: no run, or no checkpoint in it.
      ValueError: the checkpoint does not fit the configuration.
    """
    config = config_lib.load(run_dir)
    if rasterizer is not None:
        config = config.replace(rasterizer=rasterizer)
    path = RunDirectory(run_dir).checkpoint_path(which)
    model = igc_net.build(config)
    restore_weights(model, path)
    return config, model


def restore_weights(model: tf.keras.Model, path: str) -> None:
    """Restores every weight of a model from a training checkpoint, and nothing else of it.

    Raises:
      ValueError: see `restore`.
    """
    restore(tf.train.Checkpoint(model=model), path, partly=True)


def restore(checkpoint: tf.train.Checkpoint, path: str, partly: bool = False) -> None:
    """Restores all objects of `checkpoint`.

    Args:
      checkpoint: what to restore, its variables made.
      path: prefix of the file.
      partly: the file may hold more than that.

    Raises:
      ValueError: the file lacks one of the objects' values, has one of another shape, or holds
        more though not `partly`, or is damaged.
    """
    try:
        status = checkpoint.restore(path)
        status.assert_existing_objects_matched()
        if partly:
            status.expect_partial()
        else:
            status.assert_consumed()
    except _UNREADABLE as error:
        raise ValueError(
            f"The checkpoint {path} does not fit the configuration beside it; it was written by "
            f"another version or is damaged: {error}"
        ) from error
