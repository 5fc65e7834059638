"""A flat file of equally sized pictures, memory-mapped: the form every data set is trained from.

Photos are decoded, cropped and resized once; from then on any picture is reached in constant time, which
makes a full shuffle, an exact resume and data sets larger than memory the same simple code.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from igc_tf.cache import cache_dir


class ImageStore(NamedTuple):
    """The pictures of one split."""

    images: np.ndarray  #: [N, S, S, 3] uint8, memory-mapped, read-only
    names: list[str]  #: N, what each picture was made from
    skipped: dict[str, str]  #: what could not be read, and why


def open_or_build(
    key: str, size: int, count: int, pictures: Callable[[], Iterable[tuple[str, np.ndarray | str]]]
) -> ImageStore:
    """Opens the store called `key`; builds it first where it is not there.

    Args:
      key: file name of the store; the same key must always mean the same pictures.
      size: side of the pictures, px.
      count: how many pictures there are at most.
      pictures: makes an iterable of (name, `[size, size, 3]` uint8), or (name, why it is unreadable).

    Returns:
      The store.

    Raises:
      ValueError: not one picture could be read.
      OSError: the disk is full; nothing is left behind.
    """
    folder = cache_dir() / "images" / key
    if not (folder / "store.json").is_file():
        _build(folder, size, count, pictures())
    described = json.loads((folder / "store.json").read_text())
    images = np.load(folder / "images.npy", mmap_mode="r")
    names = described["names"]
    return ImageStore(images[: len(names)], names, described["skipped"])


def _build(
    folder: pathlib.Path,
    size: int,
    count: int,
    pictures: Iterable[tuple[str, np.ndarray | str]],
) -> None:
    """Writes aside, then renames: a store is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"images.{os.getpid()}.partial"
    try:
        images = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.uint8, shape=(max(count, 1), size, size, 3)
        )
        names: list[str] = []
        skipped: dict[str, str] = {}
        for name, picture in pictures:
            if isinstance(picture, str):
                skipped[name] = picture
            else:
                images[len(names)] = picture
                names.append(name)
        if not names:
            example = next(iter(skipped.items()), None)
            detail = f", e.g. {example[0]}: {example[1]}" if example else ""
            raise ValueError(
                f"Not one picture could be read ({len(skipped)} were tried{detail}). Give a folder "
                "with JPEG or PNG photos."
            )
        images.flush()
        del images
        partial.replace(folder / "images.npy")
    finally:
        partial.unlink(missing_ok=True)
    described = folder / f"store.{os.getpid()}.partial"
    described.write_text(json.dumps({"names": names, "skipped": skipped}))
    described.replace(folder / "store.json")
