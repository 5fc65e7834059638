"""A trained model as an object, with the released weights."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import igc_tf

ASTRONAUT = "docs/images/astronaut.jpg"


@pytest.fixture(scope="module")
def model():
    return igc_tf.load("photos")


@pytest.fixture(scope="module")
def face(model):
    return model.predict(ASTRONAUT)[0]


def test_a_path_and_its_pixels_give_the_same(model, face):
    with Image.open(ASTRONAUT) as photo:
        pixels = np.asarray(photo.convert("RGB"))
    both = model.predict([pixels, ASTRONAUT])
    for found in both:
        np.testing.assert_allclose(found.depth, face.depth, atol=1e-5)
    stacked = model.predict(np.stack([pixels, pixels]))
    assert len(stacked) == 2
    assert len(model.part_names) == face.parts == model.config.model.parts


def test_a_face_turns_and_is_relit(model, face):
    front, left, right = (model.render(face, yaw=yaw, size=64) for yaw in (0, -30, 30))
    assert front.shape == (64, 64, 3) and front.dtype == np.uint8
    assert np.abs(left.astype(int) - right).mean() > 5
    one, other = (model.render(face, light=(x, 0, 1), size=64) for x in (-1, 1))
    half = np.s_[16:48, 16:32]  # the picture's left of the face
    assert one[half].mean() > other[half].mean() + 1


def test_the_mesh_is_the_face(model, face):
    alone, whole = model.mesh(face), model.mesh(face, background=True)
    assert 0 < len(alone.vertices) < len(whole.vertices) == face.depth.size


def test_a_part_of_another_face_is_put_in_its_place(model, face):
    darker = np.asarray(Image.open(ASTRONAUT).convert("RGB"))[:, ::-1] // 2 + 40
    (donor,) = model.predict(darker)
    mixture = model.mix(face, donor, ["mouth"])
    mouth = model.part_names.index("mouth")
    np.testing.assert_array_equal(mixture.part_depth[mouth], donor.part_depth[mouth])
    np.testing.assert_array_equal(mixture.part_depth[:mouth], face.part_depth[:mouth])
    np.testing.assert_allclose(mixture.rotation_degrees, face.rotation_degrees, atol=1e-4)
    np.testing.assert_array_equal(mixture.light, face.light)
    upper = np.s_[:24]  # of 64 rows, above the mouth
    np.testing.assert_allclose(mixture.depth[upper], face.depth[upper], atol=1e-4)
    assert model.render(mixture, yaw=30, size=64).shape == (64, 64, 3)
    assert len(model.mesh(mixture).vertices) > 0
    with pytest.raises(ValueError, match="called 'lips'; there are background, forehead, eyes"):
        model.mix(face, donor, ["eyes", "lips"])


def test_loading_does_not_depend_on_what_the_process_trains(model, face):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        found = igc_tf.load("photos").predict(ASTRONAUT)[0]
        assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    np.testing.assert_allclose(found.depth, face.depth, atol=1e-5)


@pytest.mark.parametrize(
    "photo, why",
    [
        (np.zeros([8, 8, 3], np.float32), "uint8"),
        (np.zeros([8, 8, 4], np.uint8), r"\[8, 8, 4\]"),
        ("docs/training.md", "docs/training.md: "),
    ],
)
def test_what_is_no_photo_is_refused(model, photo, why):
    with pytest.raises(ValueError, match=why):
        model.predict(photo)


def test_a_photo_that_is_not_there_is_named(model):
    with pytest.raises(FileNotFoundError, match="nobody.jpg"):
        model.predict("nobody.jpg")


def test_a_light_needs_a_direction(model, face):
    with pytest.raises(ValueError, match="no direction"):
        model.render(face, light=(0, 0, 0))


def test_a_name_that_is_none_is_told_the_ones_there_are():
    with pytest.raises(FileNotFoundError, match="no_such.*photos, synthetic"):
        igc_tf.load("no_such")
