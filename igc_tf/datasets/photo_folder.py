"""Any folder of photos: found recursively, cropped, split by a hash of their path."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from absl import logging
from PIL import Image, ImageOps, UnidentifiedImageError

from igc_tf.config import DataConfig
from igc_tf.datasets import image_store

EXTENSIONS = frozenset((".jpg", ".jpeg", ".png"))
SPLITS = ("train", "validation", "test")
#: In place of a split: every photo, for a folder that is only measured on.
ALL = "all"
#: A photo with more pixels than this is refused before it is decoded.
MAX_PIXELS = 100_000_000


def find(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Every JPEG and PNG below a folder, by relative path, sorted.

    Raises:
      FileNotFoundError: no such folder.
      ValueError: it holds no photo.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"--data_dir={folder}: no such folder.")
    found = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS and path.is_file()
    )
    if not found:
        raise ValueError(
            f"--data_dir={folder} holds no photo: looked for {', '.join(sorted(EXTENSIONS))} in it "
            "and all its sub-folders."
        )
    return found


def split_of(path: pathlib.PurePath, test_fraction: float) -> str:
    """The split a photo belongs to, from a hash of its relative path alone.

    So the splits stay the same when photos are added, and are the same on every machine. The
    validation split is a tenth of the test fraction, at least 1 %.
    """
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < test_fraction:
        return "test"
    if position < test_fraction + max(0.01, test_fraction / 10):
        return "validation"
    return "train"


def read_photo(path: str | pathlib.Path) -> Image.Image:
    """Decodes a photo, turns it upright by its EXIF tag and makes it RGB, alpha over white.

    Raises:
      ValueError: the file is no readable photo; the message says why.
      FileNotFoundError: there is no such file.
    """
    try:
        with Image.open(path) as photo:
            if photo.width * photo.height > MAX_PIXELS:
                raise ValueError(
                    f"{photo.width}x{photo.height} px are more than {MAX_PIXELS:,}; make it smaller"
                )
            photo = ImageOps.exif_transpose(photo)
            if photo.mode.startswith("I"):  # 16-bit gray
                photo = Image.fromarray((np.asarray(photo, np.int64) >> 8).astype(np.uint8))
            if "A" in photo.getbands() or "transparency" in photo.info:
                photo = photo.convert("RGBA")
                white = Image.new("RGBA", photo.size, "white")
                photo = Image.alpha_composite(white, photo)
            return photo.convert("RGB")
    except (FileNotFoundError, ValueError):
        raise
    except UnidentifiedImageError as error:  # Its own message is a path, which the caller has.
        raise ValueError("no picture, or its header is damaged") from error
    except Exception as error:  # A damaged file makes Pillow raise SyntaxError, struct.error, more.
        raise ValueError(str(error) or type(error).__name__) from error


def crop_box(width: int, height: int, data: DataConfig) -> tuple[float, float, float, float]:
    """(left, top, right, bottom), px, of what `data` keeps of a photo of that size."""
    if data.crop == "none":
        return 0, 0, width, height
    side = data.crop_scale * min(width, height)
    left = (width - side) / 2
    top = min(max(data.crop_center_y * height - side / 2, 0), height - side)
    return left, top, left + side, top + side


def crop(photo: Image.Image, data: DataConfig, size: int) -> np.ndarray:
    """Cuts and resizes a photo with an antialiasing filter to `[size, size, 3]` uint8."""
    resized = photo.resize(
        (size, size), Image.Resampling.LANCZOS, box=crop_box(*photo.size, data), reducing_gap=3.0
    )
    return np.asarray(resized, np.uint8)


def open_split(data: DataConfig, image_size: int, split: str) -> image_store.ImageStore:
    """The photos of one split, cropped and resized; made once, kept in the cache.

    Unreadable files are left out, counted and named in the log.

    Args:
      data: the folder, and how its photos are cut.
      image_size: side of the pictures, px.
      split: one of `SPLITS`, or `ALL`.

    Raises:
      FileNotFoundError, ValueError: no folder, no photos, none readable, an unknown split.
    """
    if split not in (*SPLITS, ALL):
        raise ValueError(f"split={split!r}: it must be one of {', '.join(SPLITS)}.")
    folder = pathlib.Path(data.data_dir)
    chosen = [path for path in find(folder) if split in (ALL, split_of(path, data.test_fraction))]
    if not chosen:
        raise ValueError(
            f"--data_dir={folder} has too few photos: none fell into its {split} split."
        )
    store = image_store.open_or_build(
        f"photo_folder-{_fingerprint(folder, chosen, data, image_size)}",
        image_size,
        len(chosen),
        lambda: _pictures(folder, chosen, data, image_size),
    )
    if store.skipped:
        logging.warning(
            "%d of %d photos of the %s split could not be read and are left out:\n%s",
            len(store.skipped),
            len(chosen),
            split,
            "\n".join(f"  {name}: {why}" for name, why in store.skipped.items()),
        )
    return store


def _pictures(
    folder: pathlib.Path, paths: list[pathlib.Path], data: DataConfig, size: int
) -> Iterator[tuple[str, np.ndarray | str]]:
    from rich.progress import track

    for path in track(paths, f"Reading {len(paths):,} photos", transient=True):
        try:
            yield path.as_posix(), crop(read_photo(folder / path), data, size)
        except (ValueError, FileNotFoundError) as error:
            yield path.as_posix(), str(error)


def _fingerprint(
    folder: pathlib.Path, paths: list[pathlib.Path], data: DataConfig, size: int
) -> str:
    """Changes with the files' names, sizes and times, with the crop and the size."""
    digest = hashlib.sha256()
    digest.update(repr((size, data.crop, data.crop_scale, data.crop_center_y)).encode())
    for path in paths:
        status = (folder / path).stat()
        digest.update(os.fsencode(path.as_posix()))
        digest.update(f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]
