"""Similarities and the pictures they make."""

import numpy as np
import pytest
from PIL import Image

from igc_tf.datasets import crop_transforms

TARGET = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.75]])


def test_there_and_back():
    transform = crop_transforms.of_similarity(2 * np.exp(0.3j), 5 - 7j)
    points = np.array([[0.0, 0.0], [10.0, 3.0], [-2.0, 8.0]])
    moved = crop_transforms.apply(transform, points)
    # A turn by 0.3 from x towards y, twice as large.
    np.testing.assert_allclose(moved[0], [5, -7])
    np.testing.assert_allclose(np.linalg.norm(moved[1] - moved[0]), 2 * np.hypot(10, 3))
    np.testing.assert_allclose(
        crop_transforms.apply(crop_transforms.inverse(transform), moved), points
    )


def test_anchors_that_are_a_similarity_of_the_target_come_to_lie_on_it():
    points = crop_transforms.apply(
        crop_transforms.of_similarity(30 * np.exp(-1j), 200 + 90j), TARGET
    )
    transform = crop_transforms.of_anchors(points, TARGET, 64)
    np.testing.assert_allclose(crop_transforms.apply(transform, points), 64 * TARGET, atol=1e-9)


def test_a_box_becomes_the_picture():
    transform = crop_transforms.of_box((10, 20, 30, 60), 80)
    np.testing.assert_allclose(
        crop_transforms.apply(transform, np.array([[10, 20], [30, 60.0]])), [[0, 0], [80, 80]]
    )


def test_a_turned_picture_is_the_photo_turned():
    photo = np.zeros([40, 40, 3], np.uint8)
    photo[:20, 20:] = 250  # above, right
    quarter = crop_transforms.of_similarity(1j, 40)  # x to y: about the middle
    found = crop_transforms.resample(Image.fromarray(photo), quarter, 40)
    assert found[25:35, 25:35].min() > 240  # below, right
    assert max(found[:15].max(), found[:, :15].max()) < 10


@pytest.mark.parametrize("shift", [1000, -1000])
def test_a_picture_outside_of_the_photo_is_refused(shift):
    with pytest.raises(crop_transforms.NoFace, match="outside of the photo"):
        crop_transforms.resample(
            Image.new("RGB", (40, 40)), crop_transforms.of_similarity(1, shift), 40
        )


@pytest.mark.parametrize(
    ("side", "largest", "expected"), [(400, 256, 200), (800, 256, 256), (64, 256, None)]
)
def test_a_finer_picture_has_the_photos_pixels(side, largest, expected):
    photo = Image.effect_noise((side, side), 60).convert("RGB")
    box = (side / 4, side / 4, 3 * side / 4, 3 * side / 4)
    transform = crop_transforms.of_box(box, 64)
    found = crop_transforms.detailed(photo, transform, 64, largest)
    if expected is None:
        assert found is None
        return
    assert found.shape == (expected, expected, 3)
    if expected == side // 2:
        np.testing.assert_array_equal(found, np.asarray(photo.crop(box)))
