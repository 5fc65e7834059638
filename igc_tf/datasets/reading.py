"""Photos on disk: found recursively, decoded, turned upright, made RGB."""

from __future__ import annotations

import pathlib
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"))
ORIENTATION = 0x0112  #: the EXIF tag
#: A photo with more pixels than this is refused before it is decoded.
MAX_PIXELS = 100_000_000


def find(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """Every photo below a folder, by relative path, sorted. Links to folders are not followed.

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


def read_photo(path: str | pathlib.Path) -> Image.Image:
    """Decodes a photo, turns it upright by its EXIF tag and makes it RGB, alpha over white.

    Raises:
      ValueError: the file is no readable photo; the message says why.
      FileNotFoundError: there is no such file.
    """
    if pathlib.Path(path).stat().st_size == 0:
        raise ValueError("the file is empty")
    return decode(path)


def decode(source: str | pathlib.Path | BinaryIO) -> Image.Image:
    """`read_photo` of a path or of an open file.

    Raises:
      ValueError: it is no readable photo; the message says why.
    """
    try:
        with Image.open(source) as photo:
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


def shown(name: str) -> str:
    """A photo's name as text that any terminal and log takes, on one line."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
