"""Panels: every tile where it belongs, with the colors it should have."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from igc_tf.viewing import colors, panels
from igc_tf.viewing.canvas import Canvas, fit

# For tiles of 64 pixels, worked out from the page's measures: margin 16, gutter 20, gap 12,
# caption 18, section 30. The photos are 64 x 64, so that tiles are not scaled.
LEFT, TOP, STEP = 36, 34, 76
PARTS_TOP = 34 + 64 + 30 + 18


def tile_at(page, x, y, size=64):
    """The tile whose top left corner is (x, y)."""
    return page[y : y + size, x : x + size]


def test_size_of_the_page(face):
    # 8 columns: 36 + 8 * 76 - 12 + 16 wide; 146 + 3 * 76 - 12 + 16 high.
    assert panels.panel(face, tile=64).shape == (378, 648, 3)


def test_tiles_of_the_object(face):
    page = panels.panel(face, tile=64)
    for column, expected in (
        (0, colors.to_uint8(face.image)),
        (2, colors.overlay(face.image, face.segmentation)),
        (3, colors.to_uint8(face.canonical_image)),
        (4, colors.to_uint8(face.albedo)),
        (5, colors.depth_colors(face.depth)),
        (6, colors.normal_colors(face.normals)),
        (7, colors.shading_gray(face.shading)),
    ):
        np.testing.assert_array_equal(tile_at(page, LEFT + column * STEP, TOP), expected)


def test_reconstruction_is_gray_where_nothing_is_rendered(face):
    found = tile_at(panels.panel(face, tile=64), LEFT + STEP, TOP)
    assert (found[:, :4] == 236).all()  # the canvas does not cover the first four columns
    np.testing.assert_array_equal(found[:, 4:], colors.to_uint8(face.reconstruction)[:, 4:])


def test_a_column_a_part(face):
    page = panels.panel(face, tile=64)
    for part in range(6):
        x = LEFT + part * STEP
        albedo, depth, seen = (tile_at(page, x, PARTS_TOP + row * STEP) for row in range(3))
        np.testing.assert_array_equal(albedo, colors.to_uint8(face.part_albedo[part]))
        np.testing.assert_array_equal(depth, colors.depth_colors(face.part_depth[part]))
        visible = face.canonical_visibility[part] > 0
        assert (seen[visible] == colors.PALETTE[part]).all()
        assert (seen[~visible] == 236).all()
        # The frame: three pixels left of the column, and three under it.
        assert (page[PARTS_TOP, x - 3 : x] == colors.PALETTE[part]).all()
        assert (page[PARTS_TOP + 216 : PARTS_TOP + 219, x] == colors.PALETTE[part]).all()


def test_more_parts_make_the_page_wider(face):
    more = dataclasses.replace(
        face,
        **{
            name: np.concatenate([getattr(face, name), getattr(face, name)[:2]])
            for name in ("part_depth", "part_albedo", "canonical_visibility", "part_visibility")
        },
    )
    assert panels.panel(more, tile=64).shape == (378, 36 + 10 * 76 - 12 + 16, 3)


def test_light_and_pose_are_shown(face):
    x = LEFT + 6 * STEP
    page = panels.panel(face, tile=64)
    ball = tile_at(page, x, PARTS_TOP)
    # The light comes from the upper right; 12 pixels from the center, well inside the ball.
    assert ball[20, 44, 0] > ball[32, 32, 0] > ball[44, 20, 0]
    assert (ball[0, 0] == 255).all()
    other = panels.panel(dataclasses.replace(face, rotation_degrees=[-6.0, -18.0, 3.0]), tile=64)
    changed = (page != other).any(-1)
    assert changed[PARTS_TOP : PARTS_TOP + 64, x + STEP : x + STEP + 64].any()
    changed[PARTS_TOP:, x + STEP :] = False
    assert not changed.any()


def test_nose_of_the_pose_points_to_the_right_for_positive_yaw_and_down_for_positive_pitch():
    from igc_tf.viewing import glyphs

    def nose(*rotation):
        picture = glyphs.pose_plate(np.array(rotation), 101).astype(int)
        y, x = np.nonzero(picture[..., 0] - picture[..., 2] > 150)  # vermillion
        return x.mean() - 50, y.mean() - 50

    assert nose(0, 40, 0)[0] > 5 and abs(nose(0, 40, 0)[1]) < 1
    assert nose(30, 0, 0)[1] > 5 and abs(nose(30, 0, 0)[0]) < 1


def test_rotation_is_the_models():
    from igc_tf.graphics import pose  # here, so that the other tests need no TensorFlow
    from igc_tf.viewing import glyphs

    angles = np.array([10.0, -35.0, 20.0])
    expected = np.asarray(pose.rotation_matrix(np.radians(angles)[np.newaxis].astype(np.float32)))
    np.testing.assert_allclose(glyphs.rotation_matrix(angles), expected[0], atol=1e-6)


def test_hierarchy_holds_input_parts_and_reconstruction(face):
    page = panels.hierarchy(face, tile=64)
    # Parts 40 wide, 6 of them: 6 * 52 - 12 = 300 high; objects 3 * (64 + 18 + 12) - 12 = 270.
    # Width: 2 * 16 + 3 * 64 + 2 * 40 + 12 + 3 * (36 + 24). Height: 16 + 36 + 300 + 16.
    assert page.shape == (368, 496, 3)
    center = 16 + 36 + 150
    np.testing.assert_array_equal(tile_at(page, 16, center - 32), colors.to_uint8(face.image))
    # The second part's frame, left of x = 16 + 64 + 12 + 36 + 12 = 140, y = 52 + 52.
    assert (page[104, 137:140] == colors.PALETTE[1]).all()
    # The reconstruction is the last tile before the margin.
    found = tile_at(page, 496 - 16 - 64, center - 32)
    np.testing.assert_array_equal(found[:, 4:], colors.to_uint8(face.reconstruction)[:, 4:])
    # The object's albedo: x = 140 + 80 + 24 + 36 + 12 = 292; y = center - 135 + 18.
    np.testing.assert_array_equal(tile_at(page, 292, center - 117), colors.to_uint8(face.albedo))


def test_names_stand_beside_the_parts(face):
    names = ["background", "eyes", *(f"p{part}" for part in range(2, face.parts))]
    for show in (panels.panel, panels.hierarchy):
        plain, named = show(face), show(face, names=names)
        assert plain.shape == named.shape and (plain != named).any()
        with pytest.raises((ValueError, IndexError)):
            show(face, names=names[:-1])


def test_part_is_faded_where_it_is_not_visible():
    picture = np.zeros((1, 2, 3), np.uint8)
    faded = panels._faded(picture, np.array([[1.0, 0.0]]))
    np.testing.assert_array_equal(faded[0, :, 0], [0, 224])  # 0.88 * 255 = 224.4


def test_sheet_by_hand():
    black, white = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3))
    page = panels.image_grid([black, white, black], columns=2, gap=1)
    expected = np.full((7, 7), 255)
    expected[1:3, 1:3] = expected[4:6, 1:3] = 0
    np.testing.assert_array_equal(page[..., 0], expected)


def test_sheet_centers_smaller_pictures_and_needs_no_empty_columns():
    small, large = np.zeros((2, 2, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    page = panels.image_grid([small, large], columns=9, gap=0)
    assert page.shape == (4, 12, 3)
    rows, columns = np.nonzero(page[:, :6, 0] == 0)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 2, 2, 3)


@pytest.mark.parametrize(("images", "columns"), [([], 2), ([np.zeros((2, 2, 3))], 0)])
def test_empty_sheet_is_named(images, columns):
    with pytest.raises(ValueError, match="an image and a column"):
        panels.image_grid(images, columns)


def test_fit_letterboxes_and_keeps_labels():
    tile = fit(np.zeros((2, 4, 3), np.uint8), 8)
    np.testing.assert_array_equal(tile[:, 0, 0], [255, 255, 0, 0, 0, 0, 255, 255])
    labels = fit(np.array([[3, 0], [0, 5]], np.uint8), 6, labels=True)
    np.testing.assert_array_equal(np.unique(labels), [0, 3, 5])
    np.testing.assert_array_equal(labels[:3, :3], 3)


def test_captions_are_written_and_centered():
    canvas = Canvas(100, 30)
    canvas.caption("depth", 50, 5)
    _, columns = np.nonzero(canvas.array[..., 0] < 200)
    assert abs((columns.min() + columns.max()) / 2 - 50) < 2 and columns.size > 30


def test_arrow_points_right():
    canvas = Canvas(60, 20)
    canvas.arrow(10, 10, 40)
    ink = 255 - canvas.array[..., 0].astype(int)
    assert ink[:, :10].sum() == 0 and ink[:, 50:].sum() == 0
    # The head is wide at its neck and a point at its tip; the shaft is a thin line.
    heights = (ink > 60).sum(0)
    assert heights[43] > heights[47] >= 1 and heights[20] <= 3


def test_png_round_trip(tmp_path):
    picture = np.random.default_rng(0).integers(256, size=(5, 7, 3), dtype=np.uint8)
    panels.save_png(picture, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), picture)


def test_photo_that_is_not_square(face):
    names = ("image", "reconstruction", "mask", "alpha", "segmentation")
    wide = dataclasses.replace(
        face,
        **{name: getattr(face, name)[16:48] for name in names},
        part_visibility=face.part_visibility[:, 16:48],
    )
    page = panels.panel(wide, tile=64)
    tile = tile_at(page, LEFT, TOP)
    assert (tile[:16] == 255).all() and (tile[48:] == 255).all()
    np.testing.assert_array_equal(tile[16:48], colors.to_uint8(wide.image))
