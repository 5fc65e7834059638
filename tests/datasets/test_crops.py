"""What a photo's crop keeps, and where its points come to lie."""

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crops


def data(folder, **values):
    return DataConfig(dataset="photo_folder", data_dir=str(folder), **values)


# ---- cropping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, values, expected",
    [
        ((100, 60), {}, (20, 0, 80, 60)),  # the largest centre square
        ((60, 100), {}, (0, 20, 60, 80)),
        ((100, 60), {"crop_scale": 0.5}, (35, 15, 65, 45)),  # side 30 about (50, 30)
        # Side 50; centre at a quarter of 200: from 25 to 75.
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 0.25}, (25, 25, 75, 75)),
        # It would begin at -25 or end at 225: pushed back inside.
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 0.0}, (25, 0, 75, 50)),
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 1.0}, (25, 150, 75, 200)),
        # CelebA's aligned photos, flags/crops.flags: side 0.85 x 178 = 151.3.
        ((178, 218), {"crop_scale": 0.85, "crop_center_y": 0.54}, (13.35, 42.07, 164.65, 193.37)),
        ((100, 60), {"crop": "none", "crop_scale": 0.5}, (0, 0, 100, 60)),
    ],
)
def test_crop_box_preset(size, values, expected):
    box = crops.crop_box(*size, data("unused", **values))
    np.testing.assert_allclose(box, expected, atol=1e-9)


def test_crop_keeps_what_the_box_keeps():
    # A white square of 30 px about (50, 30) on black, exactly what is kept; the filter takes a
    # pixel or two of what lies beyond.
    array = np.zeros([60, 100, 3], np.uint8)
    array[15:45, 35:65] = 255
    photo = Image.fromarray(array)
    found = crops.crop(photo, data("unused", crop_scale=0.5), 16).image
    assert found.shape == (16, 16, 3) and found.dtype == np.uint8
    assert (found[3:-3, 3:-3] > 250).all() and found.min() > 200
    # The largest square, 60 px, shows it from 15 to 45 of 60.
    whole = crops.crop(photo, data("unused"), 60).image
    np.testing.assert_array_equal(whole, array[:, 20:80])


def test_crop_none_squeezes_the_whole_photo():
    array = np.zeros([60, 100, 3], np.uint8)
    array[:, :50] = 200  # the left half
    found = crops.crop(Image.fromarray(array), data("unused", crop="none"), 20).image
    assert (found[:, :8] > 180).all() and (found[:, 12:] < 20).all()


def test_crop_averages_what_it_shrinks():
    # A fine checkerboard becomes even gray; without a filter it would be black or white.
    board = (np.indices([128, 128]).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = Image.fromarray(np.repeat(board[..., None], 3, -1))
    found = crops.crop(photo, data("unused"), 16).image
    np.testing.assert_allclose(found[2:-2, 2:-2], np.full([12, 12, 3], 127), atol=4)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3)])
def test_crop_takes_photos_of_any_shape(size):
    photo = Image.new("RGB", size, (10, 20, 30))
    found = crops.crop(photo, data("unused", crop_scale=0.3), 32).image
    np.testing.assert_array_equal(found, np.tile(np.array([10, 20, 30], np.uint8), [32, 32, 1]))
