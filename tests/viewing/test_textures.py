"""Textures from a photo whose surface, albedo, pose and light are known."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.config import ModelConfig
from igc_tf.graphics import renderer
from igc_tf.structures import Light, Pose
from igc_tf.viewing import meshes, textures, turntable

SIZE, FINE = 64, 256


def photographed(face, true_albedo, yaw_degrees, light=(0.6, 0.4, 0.5, 0.3, 0.8)):
    """The face as a photo of 256 px shows it with that albedo, of which the mean alone is found."""
    depth = textures.enlarged(face.depth, FINE)
    direction = np.array(light[2:]) / np.linalg.norm(light[2:])
    strengths = [tf.constant([value], tf.float32) for value in light[:2]]
    rotation = np.array([0.0, yaw_degrees, 0.0])
    camera = renderer.Renderer((FINE, FINE))
    picture = camera(
        tf.constant(depth[np.newaxis]),
        tf.constant(true_albedo[np.newaxis], tf.float32),
        Light(*strengths, tf.constant(direction[np.newaxis], tf.float32)),
        Pose(tf.constant(np.radians(rotation)[np.newaxis], tf.float32), tf.zeros([1, 3])),
    )
    image = np.clip(picture.image[0].numpy(), 0.0, 1.0)
    keep = face.canonical_visibility[0] == 0
    small = true_albedo.reshape(SIZE, 4, SIZE, 4, 3).mean((1, 3))
    plain = np.where(keep[..., np.newaxis], small[keep].mean(0), face.albedo)
    return dataclasses.replace(
        face,
        image=image.reshape(SIZE, 4, SIZE, 4, 3).mean((1, 3)),
        photo=np.rint(255 * image),
        albedo=plain,
        shading=picture.shading[0].numpy().reshape(SIZE, 4, SIZE, 4).mean((1, 3)),
        rotation_degrees=rotation,
        translation=np.zeros(3),
        light=np.concatenate([light[:2], direction]),
    )


@pytest.fixture(scope="module")
def striped():
    """`[256, 256, 3]`: stripes of 4 px, the same on both sides."""
    bright = 0.5 + 0.2 * np.sign(np.sin(2 * np.pi * (np.arange(FINE) + 0.5) / 8))
    return np.broadcast_to(bright[:, np.newaxis, np.newaxis] * [1.0, 0.8, 0.7], (FINE, FINE, 3))


def inner(face):
    """Texels of the face, not of its rim; and those of its right half alone, seen from the left."""
    axis = (np.arange(FINE) + 0.5) / FINE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    whole = (x / 0.6) ** 2 + (y / 0.8) ** 2 < 1
    return whole, whole & (x > 0.35), whole & (x < -0.35)


def test_what_the_photo_shows_is_in_the_texture_without_its_light(face, striped):
    whole, _, _ = inner(face)
    found = textures.of(photographed(face, striped, 0.0), "photo")
    assert found.shape == (FINE, FINE, 3) and found.dtype == np.float32
    assert np.abs(found - striped)[whole].mean() < 0.25 * np.abs(striped - 0.5).mean()
    tone = found[whole].mean(0) / striped[whole].mean(0)
    np.testing.assert_allclose(tone, 1.0, atol=0.03)


@pytest.mark.parametrize("yaw", [-50.0, 50.0])
def test_what_it_does_not_show_is_mirrored(face, striped, yaw):
    whole, right, left = inner(face)
    result = photographed(face, striped, yaw)
    found = textures.of(result, "photo")
    hidden, seen = (right, left) if yaw > 0 else (left, right)
    for where in (seen, hidden):
        assert np.corrcoef(found[where].ravel(), striped[where].ravel())[0, 1] > 0.75
    # Something red on the side that is seen stays there, and is on the other too.
    marked = np.array(striped)
    place = np.s_[100:140, 60:80] if yaw > 0 else np.s_[100:140, 176:196]
    marked[place] = (0.9, 0.1, 0.1)
    found = textures.of(photographed(face, marked, yaw), "photo")
    red = found[..., 0] - found[..., 1]
    assert red[place].mean() > 0.6 and red[:, ::-1][place].mean() > 0.35
    # And on the side that is hidden it is not known of.
    mirrored = np.array(marked[:, ::-1])
    found = textures.of(photographed(face, mirrored, yaw), "photo")
    assert (found[..., 0] - found[..., 1])[place].mean() < 0.3


def test_a_photo_of_few_pixels_and_a_background_keep_theirs(face, striped):
    result = dataclasses.replace(photographed(face, striped, 0.0), photo=None)
    found = textures.of(result, "photo")
    assert np.abs(found - striped)[inner(face)[0]].mean() < 0.16  # no stripe is seen
    np.testing.assert_allclose(found[:16, :16], textures.enlarged(face.albedo, FINE)[:16, :16])


def test_albedo_is_the_capsules(face):
    np.testing.assert_array_equal(textures.of(face, "albedo"), face.albedo)
    whole = dataclasses.replace(
        face, canonical_visibility=np.eye(6)[0][:, None, None] + 0 * face.canonical_visibility
    )
    np.testing.assert_array_equal(textures.of(whole, "photo"), face.albedo)  # there is no face
    with pytest.raises(ValueError, match="texture='oil': there are albedo and photo"):
        textures.of(face, "oil")


def test_meshes_and_moving_faces_have_it(face, striped):
    result = photographed(face, striped, 0.0)
    rough = []
    for kind in textures.KINDS:
        picture = np.asarray(meshes.face_mesh(result, texture=kind).visual.material.image)
        view = turntable.View((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0))
        model = ModelConfig(static_background=True)
        (frame,) = turntable.render(result, model, [view], FINE, kind)
        middle = np.s_[96:160, 96:160]
        rough.append(
            [np.abs(np.diff(one[middle], axis=0)).mean() for one in (picture / 255, frame / 255)]
        )
    assert np.max(rough[0]) < 0.01 and np.min(rough[1]) > 0.03
