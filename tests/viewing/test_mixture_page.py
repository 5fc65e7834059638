"""A table of pictures: each in its place, an empty place white."""

import numpy as np
import pytest

from igc_tf.viewing import mixture_page
from igc_tf.viewing.panels import CAPTION, GAP, MARGIN


def test_each_picture_is_in_its_place():
    red, blue = np.zeros((8, 8, 3)), np.zeros((8, 8, 3))
    red[..., 0] = blue[..., 2] = 1.0
    page = mixture_page.page(("a", "b"), [[red, None], [blue, red]], tile=16)
    assert page.shape[1] == 2 * MARGIN + 2 * 16 + GAP

    def at(row, column):
        y, x = MARGIN + CAPTION + row * (16 + GAP) + 8, MARGIN + column * (16 + GAP) + 8
        return tuple(page[y, x])

    assert at(0, 0) == at(1, 1) == (255, 0, 0)
    assert at(1, 0) == (0, 0, 255) and at(0, 1) == (255, 255, 255)
    assert (page[MARGIN - 2 : MARGIN + CAPTION - 2] < 128).any()  # the captions


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 1: 1 pictures for 2 captions"):
        picture = np.zeros((8, 8, 3))
        mixture_page.page(("a", "b"), [[picture, picture], [picture]])
