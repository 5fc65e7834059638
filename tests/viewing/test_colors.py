"""Exact colors on tiny arrays."""

import itertools

import numpy as np
import pytest

from igc_tf.viewing import colors


def test_background_is_gray_and_colors_differ():
    first = colors.PALETTE[0]
    assert first[0] == first[1] == first[2]
    for a, b in itertools.combinations(colors.PALETTE.astype(int), 2):
        assert np.abs(a - b).sum() > 60


def test_six_parts_differ_for_a_deuteranope():
    # Without the green cone, red and green are seen as one mixture of the two, about 0.3 to 0.7
    # of linear light (Vienot, Brettel and Mollon 1999).
    linear = (colors.part_colors(6) / 255.0) ** 2.2
    confuse = np.array([[0.3, 0.7, 0.0], [0.3, 0.7, 0.0], [0.0, 0.0, 1.0]])
    seen = np.clip(linear @ confuse.T, 0, 1) ** (1 / 2.2)
    for a, b in itertools.combinations(seen, 2):
        assert np.abs(a - b).max() > 0.15


def test_color_parts():
    found = colors.color_parts(np.array([[0, 1], [2, 0]], np.uint8))
    expected = [[[205, 205, 205], [230, 159, 0]], [[86, 180, 233], [205, 205, 205]]]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_overlay_tints_and_outlines():
    image = np.zeros((3, 3, 3))
    labels = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    found = colors.overlay(image, labels, opacity=0.5)
    np.testing.assert_array_equal(
        found[1, 0], [102, 102, 102]
    )  # half of black, half of gray: 102.5
    np.testing.assert_array_equal(found[1, 1], [205, 205, 205])  # its right neighbor differs
    np.testing.assert_array_equal(found[1, 2], [115, 80, 0])  # half of orange: 115, 79.5, 0


def test_overlay_takes_uint8_and_floats_alike():
    image = np.random.default_rng(0).integers(256, size=(4, 4, 3), dtype=np.uint8)
    labels = np.zeros((4, 4), np.uint8)
    np.testing.assert_array_equal(
        colors.overlay(image, labels), colors.overlay(image / 255.0, labels)
    )


def test_depth_is_bright_where_near_and_clipped():
    depth = np.array([[0.5, 0.9, 1.0, 1.1, 2.0]])
    np.testing.assert_array_equal(colors.depth_gray(depth)[0, :, 0], [255, 255, 128, 0, 0])
    ends = colors.depth_colors(depth)[0]
    np.testing.assert_array_equal(ends[1], [253, 246, 190])
    np.testing.assert_array_equal(ends[3], [18, 14, 51])
    # Halfway between the third and the fourth of six stops.
    np.testing.assert_array_equal(ends[2], [176, 59, 91])


def test_depth_colors_grow_lighter_towards_the_viewer():
    ramp = colors.depth_colors(np.linspace(1.1, 0.9, 100)[np.newaxis]).astype(float)
    luminance = ramp[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(luminance) > 0).all()


def test_normals_and_shading():
    found = colors.normal_colors(np.array([[[0, 0, 1.0], [1, 0, 0], [0, -1, 0]]]))
    np.testing.assert_array_equal(found, [[[128, 128, 255], [255, 128, 128], [128, 0, 128]]])
    found = colors.shading_gray(np.array([[0.0, 0.75, 1.5, 2.0]]))
    np.testing.assert_array_equal(found[0, :, 1], [0, 128, 255, 255])


def test_to_uint8_rounds_and_clips():
    found = colors.to_uint8(np.array([-0.1, 0.0, 0.5, 1.0, 1.2]))
    np.testing.assert_array_equal(found, [0, 0, 128, 255, 255])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: colors.part_colors(13), "12 part colors"),
        (lambda: colors.color_parts(np.array([[99]])), "100 parts"),
        (lambda: colors.color_parts(np.array([[-1]])), ">= 0"),
        (lambda: colors.overlay(np.zeros((2, 2, 3)), np.zeros((3, 3), int)), "differ in size"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
