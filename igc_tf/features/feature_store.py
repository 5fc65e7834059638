"""The features of photos, kept on disk: made once for all methods, seeds and numbers of parts.

Photos are taken some hundred at a time. A file holds one layer's features of such a block, and its name
tells the network, the layer and every pixel of the photos, so their crop too. What was made before a stop
is not made again, and the first photos of a folder have the same files as the whole folder.

The folder holds at most `LIMIT` bytes: what was used least lately makes room for what is new.
"""

from __future__ import annotations

import hashlib
import os
import pathlib

import numpy as np
from absl import logging

from igc_tf import disk
from igc_tf.cache import cache_dir
from igc_tf.features.networks import Network

#: Its number changes with the form of what is kept.
_FOLDER = "features-1"
#: Bytes of the folder [choice].
LIMIT = 6 << 30
#: Photos a file, and photos that the network sees at a time.
_BLOCK, _BATCH = 512, 32


def open_or_extract(photos: np.ndarray, network: Network, title: str) -> dict[str, np.ndarray]:
    """Features of photos, from the disk where they are there.

    Args:
      photos: `[N, H, W, 3]` uint8.
      network: whose features.
      title: beside the progress bar.

    Returns:
      `[N, s, s, C]` float16 of each of the network's layers, by its name.

    Raises:
      OSError: the disk is full.
    """
    from rich.console import Console
    from rich.progress import track

    folder = cache_dir() / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[np.ndarray]] = {layer: [] for layer in network.layers}
    used: set[pathlib.Path] = set()
    starts = range(0, len(photos), _BLOCK)
    shown = track(starts, title, console=Console(stderr=True), transient=True)
    for start in shown:
        block = np.ascontiguousarray(photos[start : start + _BLOCK])
        paths = {layer: folder / f"{_key(network, layer, block)}.npy" for layer in network.layers}
        used.update(paths.values())
        kept = {layer: _read(path) for layer, path in paths.items()}
        if any(features is None for features in kept.values()):
            kept = dict(zip(network.layers, _extract(network, block), strict=True))
            if _make_room(folder, used, sum(features.nbytes for features in kept.values())):
                for layer, features in kept.items():
                    with disk.written(paths[layer]) as file:
                        np.save(file, features)
        for layer, features in kept.items():
            found[layer].append(features)
    return {layer: np.concatenate(blocks) for layer, blocks in found.items()}


def _key(network: Network, layer: str, photos: np.ndarray) -> str:
    key = f"{network.name} {layer} {network.size} {photos.shape}"
    return hashlib.sha256(key.encode() + photos.tobytes()).hexdigest()[:32]


def _read(path: pathlib.Path) -> np.ndarray | None:
    """What a file holds, mapped; None if there is none, or it is damaged."""
    try:
        features = np.load(path, mmap_mode="r")
        os.utime(path)
        return features
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logging.warning("%s is damaged (%s); making it again.", path, error)
        return None


def _extract(network: Network, photos: np.ndarray) -> list[np.ndarray]:
    """`[B, s, s, C]` float16 of each layer."""
    batches = [network.extract(photos[i : i + _BATCH]) for i in range(0, len(photos), _BATCH)]
    return [np.concatenate(layer).astype(np.float16) for layer in zip(*batches, strict=True)]


def _make_room(folder: pathlib.Path, used: set[pathlib.Path], wanted: int) -> bool:
    """Removes the oldest files that are not in use until so many bytes fit; whether they do."""
    files = {path: path.stat() for path in folder.glob("*.npy")}
    total = sum(status.st_size for status in files.values()) + wanted
    for path in sorted(files, key=lambda path: files[path].st_mtime_ns):
        if total <= LIMIT:
            break
        if path not in used:
            path.unlink(missing_ok=True)
            total -= files[path].st_size
    return total <= LIMIT
