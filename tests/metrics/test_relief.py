"""Convex or hollow."""

import numpy as np
import pytest

from igc_tf.metrics import relief

FACE = np.array([[[20, 25], [44, 25], [32, 36], [24, 46], [40, 46]]], float)


def step(depth_of_center, size=16):
    """Depth 1 with a square in the middle at another depth."""
    depth = np.ones((1, size, size))
    depth[:, 4:12, 4:12] = depth_of_center
    return depth


def test_relief_by_hand():
    np.testing.assert_allclose(relief.relief(step(0.95)), [0.05])
    np.testing.assert_allclose(relief.relief(step(1.02)), [-0.02])


def test_sign():
    depth = np.concatenate([step(0.9), step(1.1), step(1.0)])
    np.testing.assert_array_equal(relief.relief_sign(depth), [1, -1, 0])
    assert relief.evaluate(depth)["convex_share"].value == pytest.approx(1 / 3)


def test_order_by_hand():
    depth = np.array([[[0.9, 1.0], [1.1, 1.1]]])
    regions = np.zeros((1, 3, 2, 2))
    regions[0, 0, 0, 0] = regions[0, 1, 0, 1] = regions[0, 2, 1] = 1
    np.testing.assert_array_equal(relief.in_order(depth, regions), [1.0])
    np.testing.assert_array_equal(relief.in_order(2 - depth, regions), [0.0])
    np.testing.assert_array_equal(relief.in_order(depth, regions[:, [1, 0, 2]]), [0.0])


def test_equal_depth_is_not_in_order():
    regions = np.ones((1, 2, 4, 4))
    np.testing.assert_array_equal(relief.in_order(np.ones((1, 4, 4)), regions), [0.0])


def test_empty_region_has_no_ground_truth():
    regions = np.ones((2, 2, 8, 8))
    regions[0, 1] = 0
    depth = np.ones((2, 8, 8))
    assert np.isnan(relief.in_order(depth, regions)[0])
    assert relief.evaluate(depth, regions)["depth_order_share"].n == 1
    assert relief.evaluate(depth)["depth_order_share"].is_absent


def test_regions_from_landmarks_lie_where_they_should():
    regions = relief.landmark_regions(FACE, (64, 64))
    assert regions[0, 0, 36, 32] == 1 and regions[0, 0].sum() < 30
    # Eye (20, 25), mouth (24, 46): middle (22, 35.5), 24 / 4 outwards: (16, 35.5).
    assert regions[0, 1, 35, 15] == 1 and regions[0, 1, 35, 48] == 1
    assert regions[0, 1, 35, 32] == 0
    assert regions[0, 2, 0, 0] == 1 and regions[0, 2, 8:56, 8:56].sum() == 0
    assert (regions.sum(1) <= 1).all()


def test_cone_shaped_face_is_in_order_and_a_funnel_is_not():
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
    depth = (0.95 + 0.002 * np.hypot(x - 32, y - 36))[np.newaxis]
    regions = relief.landmark_regions(FACE, (64, 64))
    np.testing.assert_array_equal(relief.in_order(depth, regions), [1.0])
    np.testing.assert_array_equal(relief.in_order(2 - depth, regions), [0.0])


def test_unknown_landmark_has_no_ground_truth():
    landmarks = FACE.copy()
    landmarks[0, 0, 0] = np.nan
    regions = relief.landmark_regions(landmarks, (64, 64))
    assert np.isnan(relief.in_order(np.ones((1, 64, 64)), regions)).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="8"):
        relief.relief(np.ones((1, 4, 4)))
    with pytest.raises(ValueError, match="regions"):
        relief.in_order(np.ones((1, 8, 8)), np.ones((1, 2, 4, 4)))
