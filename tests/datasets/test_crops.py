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
        ((100, 60), {}, (20, 0, 80, 60)),  # the largest center square
        ((60, 100), {}, (0, 20, 60, 80)),
        ((100, 60), {"crop_scale": 0.5}, (35, 15, 65, 45)),  # side 30 about (50, 30)
        # Side 50; center at a quarter of 200: from 25 to 75.
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


# ---- where points come to lie --------------------------------------------------------------------


def spot(x, y, width=100, height=80):
    """A white disc of 3 px about (x, y) on black."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    disc = 255 * (np.hypot(columns - x, rows - y) < 3)
    return Image.fromarray(np.repeat(disc.astype(np.uint8)[..., None], 3, -1))


def middle(picture):
    weight = picture[..., 0] / picture[..., 0].sum()
    axis = np.arange(len(picture)) + 0.5
    return np.array([(weight.sum(0) * axis).sum(), (weight.sum(1) * axis).sum()])


ANCHORS = np.array([[40.0, 30], [60, 35], [47, 55]])


@pytest.mark.parametrize(
    "values",
    [
        {"crop": "none"},
        {"crop": "center", "crop_scale": 0.9, "crop_center_y": 0.45},
        {"crop": "landmarks"},
        {"crop": "landmarks", "align_eye_distance": 0.15},
        {"crop": "box"},
        {"crop": "box", "box_scale": 1.7},
    ],
)
@pytest.mark.parametrize("size", [32, 128])
def test_a_mark_lies_where_its_placement_says(values, size):
    marks = crops.Marks(ANCHORS, np.array([25.0, 10, 75, 70]))
    where = DataConfig(dataset="celeb_a", **values)
    placed = crops.crop(spot(52.5, 41), where, size, marks)
    expected = placed.transform[:, :2] @ [52.5, 41] + placed.transform[:, 2]
    np.testing.assert_allclose(middle(placed.image), expected, atol=0.15)
    assert 0.2 * size < expected.min() and expected.max() < 0.8 * size


def test_landmarks_that_fit_the_template_come_to_lie_on_it():
    where = data("unused", crop="landmarks")
    template = np.array([[0.365, 0.46], [0.635, 0.46], [0.5, 0.73]]) * 64
    turn = 0.4  # radians; with a scale of 3 and a shift
    matrix = 3 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = template @ matrix.T + [150, 90]
    transform = crops.crop_transform(Image.new("RGB", (400, 400)), where, 64, crops.Marks(points))
    found = points @ transform[:, :2].T + transform[:, 2]
    np.testing.assert_allclose(found, template, atol=1e-9)


def test_a_profile_keeps_its_size():
    # The eyes coincide; eyes and mouth are as far apart as in the template.
    points = np.array([[50.0, 46], [50, 46], [50, 73]])
    transform = crops.crop_transform(
        Image.new("RGB", (100, 100)), data("unused", crop="landmarks"), 100, crops.Marks(points)
    )
    scale = np.hypot(*transform[0, :2])
    assert scale == pytest.approx(1) and transform[0, 1] == pytest.approx(0)


def test_beyond_the_photo_its_edge_repeats():
    photo = np.zeros([40, 40, 3], np.uint8)
    photo[:, :20], photo[:, 20:] = (200, 0, 0), (0, 0, 200)
    box = np.array([-20.0, 0, 60, 40])
    where = DataConfig(dataset="celeb_a", crop="box")
    found = crops.crop(Image.fromarray(photo), where, 80, crops.Marks(box=box)).image
    np.testing.assert_allclose(found[:, :36], np.tile([200, 0, 0], (80, 36, 1)), atol=3)
    np.testing.assert_allclose(found[:, 44:], np.tile([0, 0, 200], (80, 36, 1)), atol=3)


def test_a_box_is_made_square_about_its_center():
    where = DataConfig(dataset="celeb_a", crop="box", box_scale=1.5)
    marks = crops.Marks(box=np.array([10.0, 20, 30, 60]))
    transform = crops.crop_transform(Image.new("RGB", (100, 100)), where, 60, marks)
    np.testing.assert_allclose(transform, [[1, 0, 10], [0, 1, -10]])  # from (-10, 10) to (50, 70)


@pytest.mark.parametrize(
    ("crop", "marks", "message"),
    [
        ("landmarks", None, "no landmarks"),
        ("landmarks", crops.Marks(np.full((3, 2), np.nan)), "no landmarks"),
        ("landmarks", crops.Marks(np.ones((3, 2))), "landmarks coincide"),
        ("landmarks", crops.Marks(ANCHORS + 1000), "outside of the photo"),
        ("landmarks", crops.Marks(ANCHORS * 100 - 4000), "far larger"),
        ("box", None, "no box"),
        ("box", crops.Marks(box=np.array([5.0, 5, 5, 5])), "an empty box"),
    ],
)
def test_why_a_photo_cannot_be_cut(crop, marks, message):
    where = DataConfig(dataset="celeb_a", crop=crop)
    with pytest.raises(crops.NoFace, match=message):
        crops.crop(Image.new("RGB", (100, 80)), where, 32, marks)


def test_fingerprints_tell_crops_apart():
    base = {"crop": "landmarks"}
    given = {
        crops.fingerprint(data("unused", **values))
        for values in (
            base,
            {**base, "align_eye_line": 0.4},
            {**base, "crop_scale": 0.5},  # not used: as the first
            {"crop": "none"},
            {"crop": "detect"},
            {"crop": "detect", "detector": "cat"},
        )
    }
    assert len(given) == 5
