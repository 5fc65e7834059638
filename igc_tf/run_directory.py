"""A run directory: its configuration and checkpoints, and how to come back to them.

run_dir/
  flags.json              the complete configuration; the run has begun once it is there
  photos.json             how many pictures each split has, and a digest of their names
  environment.json        commit, Python and packages, an entry for each start that changed them
  checkpoints/            the last checkpoints, with optimizer and step: what training resumes from
  events.out.tfevents...  for TensorBoard
  done.json               steps and images, written when training reached its end
  lock                    held by the process that trains the run
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pathlib
import platform
import socket
from collections.abc import Mapping
from typing import Any, TextIO

import tensorflow as tf
from absl import logging

from igc_tf import config as config_lib
from igc_tf import disk, igc_net, precision, provenance
from igc_tf.checkpoints import Checkpoints, newest, restore
from igc_tf.config import Config
from igc_tf.datasets.image_store import ImageStore

DONE_FILE = "done.json"
PHOTOS_FILE = "photos.json"
ENVIRONMENT_FILE = "environment.json"
LOCK_FILE = "lock"
CHECKPOINTS = "checkpoints"


class ConfigurationMismatch(ValueError):
    """A run directory was made with another configuration, or with other photos."""


class InUse(ValueError):
    """Another process trains the run."""


class RunDirectory:
    """One training run on disk."""

    def __init__(self, path: str | pathlib.Path):
        """Names the directory; touches nothing."""
        self.path = pathlib.Path(path)
        self._lock: TextIO | None = None

    # ---- who may train it ------------------------------------------------------------------------

    def lock(self) -> None:
        """Makes the directory, and this process the only one that trains it, until `unlock` or its end.

        Raises:
          InUse: another process trains it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = open(self.path / LOCK_FILE, "a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            who = lock.read().strip() or "another process"
            lock.close()
            raise InUse(
                f"{self.path} is being trained by {who}. Wait for its end or stop it, or give another "
                "--run_dir."
            ) from error
        except OSError as error:  # some network file systems have no locks
            logging.warning(
                "%s cannot be locked (%s): let no second training run in it.", self.path, error
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        self._lock = lock

    def unlock(self) -> None:
        """Lets others train the run."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # ---- what it is ------------------------------------------------------------------------------

    def resolve(self, config: Config) -> Config:
        """Checks that the run may be begun or continued with `config`; writes nothing.

        Returns:
          `config`, with the precision that the run began with, or now begins with, in place of 'auto'.

        Raises:
          ConfigurationMismatch: the run was made with another configuration; all differences are
            listed.
        """
        chosen = config.training.precision
        if self._begun():
            begun = config_lib.load(self.path)
            differing = config_lib.differences(config, begun)
            if differing:
                raise ConfigurationMismatch(
                    f"{self.path} holds a run with another configuration:\n  "
                    + "\n  ".join(differing)
                    + "\nContinue it with its own flags, or give another --run_dir."
                )
            chosen = begun.training.precision
        return config.replace(precision=precision.resolve(chosen))

    def compare_photos(self, splits: Mapping[str, ImageStore]) -> None:
        """Checks that the run goes on with the pictures it began with; writes nothing.

        Raises:
          ConfigurationMismatch: there are others now. Nothing is lost by that, while going on with an
            unfinished copy or another folder would soon write over the run's last checkpoints.
        """
        path = self.path / PHOTOS_FILE
        if not self._begun() or not path.is_file():
            return
        begun, now = _read_json(path), _digests(splits)
        differing = [
            f"{split}: {begun[split]['pictures']} pictures in the run, {now[split]['pictures']} now"
            + (", of other names" if begun[split]["pictures"] == now[split]["pictures"] else "")
            for split in now
            if split in begun and begun[split] != now[split]
        ]
        if differing:
            raise ConfigurationMismatch(
                f"The photos are no longer those that {self.path} began with:\n  "
                + "\n  ".join(differing)
                + f"\nBring them back; or remove {path}, and the run goes on with these; or begin a new "
                f"run with its weights, --init_from={self.path}."
            )

    def begin(self, config: Config, splits: Mapping[str, ImageStore], step: int) -> None:
        """Writes down what the run is made of, from `step` on; flags.json last: then it has begun.

        Args:
          config: as `settle` returned it.
          splits: the pictures of each split.
          step: that it begins or goes on at.
        """
        _write_json(self.path / PHOTOS_FILE, _digests(splits))
        path = self.path / ENVIRONMENT_FILE
        entries = _read_json(path) if self._begun() and path.is_file() else []
        made_with = {
            "commit": provenance.commit(),
            "python": platform.python_version(),
            "packages": provenance.packages(),
        }
        if not entries or entries[-1] != {"step": entries[-1]["step"], **made_with}:
            _write_json(path, [*entries, {"step": step, **made_with}])
        config_lib.save(config, self.path)

    def _begun(self) -> bool:
        return (self.path / config_lib.FILE_NAME).is_file()

    # ---- checkpoints -----------------------------------------------------------------------------

    def checkpoints(self, checkpoint: tf.train.Checkpoint) -> Checkpoints:
        """What writes the last checkpoints, three of them."""
        return Checkpoints(checkpoint, self.path / CHECKPOINTS, keep=3)

    def checkpoint_path(self) -> str:
        """Prefix of the newest checkpoint that can be read.

        Raises:
          FileNotFoundError: the run has none.
          ValueError: none can be read.
        """
        try:
            return newest(self.path / CHECKPOINTS)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error} Train this run first, with tools.train --run_dir={self.path}."
            ) from error

    def resume(self, checkpoint: tf.train.Checkpoint) -> str | None:
        """Restores the newest checkpoint that can be read.

        Returns:
          Its prefix; None if the run has no checkpoint yet.

        Raises:
          ValueError: the run has checkpoints, and none can be read, or it does not fit.
        """
        try:
            path = newest(self.path / CHECKPOINTS)
        except FileNotFoundError:
            return None
        restore(checkpoint, path)
        return path

    # ---- what became of it -----------------------------------------------------------------------

    def mark_done(self, steps: int, images: int) -> None:
        """Notes that training reached its end; the file is left alone if it says so already."""
        path = self.path / DONE_FILE
        content = json.dumps({"steps": steps, "images": images}) + "\n"
        if not path.is_file() or path.read_text() != content:
            disk.write_text(path, content)

    def images(self) -> int | None:
        """How many images the run was trained on to its end; None if it has not reached it."""
        path = self.path / DONE_FILE
        return _read_json(path)["images"] if path.is_file() else None


def load_model(
    run_dir: str | pathlib.Path, rasterizer: str | None = None
) -> tuple[Config, igc_net.IGCNet]:
    """The trained model of a run.

    Args:
      run_dir: the run's directory.
      rasterizer: a backend in place of the run's own.

    Returns:
      (configuration, model with restored weights).

    Raises:
      FileNotFoundError: no run, or no checkpoint in it.
      ValueError: no checkpoint can be read, or it does not fit the configuration.
    """
    config = config_lib.load(run_dir)
    if rasterizer is not None:
        config = config.replace(rasterizer=rasterizer)
    path = RunDirectory(run_dir).checkpoint_path()
    model = igc_net.build(config)
    restore_weights(model, path)
    return config, model


def restore_weights(model: tf.keras.Model, path: str) -> None:
    """Restores every weight of a model from a training checkpoint, and nothing else of it.

    Raises:
      ValueError: see `restore`.
    """
    restore(tf.train.Checkpoint(model=model), path, partly=True)


def _digests(splits: Mapping[str, ImageStore]) -> dict[str, dict[str, Any]]:
    """How many pictures each split has, and the SHA-256 of their names in order."""
    return {
        split: {
            "pictures": len(store.names),
            "names_sha256": hashlib.sha256(
                "\0".join(store.names).encode("utf-8", "surrogateescape")
            ).hexdigest(),
        }
        for split, store in splits.items()
    }


def _read_json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); remove it.") from error


def _write_json(path: pathlib.Path, content: Any) -> None:
    disk.write_text(path, json.dumps(content, indent=2) + "\n")
