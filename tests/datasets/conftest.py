"""Photos that tests of several files make."""

import io

import numpy as np
import pytest
from PIL import Image


def pixels(height=20, width=20, seed=0):
    """A smooth colour picture, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([200 * x, 200 * y, np.full_like(x, 40.0 + 20 * seed)], -1).astype(np.uint8)


def jpeg_bytes():
    buffer = io.BytesIO()
    Image.fromarray(pixels(64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


def jpeg_of_bad_exif():
    """Good pixels to be turned (orientation 6) whose EXIF gives their width as text."""
    entries = b"\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\0\x01\x02\0\x02\0\0\0xx\0\0"
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + entries + b"\0\0\0\0"
    whole = jpeg_bytes()
    return whole[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + whole[2:]


#: What makes a photo unreadable, by the name of a file of it.
BAD = {
    "empty.jpg": b"",
    "text.jpg": b"I only look like a photo.",
    "cut.jpg": jpeg_bytes()[:400],
    "late.jpg": jpeg_bytes()[:-40],
    "head.png": b"\x89PNG\r\n\x1a\n",
    "noise.png": bytes(range(256)) * 4,
    "zeros.jpg": bytes(2000),
    "page.jpg": b"<html><body>404 Not Found</body></html>",
    "exif.jpg": jpeg_of_bad_exif(),  # makes Pillow raise a struct.error
    "webp.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
}


@pytest.fixture(scope="session")
def bad_photos():
    """`{file name: bytes}` of ten kinds of unreadable photo."""
    return BAD


@pytest.fixture
def save():
    """Writes a picture of `[H, W(, C)]` values, or some smooth one, below a folder."""

    def write(folder, name, array=None, **options):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels() if array is None else array).save(path, **options)
        return path

    return write
