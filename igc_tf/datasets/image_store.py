"""A flat file of equally sized pictures, memory-mapped: the form every data set is trained from.

Photos are decoded, cropped and resized once; from then on any picture is reached in constant time, which
makes a full shuffle, an exact resume and data sets larger than memory the same simple code.

A store keeps a manifest of what it was made from. A build that was stopped goes on where it was, and
when photos are added or changed only those are read. On disk, under the key:

  images-<token>.npy      [capacity, S, S, 3] uint8
  placements-<token>.npy  [N, 2, 3] float64
  store.json              the manifest: names, stamps, what was left out and why
  partial.npy, journal.jsonl   a build that has not ended

What is damaged, as by a full disk or a copy that was stopped, is made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import pathlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from absl import logging

from igc_tf import disk, parallel
from igc_tf.cache import cache_dir

#: Below the cache folder; its number changes with the form of what is kept, so that no version of igc_tf
#: opens another one's stores.
_FOLDER = "images-2"


class Crop(NamedTuple):
    """A picture, and where the photo's points lie in it."""

    image: np.ndarray  #: [S, S, 3] uint8
    transform: (
        np.ndarray
    )  #: [2, 3]: (x, y) px of the picture = transform @ (x, y, 1) px of the photo


class ImageStore(NamedTuple):
    """The pictures of one split."""

    images: np.ndarray  #: [N, S, S, 3] uint8, memory-mapped, read-only
    names: list[str]  #: N, what each picture was made from
    skipped: dict[str, str]  #: what was left out, and why
    transforms: np.ndarray  #: [N, 2, 3], see `Crop`


#: What a picture may be: made (as it is, or with its crop transform), or why it cannot be, or how to
#: make it.
Picture = np.ndarray | Crop | str
Source = Picture | Callable[[], Picture]


def open_or_build(
    key: str,
    size: int,
    count: int,
    pictures: Callable[[], Iterable[tuple[str, Source]]],
    stamps: Mapping[str, str] | None = None,
) -> ImageStore:
    """Opens the store called `key`; builds it first where it is not there, or goes on building it.

    Args:
      key: folder name of the store; the same key must always mean the same pictures, but for what
        `stamps` tells.
      size: side of the pictures, px.
      count: how many pictures there are at most.
      pictures: makes an iterable of (name, picture) in a fixed order; names are unique. A picture that
        is a function is called, several at a time, only where the store does not hold it yet.
      stamps: for each name what changes when its picture does; None where pictures never change.

    Returns:
      The store.

    Raises:
      ValueError: not one picture could be read.
      OSError: the disk is full.
    """
    folder = cache_dir() / _FOLDER / key
    kept = _kept(folder)
    if kept is None or stamps is not None and kept.stamps != stamps:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            kept = _kept(folder)  # another process may have built it meanwhile
            if kept is None or stamps is not None and kept.stamps != stamps:
                if kept is None and (folder / "store.json").exists():
                    logging.warning("The cache %s is damaged, and is made again.", folder)
                _build(folder, size, count, pictures(), stamps, kept)
                kept = _kept(folder)
                if kept is None:
                    raise OSError(f"The cache {folder} was written and cannot be read.")
    return kept.store


class _Kept(NamedTuple):
    """A store that is there whole."""

    store: ImageStore
    stamps: dict[str, str] | None


