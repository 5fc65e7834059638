"""Photos on disk: found recursively, decoded, turned upright, made RGB of 8 bits."""

from __future__ import annotations

import functools
import os
import pathlib
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from igc_tf.disk import RESULT_SUFFIX, shown

#: Changes when the same file is read as other pixels, or is read at last; stores of pictures go by it.
VERSION = 2
_ORIENTATION = 0x0112  # the EXIF tag
#: A photo with more pixels than this is refused before it is decoded.
MAX_PIXELS = 100_000_000

#: Not looked into: what systems put beside photos, such as thumbnails and what was thrown away.
_SYSTEM_FOLDERS = frozenset(("@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "lost+found"))
#: Formats that Pillow registers and that hold data, films and documents.
_NO_PHOTOS = frozenset(("BUFR", "EPS", "FITS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"))
#: Photos that Pillow may be unable to read; then they are named with what to do.
_FOREIGN = frozenset((".avif", ".heic", ".heif", ".hif", ".jxl"))
#: Sensors' own data: Pillow would read no more than the thumbnail.
_RAW = frozenset(".arw .cr2 .cr3 .dng .nef .nrw .orf .pef .raf .rw2 .srf .sr2 .srw .x3f".split())
#: How pictures begin, for names that do not tell.
_BEGINNINGS = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*",
    b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ",
)  # fmt: skip
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
)
_HEAD = 16  # bytes
#: Bits that a picture of integers may have, at most.
_DEPTHS = (8, 10, 12, 14, 16, 20, 24, 31, 32)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Found(NamedTuple):
    """What lies below a folder."""

    photos: list[pathlib.Path]  #: by path below the folder, sorted; some may turn out unreadable
    left_out: dict[str, str]  #: links and folders below it that were not looked into, and why


@functools.cache
def extensions() -> frozenset[str]:
    """Endings of names, lower case, of all photos that Pillow reads here."""
    registered = Image.registered_extensions()
    readable = {end for end, name in registered.items() if name in Image.OPEN.keys() - _NO_PHOTOS}
    return frozenset(readable)


def find(folder: str | pathlib.Path) -> list[pathlib.Path]:
    """The photos that `search` finds."""
    return search(folder).photos


