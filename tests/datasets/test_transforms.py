"""Similarities and the pictures they make."""

import numpy as np
import pytest
from PIL import Image

from igc_tf.datasets import transforms

TARGET = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.75]])


def test_there_and_back():
    transform = transforms.of_similarity(2 * np.exp(0.3j), 5 - 7j)
    points = np.array([[0.0, 0.0], [10.0, 3.0], [-2.0, 8.0]])
    moved = transforms.apply(transform, points)
    # A turn by 0.3 from x towards y, twice as large.
    np.testing.assert_allclose(moved[0], [5, -7])
    np.testing.assert_allclose(np.linalg.norm(moved[1] - moved[0]), 2 * np.hypot(10, 3))
    np.testing.assert_allclose(transforms.apply(transforms.inverse(transform), moved), points)


def test_anchors_that_are_a_similarity_of_the_target_come_to_lie_on_it():
    points = transforms.apply(transforms.of_similarity(30 * np.exp(-1j), 200 + 90j), TARGET)
    transform = transforms.of_anchors(points, TARGET, 64)
    np.testing.assert_allclose(transforms.apply(transform, points), 64 * TARGET, atol=1e-9)


def test_a_box_becomes_the_picture():
    transform = transforms.of_box((10, 20, 30, 60), 80)
    np.testing.assert_allclose(
        transforms.apply(transform, np.array([[10, 20], [30, 60.0]])), [[0, 0], [80, 80]]
    )


def test_a_turned_picture_is_the_photo_turned():
    photo = np.zeros([40, 40, 3], np.uint8)
    photo[:20, 20:] = 250  # above, right
    quarter = transforms.of_similarity(1j, 40)  # x to y: about the middle
    found = transforms.resample(Image.fromarray(photo), quarter, 40)
    assert found[25:35, 25:35].min() > 240  # below, right
    assert max(found[:15].max(), found[:, :15].max()) < 10


@pytest.mark.parametrize("shift", [1000, -1000])
def test_a_picture_outside_of_the_photo_is_refused(shift):
    with pytest.raises(transforms.NoFace, match="outside of the photo"):
        transforms.resample(Image.new("RGB", (40, 40)), transforms.of_similarity(1, shift), 40)