def _kept(folder: pathlib.Path) -> _Kept | None:
    """The store of a folder; None if there is none, or it is damaged."""
    try:
        described = json.loads((folder / "store.json").read_text())
        names, token = described["names"], described["token"]
        images = np.load(folder / f"images-{token}.npy", mmap_mode="r")[: len(names)]
        transforms = np.load(folder / f"placements-{token}.npy")
        store = ImageStore(images, names, described["skipped"], transforms)
        whole = len(names) == len(images) == len(transforms)
        return _Kept(store, described["stamps"]) if whole else None
    except (FileNotFoundError, ValueError, EOFError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """One builder at a time; the lock goes with the process."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Entry(NamedTuple):
    """A line of the journal."""

    name: str
    stamp: str | None
    why: str | None  #: it was left out
    transform: list | None


def _build(
    folder: pathlib.Path,
    size: int,
    count: int,
    pictures: Iterable[tuple[str, Source]],
    stamps: Mapping[str, str] | None,
    kept: _Kept | None,
) -> None:
    """Writes aside, then renames: a store is there whole or not at all.

    Pictures of `kept` whose stamps are the same are taken from it.
    """
    partial, journal = folder / "partial.npy", folder / "journal.jsonl"
    images, entries = _resumed(partial, journal, (max(count, 1), size, size, 3))
    rows = sum(entry.why is None for entry in entries)
    done = {entry.name: entry.stamp for entry in entries}
    old = _known(kept)
    stamp_of = (stamps or {}).get
    if any(stamp_of(name) != stamp for name, stamp in done.items()):
        images, entries, rows, done = _fresh(partial, journal, images.shape), [], 0, {}
    wanted = ((name, source) for name, source in pictures if name not in done)
    with open(journal, "a") as lines:
        for name, source in _made(wanted, old, stamp_of):
            if isinstance(source, str):
                entry = _Entry(name, stamp_of(name), source, None)
            else:
                crop = source if isinstance(source, Crop) else Crop(source, np.eye(2, 3))
                images[rows] = crop.image
                rows += 1
                entry = _Entry(name, stamp_of(name), None, np.asarray(crop.transform).tolist())
            entries.append(entry)
            lines.write(json.dumps(entry) + "\n")
            lines.flush()
    images.flush()
    del images
    _finish(folder, partial, journal, entries, stamps)


def _finish(
    folder: pathlib.Path,
    partial: pathlib.Path,
    journal: pathlib.Path,
    entries: list[_Entry],
    stamps: Mapping[str, str] | None,
) -> None:
    """Makes the partial files the store, and removes what it replaces."""
    good = [entry for entry in entries if entry.why is None]
    skipped = {entry.name: entry.why for entry in entries if entry.why is not None}
    if not good:
        for path in (partial, journal):
            path.unlink(missing_ok=True)
        example = next(iter(skipped.items()), None)
        detail = f", e.g. {example[0]}: {example[1]}" if example else ""
        raise ValueError(
            f"Not one picture could be read ({len(skipped)} were tried{detail}). Give "
            "readable photos, or another --crop where they cannot be cut."
        )
    token = secrets.token_hex(4)
    np.save(folder / f"placements-{token}.npy", np.array([entry.transform for entry in good]))
    partial.replace(folder / f"images-{token}.npy")
    names = [entry.name for entry in good]
    content = {
        "token": token,
        "names": names,
        "skipped": skipped,
        "stamps": stamps and dict(stamps),
    }
    disk.write_text(folder / "store.json", json.dumps(content))
    journal.unlink()
    for path in folder.glob("*-*.npy"):
        if token not in path.name:
            path.unlink()


def _resumed(
    partial: pathlib.Path, journal: pathlib.Path, shape: tuple[int, ...]
) -> tuple[np.memmap, list[_Entry]]:
    """The pictures and entries of a build that was stopped; empty ones if there was none."""
    if partial.is_file() and journal.is_file():
        # Damaged, as by a crash of the machine: begin anew.
        with contextlib.suppress(ValueError, EOFError, TypeError):
            np.load(
                partial, mmap_mode="r"
            )  # opened for writing, a cut file would grow black pictures
            images = np.lib.format.open_memmap(partial, mode="r+")
            if images.shape == shape and images.dtype == np.uint8:
                text = journal.read_text()
                whole = text[: text.rfind("\n") + 1]  # the last line may be torn
                entries = [_Entry(*json.loads(line)) for line in whole.splitlines()]
                journal.write_text(whole)
                return images, entries
    return _fresh(partial, journal, shape), []


def _fresh(partial: pathlib.Path, journal: pathlib.Path, shape: tuple[int, ...]) -> np.memmap:
    journal.unlink(missing_ok=True)
    images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
    try:  # all of its blocks now: a full disk would end the process later, without a word
        with open(partial, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
    except OSError:
        partial.unlink()
        raise
    return images


def _known(kept: _Kept | None) -> dict[str, tuple[str, Picture]]:
    """(stamp, picture) of each photo of the store that is replaced."""
    if kept is None or kept.stamps is None:
        return {}
    store, stamps = kept.store, kept.stamps
    known: dict[str, tuple[str, Picture]] = {}
    for name, why in store.skipped.items():
        known[name] = stamps[name], why
    for row, name in enumerate(store.names):
        known[name] = stamps[name], Crop(store.images[row], store.transforms[row])
    return known


def _made(
    pictures: Iterable[tuple[str, Source]],
    old: dict[str, tuple[str, Picture]],
    stamp_of: Callable[[str], str | None],
) -> Iterator[tuple[str, Picture]]:
    """Makes the pictures that are functions and not known already."""

    def calls() -> Iterator[tuple[str, Callable[[], Picture]]]:
        for name, source in pictures:
            if name in old and old[name][0] == stamp_of(name):
                source = old[name][1]
            yield name, source if callable(source) else functools.partial(lambda made: made, source)

    return parallel.ahead(calls())
