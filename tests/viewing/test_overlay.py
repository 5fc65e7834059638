"""Parts laid over the whole photo: where they are, and nothing else is changed."""

import numpy as np
import pytest

from igc_tf.datasets import transforms
from igc_tf.viewing import colors, overlay


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_parts_lie_where_the_network_saw_them(face, angle):
    photo = np.full((300, 400, 3), 60, np.uint8)
    # The picture of 64 px is 128 px of the photo, turned about the picture's middle at (250, 150).
    factor = 0.5 * np.exp(1j * angle)
    transform = transforms.of_similarity(factor, 32 + 32j - factor * (250 + 150j))
    laid = overlay.on_photo(photo, transform, face)
    assert laid.shape == photo.shape and (photo == 60).all()
    rows, columns = np.nonzero((laid != 60).any(-1))
    on_face = transforms.apply(transform, np.stack([columns, rows], 1) + 0.5)
    assert on_face.min() > -1 and on_face.max() < 65
    # The middle of each part has its color.
    for part in range(1, face.parts):
        inside = np.argwhere(face.segmentation == part)
        middle = inside[np.abs(inside - np.median(inside, 0)).sum(1).argmin()][::-1] + 0.5
        x, y = transforms.apply(transforms.inverse(transform), middle).astype(int)
        expected = 0.55 * 60 + 0.45 * colors.PALETTE[part]
        near = laid[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
        assert np.abs(near - expected).max(1).min() < 2, part


def test_a_face_beyond_the_edge_is_cut_off(face):
    photo = np.full((40, 40, 3), 60, np.uint8)
    laid = overlay.on_photo(photo, transforms.of_similarity(1, 32), face)  # its lower right quarter
    assert (laid[:20, :20] != 60).any()
    outside = overlay.on_photo(photo, transforms.of_similarity(1, 500), face)
    np.testing.assert_array_equal(outside, photo)
