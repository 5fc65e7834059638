"""A face that turns: its frames are what the renderer gives, from both sides alike."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.metrics import geometry
from igc_tf.viewing import turntable
from tests.viewing.conftest import make_face

MODEL = ModelConfig(static_background=True, rasterizer="tensorflow")
SIZE = 64
FRONT = (0.0, 0.0, 0.0)


def views(face, *rotations):
    return [turntable.View(rotation, tuple(face.light)) for rotation in rotations]


def symmetric(face):
    """The same face, even in x, lit from the front."""
    even = {
        name: (getattr(face, name) + getattr(face, name)[:, ::-1]) / 2
        for name in ("depth", "albedo")
    }
    visibility = np.maximum(face.canonical_visibility, face.canonical_visibility[..., ::-1])
    behind = face.part_albedo.copy()
    behind[0] = 0.5
    light = np.array([0.5, 0.5, 0.0, 0.0, 1.0])
    return dataclasses.replace(
        face, **even, canonical_visibility=visibility, part_albedo=behind, light=light
    )


def test_from_the_front_it_is_the_canonical_picture_before_the_background(face):
    (frame,) = turntable.render(face, MODEL, views(face, FRONT), SIZE) / 255.0
    inside = face.canonical_visibility[0] < 0.5
    rows = np.arange(SIZE)
    middle = inside & (abs(rows - 32) < 20)[:, None] & (abs(rows - 32) < 16)
    np.testing.assert_allclose(frame[middle], face.canonical_image[middle], atol=0.04)
    corner = np.s_[:6, :6]
    np.testing.assert_allclose(frame[corner], face.part_albedo[0][corner], atol=0.02)


def test_both_sides_of_a_symmetric_face_mirror_each_other(face):
    face = symmetric(face)
    left, right = turntable.render(face, MODEL, views(face, (0, -30, 0), (0, 30, 0)), SIZE)
    difference = np.abs(left.astype(int) - right[:, ::-1])
    assert np.mean(difference) < 1.0
    assert np.abs(left.astype(int) - right).mean() > 5.0  # it does turn


def test_a_nose_moves_to_the_side_that_the_face_turns_to(face):
    face = symmetric(face)
    face = dataclasses.replace(
        face,
        albedo=np.where(
            np.hypot(*np.mgrid[-32:32, -32:32])[..., None] < 4, 1.0, 0.2 + 0 * face.albedo
        ),
    )
    frames = turntable.render(face, MODEL, views(face, (0, 30, 0), (0, -30, 0)), SIZE)
    bright = (frames.mean(axis=-1) > 150) & (np.hypot(*np.mgrid[-32:32, -32:32]) < 20)
    columns = [np.nonzero(one)[1].mean() for one in bright]
    assert columns[0] > 33 and columns[1] < 31


def test_frames_are_enlarged(face):
    frames = turntable.render(face, MODEL, turntable.turning(face, 12)[:2], 96)
    assert frames.shape == (2, 96, 96, 3) and frames.dtype == np.uint8
    model = ModelConfig(static_background=True)
    large, small = (turntable.render(face, model, views(face, FRONT), size) for size in (512, 64))
    reduced = large.reshape(1, 64, 8, 64, 8, 3).mean((2, 4))
    assert np.abs(reduced - small).mean() < 3.0


def test_it_turns_to_both_sides_and_nods_and_ends_where_it_began(face):
    angles = np.array([view.rotation_degrees for view in turntable.turning(face, 72)])
    assert angles[:, 1].max() == pytest.approx(60.0) and angles[:, 1].min() == pytest.approx(-60.0)
    assert angles[:, 0].max() == pytest.approx(15.0) and angles[:, 0].min() == pytest.approx(-15.0)
    assert np.abs(np.diff(angles[[*range(72), 0]], axis=0)).max() < 8.0


def test_the_light_goes_round_at_one_angle(face):
    lights = np.array([view.light for view in turntable.relighting(face, 24)])
    np.testing.assert_allclose(np.linalg.norm(lights[:, 2:], axis=1), 1.0)
    np.testing.assert_allclose(np.degrees(np.arccos(lights[:, 4])), 40.0)
    around = np.unwrap(np.arctan2(lights[:, 2], lights[:, 3]))
    np.testing.assert_allclose(np.diff(around), 2 * np.pi / 24)
    assert lights[:, :2].sum(1) == pytest.approx(face.light[:2].sum())  # no brighter than the photo


def test_the_side_that_the_light_is_on_is_brighter(face):
    views = turntable.relighting(symmetric(face), 4)  # from above, right, below, left
    above, right, below, left = turntable.render(symmetric(face), MODEL, views, SIZE).mean(-1)
    upper, half = np.s_[12:28, 20:44], np.s_[24:44, 16:30]  # the forehead; the picture's left
    assert above[upper].mean() > below[upper].mean() + 5
    assert left[half].mean() > right[half].mean() + 5


def test_a_step_between_parts_is_not_lit_as_a_wrinkle(face):
    step = np.full_like(face.depth, 1.0)
    step[32:] -= 0.0008  # a third of a pixel
    gray = dataclasses.replace(symmetric(face), depth=step, albedo=np.full_like(face.albedo, 0.5))
    (view,) = turntable.relighting(gray, 1)
    model = ModelConfig(static_background=True)
    (frame,) = turntable.render(gray, model, [view], 4 * SIZE) / 255.0
    ambient, diffuse, *direction = view.light
    normals = geometry.normals(np.kron(step, np.ones([4, 4])))
    sharp = 0.5 * (ambient + diffuse * (normals @ direction))
    middle = np.s_[80:176, 112:144]
    assert 0.02 < np.ptp(frame[middle]) < 0.6 * np.ptp(sharp[middle])


def test_the_face_has_no_hole_where_a_vertex_is_the_center_of_a_pixel():
    generator = np.random.default_rng(0)
    plain = make_face()
    white = dataclasses.replace(
        plain,
        albedo=np.ones_like(plain.albedo),
        canonical_visibility=np.stack([0 * plain.depth] * 5 + [1 + 0 * plain.depth]),
        part_albedo=np.zeros_like(plain.part_albedo),
    )
    for _ in range(8):
        rough = generator.normal(0, 0.02, plain.depth.shape)
        face = dataclasses.replace(white, depth=plain.depth + rough)
        (frame,) = turntable.render(face, MODEL, [turntable.View(FRONT, (1, 0, 0, 0, 1))], SIZE)
        assert frame.min() == 255


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_holds_every_frame_and_does_not_end(tmp_path, ending):
    frames = np.random.default_rng(0).integers(0, 256, [5, 16, 16, 3], np.uint8)
    path = tmp_path / f"turn{ending}"
    turntable.save(frames, path)
    with Image.open(path) as picture:
        assert picture.n_frames == 5 and picture.info["loop"] == 0
        assert picture.size == (16, 16)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match="turn.mpg: the name must end in .gif or .webp"):
        turntable.save(np.zeros([2, 8, 8, 3], np.uint8), tmp_path / "turn.mpg")


def test_a_strip_shows_frames_evenly():
    frames = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones([1, 2, 2, 3], np.uint8)
    found = turntable.strip(frames, 4)
    assert found.shape == (2, 8, 3)
    np.testing.assert_array_equal(found[0, ::2, 0], [1, 4, 7, 10])


def test_a_gif_has_nearly_the_colors(tmp_path, face):
    frames = turntable.render(face, MODEL, turntable.relighting(face, 6), SIZE)
    turntable.save(frames, tmp_path / "turn.gif")
    with Image.open(tmp_path / "turn.gif") as picture:
        read = []
        for number in range(6):
            picture.seek(number)
            read.append(np.asarray(picture.convert("RGB")))
    difference = np.abs(np.stack(read).astype(int) - frames)
    assert difference.mean() < 4.0
