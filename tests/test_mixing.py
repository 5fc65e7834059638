"""Parts of one face in another, by hand-made faces."""

import dataclasses

import numpy as np
import pytest

from igc_tf import igc_net, mixing
from tests.viewing.conftest import PARTS, make_face

SIZE, MOUTH = 32, 4


@pytest.fixture(params=[True, False], ids=["static_background", "no_backdrop"])
def model(request, tiny):
    return igc_net.build(
        tiny.replace(
            parts=PARTS,
            border_depth=0.0,
            visibility_sharpness=400.0,
            static_background=request.param,
        )
    )


@pytest.fixture
def face():
    return make_face(SIZE)


@pytest.fixture
def donor():
    """Another one: its mouth is higher and blue; its own pose and light."""
    other = make_face(SIZE, yaw_degrees=-30.0)
    depth, albedo = other.part_depth.copy(), other.part_albedo.copy()
    higher = np.roll(other.canonical_visibility[MOUTH], -2, axis=0) > 0
    depth[MOUTH] = np.where(higher, other.depth - 0.02, 1.1)
    albedo[MOUTH] = [0.1, 0.2, 0.9]
    return dataclasses.replace(
        other, part_depth=depth, part_albedo=albedo, light=np.array([0.2, 0.9, 0.0, 0.0, 1.0])
    )


def test_of_no_parts_it_is_the_face(model, face, donor):
    mixture = mixing.mix(model, face, donor, [])
    np.testing.assert_allclose(mixture.depth, face.depth, atol=1e-5)
    np.testing.assert_array_equal(mixture.canonical_visibility, face.canonical_visibility)
    seen = face.canonical_visibility[0] == 0
    assert np.abs(mixture.albedo - face.albedo)[seen].mean() < 0.01


def test_a_mouth_is_the_donors_and_all_else_the_faces(model, face, donor):
    mixture = mixing.mix(model, face, donor, [MOUTH])
    np.testing.assert_array_equal(mixture.part_depth[MOUTH], donor.part_depth[MOUTH])
    others = [part for part in range(PARTS) if part != MOUTH]
    for name in ("part_depth", "part_albedo"):
        found, expected = getattr(mixture, name), getattr(face, name)
        np.testing.assert_array_equal(found[others], expected[others])
    np.testing.assert_allclose(mixture.rotation_degrees, face.rotation_degrees, atol=1e-4)
    np.testing.assert_array_equal(mixture.translation, face.translation)
    np.testing.assert_array_equal(mixture.light, face.light)
    # It is seen where the donor has it, and blue there.
    rows = [np.nonzero(one.canonical_visibility[MOUTH])[0].mean() for one in (face, mixture)]
    assert rows[1] < rows[0] - 0.5
    seen = mixture.canonical_visibility[MOUTH] > 0
    red, _, blue = mixture.albedo[seen].mean(0)
    assert blue > 2 * red
    far = np.s_[: SIZE // 3]
    np.testing.assert_allclose(mixture.depth[far], face.depth[far], atol=1e-5)


def test_of_all_parts_it_is_the_donor_in_the_faces_pose_and_light(model, face, donor):
    mixture = mixing.mix(model, face, donor, range(PARTS))
    np.testing.assert_array_equal(mixture.part_depth, donor.part_depth)
    own = mixing.mix(model, donor, donor, [])
    np.testing.assert_allclose(mixture.depth, own.depth, atol=1e-6)
    np.testing.assert_array_equal(mixture.canonical_visibility, own.canonical_visibility)
    assert np.abs(mixture.reconstruction - own.reconstruction).mean() > 0.02


def test_it_is_rendered_as_the_face_is(model, face):
    """In the photo's view, by the model's renderer: with the pose of zero it is the canonical picture."""
    front = dataclasses.replace(
        face, rotation_degrees=np.zeros(3), translation=np.full(3, 1e-5, np.float32)
    )
    mixture = mixing.mix(model, front, front, [MOUTH])
    middle = np.s_[10:22, 10:22]
    np.testing.assert_allclose(
        mixture.reconstruction[middle], mixture.canonical_image[middle], atol=0.02
    )
    np.testing.assert_array_equal(mixture.image, mixture.reconstruction)


def test_a_darker_donor_is_brought_to_the_tone_of_the_face(model, face):
    tint = np.array([0.5, 0.4, 0.3], np.float32)
    dark = dataclasses.replace(face, albedo=face.albedo * tint, part_albedo=face.part_albedo * tint)
    mixture = mixing.mix(model, face, dark, range(1, PARTS))
    np.testing.assert_allclose(mixture.part_albedo, face.part_albedo, atol=1e-5)
    behind = mixing.mix(model, face, dark, [0])  # the background is none of the face
    np.testing.assert_array_equal(behind.part_albedo[0], dark.part_albedo[0])


def test_where_parts_meet_colors_go_over_into_each_other(model, face):
    depth = np.full_like(face.part_depth, 1.1)
    ramp = np.linspace(-0.02, 0.02, SIZE)
    depth[1], depth[2] = 1.0 + ramp, 1.0 - ramp  # they meet in the middle column
    albedo = np.zeros_like(face.part_albedo)
    albedo[2] = 1.0
    plain = dataclasses.replace(face, part_depth=depth, part_albedo=albedo)
    row = mixing.mix(model, plain, plain, []).albedo[SIZE // 2, :, 0]
    assert row[0] < 0.05 and row[-1] > 0.95 and (np.diff(row) > -1e-6).all()
    assert ((row > 0.1) & (row < 0.9)).sum() >= 2
