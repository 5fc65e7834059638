"""Photos that tests of several files make."""

import numpy as np
import pytest
from PIL import Image

from tests.fake_collections import BAD


def pixels(height=20, width=20, seed=0):
    """A smooth color picture, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([200 * x, 200 * y, np.full_like(x, 40.0 + 20 * seed)], -1).astype(np.uint8)


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
