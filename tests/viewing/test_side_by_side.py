"""Rows of parts whose colors mean the same."""

import numpy as np
import pytest

from igc_tf.viewing import colors, side_by_side
from igc_tf.viewing.side_by_side import GAP, MARGIN, TITLES


def test_parts_take_their_partners_numbers():
    generator = np.random.default_rng(0)
    ground_truth = generator.integers(0, 4, (3, 8, 8))
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(
        side_by_side.matched(order[ground_truth], ground_truth), ground_truth
    )


def test_parts_without_a_partner_are_numbered_beyond():
    ground_truth = np.array([[[0, 0, 0, 1], [0, 0, 1, 1]]])
    labels = np.array([[[2, 2, 2, 1], [2, 0, 1, 1]]])
    np.testing.assert_array_equal(
        side_by_side.matched(labels, ground_truth), [[[0, 0, 0, 1], [0, 2, 1, 1]]]
    )


def test_a_larger_ground_truth_is_brought_to_size():
    ground_truth = np.kron(np.array([[[0, 1], [2, 3]]]), np.ones((1, 4, 4), int))
    np.testing.assert_array_equal(side_by_side.resized(ground_truth, (2, 2)), [[[0, 1], [2, 3]]])
    labels = np.array([[[3, 2], [1, 0]]])
    np.testing.assert_array_equal(side_by_side.matched(labels, ground_truth), [[[0, 1], [2, 3]]])


def test_page_has_a_row_a_method():
    photos = np.random.default_rng(0).random((2, 8, 8, 3))
    parts = {"true parts": np.zeros((2, 8, 8), int), "ours": np.full((2, 8, 8), 3)}
    page = side_by_side.rows(photos, parts, tile=32)
    assert page.shape == (2 * MARGIN + 3 * 32 + 2 * GAP, 2 * MARGIN + TITLES + 2 * 32 + GAP, 3)
    for row, color in enumerate((colors.PALETTE[0], colors.PALETTE[3]), 1):
        y, x = MARGIN + row * (32 + GAP), MARGIN + TITLES + 32 + GAP
        assert (page[y : y + 32, x : x + 32] == color).all()
    assert (page[:, : MARGIN + TITLES] < 128).any()  # the titles
    with pytest.raises(ValueError, match="ours: 1 pictures of parts for 2 photos"):
        side_by_side.rows(photos, {"ours": np.zeros((1, 8, 8), int)})
