"""Checkpoints on disk: found by their files, read past damaged ones, in folders of any name.

TensorFlow's own manager asks a text file beside the checkpoints which there are, and takes paths for
patterns: it finds nothing where that file is gone or the path holds brackets, and removes what the
pattern matches. Here the files tell, and TensorFlow is given paths that are no patterns.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import tempfile
from collections.abc import Iterator, Sequence

import tensorflow as tf
from absl import logging

from igc_tf import disk
from igc_tf.paths import is_pattern

_PREFIX = "ckpt"
_INDEX = re.compile(rf"{_PREFIX}-(\d+)\.index")
#: What TensorFlow raises of a checkpoint of other objects, or of a damaged one (IndexError: cut short).
_UNREADABLE = (AssertionError, ValueError, IndexError, RuntimeError, tf.errors.OpError)


class Checkpoints:
    """Writes the checkpoints of one folder and keeps the newest."""

    def __init__(self, checkpoint: tf.train.Checkpoint, folder: pathlib.Path, keep: int):
        """Writes `checkpoint` to `folder`, which is made with the first; keeps `keep` of them."""
        self.checkpoint = checkpoint
        self.folder = folder
        self.keep = keep
        checkpoint.save_counter  # noqa: B018 - is made when it is asked for; every checkpoint holds it

    def save(self, checkpoint_number: int) -> None:
        """Writes one. Then those before the `keep` newest go, and those of a later number, which a
        training that began again before them leaves behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _plain(self.folder) as folder:
            self.checkpoint.write(str(folder / f"{_PREFIX}-{checkpoint_number}"))
        numbers = _numbers(self.folder)
        earlier = [number for number in numbers if number < checkpoint_number]
        kept = {checkpoint_number, *earlier[: self.keep - 1]}
        self._note(sorted(kept))
        for number in set(numbers) - kept:
            _remove(self.folder, number)

    def _note(self, numbers: Sequence[int]) -> None:
        """Writes the text file, for `tf.train.latest_checkpoint` and other tools."""
        names = [f"{_PREFIX}-{number}" for number in numbers]
        lines = [f'model_checkpoint_path: "{names[-1]}"']
        lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
        disk.write_text(self.folder / "checkpoint", "\n".join(lines) + "\n")


def newest(folder: pathlib.Path) -> str:
    """Prefix of the newest checkpoint in a folder that can be read whole; logs which could not.

    Raises:
      FileNotFoundError: there is none at all.
      ValueError: none can be read; each is named with the reason.
    """
    damaged: list[str] = []
    for number in _numbers(folder):
        prefix = folder / f"{_PREFIX}-{number}"
        why = _damage(prefix)
        if why is None:
            for line in damaged:
                logging.warning("Damaged: %s. The checkpoint before it is used, %s.", line, prefix)
            return str(prefix)
        damaged.append(f"{prefix} ({why})")
    if damaged:
        raise ValueError(
            f"No checkpoint in {folder} can be read: {'; '.join(damaged)}. Restore the files from "
            "another copy."
        )
    raise FileNotFoundError(f"{folder} holds no checkpoint.")


def number_of(prefix: str) -> int:
    """The number in a checkpoint's name: steps trained."""
    return int(prefix.rsplit("-", 1)[1])


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
    file = pathlib.Path(path)
    try:
        with _plain(file.parent) as folder:
            status = checkpoint.restore(str(folder / file.name))
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


def _numbers(folder: pathlib.Path) -> list[int]:
    """Of the checkpoints in a folder, highest first. TensorFlow writes the index last."""
    if not folder.is_dir():
        return []
    found = (_INDEX.fullmatch(path.name) for path in folder.iterdir())
    return sorted((int(match[1]) for match in found if match), reverse=True)


def _remove(folder: pathlib.Path, number: int) -> None:
    """Removes a checkpoint's files, the index first: what is half gone is no checkpoint."""
    name = f"{_PREFIX}-{number}"
    (folder / f"{name}.index").unlink(missing_ok=True)
    for path in list(folder.iterdir()):
        if path.name.startswith(f"{name}.data-"):
            path.unlink(missing_ok=True)


def _damage(prefix: pathlib.Path) -> str | None:
    """Why a checkpoint cannot be read whole; None if it can. Every value has a check sum."""
    try:
        with _plain(prefix.parent) as folder:
            reader = tf.train.load_checkpoint(str(folder / prefix.name))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
    except _UNREADABLE as error:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    return None


@contextlib.contextmanager
def _plain(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path of a folder that is no pattern: its own, or a link to it that goes afterwards."""
    if not is_pattern(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="igc_tf-") as place:
        link = pathlib.Path(place) / "folder"
        link.symlink_to(folder.resolve(), target_is_directory=True)
        yield link