def search(folder: str | pathlib.Path, flag: str = "--data_dir") -> Found:
    """Every photo below a folder: by the ending of its name, else by how the file begins.

    Hidden files and folders, what systems put beside photos (`@eaDir`, `._*`) and results of
    `tools.reconstruct` are no photos. Links to folders are not followed.

    Args:
      folder: where to look.
      flag: what names the folder, for messages.

    Raises:
      FileNotFoundError: no such folder.
      ValueError: it holds no photo; the message says what it holds.
      PermissionError: it may not be read.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{flag}={folder}: no such folder.")
    if is_result(folder):
        raise ValueError(f"{flag}={folder} holds what was found in a photo, and no photos.")
    photos: list[pathlib.Path] = []
    left_out: dict[str, str] = {}
    others = 0
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as scanned:
                entries = list(scanned)
        except OSError as error:
            if not below:
                raise
            left_out[below] = f"the folder cannot be read: {error.strerror}"
            continue
        for entry in entries:
            path = os.path.join(below, entry.name)
            if entry.name.startswith(".") or entry.name in _SYSTEM_FOLDERS:
                continue
            if entry.is_symlink() and not os.path.exists(entry.path):
                left_out[path] = f"a broken link, to {os.readlink(entry.path)}"
            elif entry.is_dir():
                if entry.name.endswith(RESULT_SUFFIX):
                    continue
                if entry.is_symlink():
                    left_out[path] = "a link to a folder, which is not followed"
                else:
                    waiting.append(path)
            elif entry.is_file():
                try:
                    is_photo = _is_photo(entry.path)
                except OSError as error:
                    left_out[path] = f"the file cannot be read: {error.strerror}"
                    continue
                if is_photo:
                    photos.append(pathlib.Path(path))
                others += not is_photo
    if not photos:
        seen = (
            "" if others == 0 else f"; of its {others} files none is a picture, such as JPEG or PNG"
        )
        causes = "".join(f"; left out: {shown(path)}, {why}" for path, why in left_out.items())
        raise ValueError(f"{flag}={folder} holds no photo, however deep{seen}{causes}.")
    return Found(sorted(photos), dict(sorted(left_out.items())))


def is_result(folder: str | pathlib.Path) -> bool:
    """Whether a folder is one that `tools.reconstruct` made for a photo."""
    return os.path.abspath(folder).endswith(RESULT_SUFFIX)


def _is_photo(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    if ending in extensions() or ending in _FOREIGN or ending in _RAW:
        return True
    registered = Image.registered_extensions()
    if ending in registered:  # a film, a document
        return False
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    return (
        head.startswith(_BEGINNINGS)
        or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
        or (head[:2], head[6:10]) == (b"BM", bytes(4))
        or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)
    )


def read_photo(path: str | pathlib.Path) -> Image.Image:
    """Decodes a photo, turns it upright by its EXIF tag and makes it RGB, alpha over white.

    Of an animation it is the first picture. Integers of more than 8 bits are scaled by the range that
    their greatest value needs (8, 10, 12, 14, 16 bits or more), floats by 1, or by their greatest value
    if that is above 1.

    Raises:
      ValueError: the file is no readable photo; the message says why.
      FileNotFoundError: there is no such file.
    """
    path = pathlib.Path(path)
    try:
        size = path.stat().st_size
    except PermissionError as error:
        raise ValueError(error.strerror) from error
    if size == 0:
        raise ValueError("the file is empty")
    if path.suffix.lower() in _RAW:
        raise ValueError("a camera's raw data; export it as JPEG or PNG")
    return decode(path)


def decode(source: str | pathlib.Path | BinaryIO) -> Image.Image:
    """`read_photo` of a path or of an open file.

    Raises:
      ValueError: it is no readable photo; the message says why.
    """
    try:
        with Image.open(source) as file:
            if file.width * file.height > MAX_PIXELS:
                raise ValueError(
                    f"{file.width}x{file.height} px are more than {MAX_PIXELS:,}; make it smaller"
                )
            cut = any(";16" in str(tile) for tile in file.tile)  # known until it is decoded
            file.load()
            turn = _TURNS.get(orientation(file))
            photo = file.copy() if turn is None else file.transpose(turn)
            if photo.mode.startswith(("I", "F")):
                photo = Image.fromarray(_eight_bits(np.asarray(photo)))
            elif cut and max(high for _, high in _channels(photo)) < 16:
                raise ValueError(
                    "its 16 bits hold 12 or fewer, of which Pillow keeps 4; save it with 8 bits"
                )
            if "A" in photo.getbands() or "transparency" in photo.info:
                photo = photo.convert("RGBA")
                white = Image.new("RGBA", photo.size, "white")
                photo = Image.alpha_composite(white, photo)
            return photo.convert("RGB")
    except (FileNotFoundError, ValueError):
        raise
    except UnidentifiedImageError as error:  # Its own message is a path, which the caller has.
        kind = _foreign(source)
        if kind:
            raise ValueError(
                f"{kind}, which Pillow cannot read here; convert it to JPEG"
            ) from error
        raise ValueError("no picture, or its header is damaged") from error
    except Exception as error:  # A damaged file makes Pillow raise SyntaxError, struct.error, more.
        message = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ValueError(message) from error


def orientation(photo: Image.Image) -> int:
    """How a photo is to be turned, by EXIF's numbers; 1, not at all, where its EXIF cannot be read."""
    try:
        found = photo.getexif().get(_ORIENTATION)
    except Exception:  # Damage raises many kinds of error; the pixels are good.
        return 1
    return found if found in _TURNS else 1


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Gray values of any range as uint8."""
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("values that are negative or no numbers; save it with 8 bits")
    peak = values.max()
    if np.issubdtype(values.dtype, np.floating):
        return np.rint(values * (255.0 / max(peak, 1.0))).astype(np.uint8)
    bits = next(depth for depth in _DEPTHS if int(peak) < 1 << depth)
    return (values.astype(np.int64) >> (bits - 8)).astype(np.uint8)


def _channels(photo: Image.Image) -> list:
    """(least, greatest) of each of a photo's channels but alpha."""
    return [
        photo.getchannel(band).getextrema() for band in photo.getbands() if band not in ("A", "a")
    ]


def _foreign(source: str | pathlib.Path | BinaryIO) -> str:
    """The name of a format that not every Pillow reads, or ''."""
    if isinstance(source, (str, pathlib.Path)):
        with open(source, "rb") as stream:
            head = stream.read(_HEAD)
    else:
        source.seek(0)
        head = source.read(_HEAD)
    if head.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return "JPEG XL"
    return _BRANDS.get(head[8:12], "") if head[4:8] == b"ftyp" else ""
