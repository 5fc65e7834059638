"""Any folder of photos: found recursively, cropped, split by a hash of their path."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from absl import logging

from igc_tf.config import DataConfig
from igc_tf.datasets import crops, image_store, labels, reading

SPLITS = ("train", "validation", "test")
#: In place of a split: every photo, for a folder that is only measured on.
ALL = "all"


def split_of(path: pathlib.PurePath, test_fraction: float) -> str:
    """The split a photo belongs to, from a hash of its relative path alone.

    So the splits stay the same when photos are added, and are the same on every machine. The
    validation split is a tenth of the test fraction, at least 1 %.
    """
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < test_fraction:
        return "test"
    if position < test_fraction + shares(test_fraction)["validation"]:
        return "validation"
    return "train"


def shares(test_fraction: float) -> dict[str, float]:
    """Which part of the photos each split gets, in the long run."""
    validation = max(0.01, test_fraction / 10)
    train = max(1 - test_fraction - validation, 0.0)
    return {"train": train, "validation": validation, "test": test_fraction}


def open_split(data: DataConfig, image_size: int, split: str) -> image_store.ImageStore:
    """The photos of one split, cropped and resized; made once, kept in the cache.

    Photos that cannot be read or cut are left out, counted and named in the log; so are folders and links
    that were not looked into, once.

    Args:
      data: the folder, and how its photos are cut. `crop=landmarks` reads the folder's labels.csv.
      image_size: side of the pictures, px.
      split: one of `SPLITS`, or `ALL`.

    Raises:
      FileNotFoundError, ValueError: no folder, no photos, none readable, an unknown split.
    """
    if split not in (*SPLITS, ALL):
        raise ValueError(f"split={split!r}: it must be one of {', '.join(SPLITS)}.")
    folder = pathlib.Path(data.data_dir)
    found = reading.search(folder)
    if found.left_out:
        _warn_once(
            f"Not looked into, in {reading.shown(folder)}:"
            + "".join(f"\n  {reading.shown(name)}: {why}" for name, why in found.left_out.items())
        )
    chosen = [path for path in found.photos if split in (ALL, split_of(path, data.test_fraction))]
    if not chosen:
        raise ValueError(_too_few(folder, len(found.photos), data.test_fraction, split))
    crops.require(data)
    anchors = labels.read_anchors(folder) if data.crop == "landmarks" else {}
    store = image_store.open_or_build(
        f"photo_folder-{_key(folder, split, data, image_size)}",
        image_size,
        len(chosen),
        lambda: _pictures(folder, chosen, data, image_size, anchors),
        {path.as_posix(): _stamp(folder / path, anchors.get(path.as_posix())) for path in chosen},
    )
    if store.skipped:
        logging.warning("%s", left_out(store, split))
    return store


@functools.cache
def _warn_once(message: str) -> None:
    """Every split of a folder has the same to say."""
    logging.warning("%s", message)


def _too_few(folder: pathlib.Path, count: int, test_fraction: float, split: str) -> str:
    share = shares(test_fraction)[split]
    needed = f"about {int(np.ceil(3 / share))} are needed" if share else "no number is enough"
    helps = {
        "train": "A smaller --test_fraction makes it larger; "
        "tools.evaluate --fit_data_dir=OTHERS fits on another folder",
        "validation": "A larger --test_fraction makes it larger",
        "test": "A larger --test_fraction makes it larger; "
        "tools.evaluate --whole_folder measures on all photos",
    }[split]
    return (
        f"--data_dir={folder} has too few photos: none of its {count} fell into the {split} split, which "
        f"gets {100 * share:.3g} % of them by chance: {needed}. {helps}."
    )


def left_out(store: image_store.ImageStore, split: str) -> str:
    """Which photos of a split are not in its store and why, a line each."""
    return "\n".join(
        [
            f"{len(store.skipped)} of {len(store.skipped) + len(store.names)} photos of the {split} "
            "split could not be read or cut and are left out:",
            *(f"  {reading.shown(name)}: {why}" for name, why in store.skipped.items()),
        ]
    )


def _pictures(
    folder: pathlib.Path,
    paths: list[pathlib.Path],
    data: DataConfig,
    size: int,
    anchors: dict[str, np.ndarray],
) -> Iterator[tuple[str, image_store.Source]]:
    from rich.progress import track

    for path in track(paths, f"Reading {len(paths):,} photos", transient=True):
        name = path.as_posix()
        marks = crops.Marks(anchors.get(name))
        yield name, functools.partial(_picture, folder / path, data, size, marks)


def _picture(
    path: pathlib.Path, data: DataConfig, size: int, marks: crops.Marks
) -> image_store.Crop | str:
    try:
        return crops.crop(reading.read_photo(path), data, size, marks)
    except (ValueError, FileNotFoundError) as error:
        return str(error)


def _stamp(path: pathlib.Path, anchors: np.ndarray | None) -> str:
    """Changes with the file's size, time and permission, and with its landmarks."""
    marks = "" if anchors is None else f" {anchors.tolist()}"
    try:
        status = path.stat()
    except OSError as error:  # its reading will say so
        return f"{error.strerror}{marks}"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_mode:o}{marks}"


def _key(folder: pathlib.Path, split: str, data: DataConfig, size: int) -> str:
    """The folder, the split, the crop, the size and how photos are read; they have stamps."""
    key = (
        str(folder.resolve()), split, data.test_fraction, size, crops.fingerprint(data), reading.VERSION,
    )  # fmt: skip
    return hashlib.sha256(repr(key).encode("utf-8", "surrogateescape")).hexdigest()[:20]
