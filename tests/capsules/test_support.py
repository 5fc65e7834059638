"""Supports: how foreground parts share one surface, and the layout they may start from."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.capsules import support
from igc_tf.capsules.decoders import CapsuleDecoders
from igc_tf.config import Config
from igc_tf.structures import PartEmbeddings


def test_two_parts_with_shares_of_three_quarters_and_a_quarter():
    raw = tf.constant([[1.0, 5.0]])[:, :, tf.newaxis, tf.newaxis]
    logits = tf.math.log([[3.0, 1.0]])[:, :, tf.newaxis, tf.newaxis]
    surface, behind = support.share_out(raw, logits)
    np.testing.assert_allclose(surface[0, 0, 0, 0], 0.75 * 1.0 + 0.25 * 5.0, rtol=1e-6)
    np.testing.assert_allclose(behind[0, :, 0, 0], [np.log(4 / 3), np.log(4.0)], rtol=1e-6)


def test_a_part_without_support_has_no_say_in_the_surface():
    raw = tf.Variable([[[[1.0]], [[5.0]]]])
    with tf.GradientTape() as tape:
        surface, _ = support.share_out(raw, tf.constant([[[[0.0]], [[-40.0]]]]))
    np.testing.assert_allclose(tape.gradient(surface, raw)[0, :, 0, 0], [1.0, 0.0], atol=1e-6)


def test_bounded_keeps_small_values_and_cuts_large_ones():
    found = support.bounded(tf.constant([0.01, -0.01, 50.0, -50.0]), 2.0)
    np.testing.assert_allclose(found, [0.01, -0.01, 2.0, -2.0], rtol=1e-4)
    np.testing.assert_array_equal(support.bounded(tf.constant([50.0]), 0.0), [50.0])


def test_the_layout_of_a_face_names_the_right_part_at_each_place():
    layout = support.face_layout(64, eye_line=0.5, mouth_line=0.75, eye_distance=0.25)
    np.testing.assert_array_equal(layout, layout[:, :, ::-1])
    assert layout.min() >= -1 and layout.max() <= 1
    owner = layout.argmax(0)
    places = {"eyes": (32, 24), "mouth": (48, 32), "forehead": (8, 32), "nose": (38, 32)}
    for name, place in {**places, "cheeks": (42, 18)}.items():
        assert support.FACE[owner[place]] == name
    assert support.FACE[owner[32, 40]] == "eyes"  # the other one


def _decoders(**values) -> CapsuleDecoders:
    config = Config().replace(
        image_size=32,
        map_size=32,
        decoder_channels=4,
        shape_dim=8,
        albedo_dim=8,
        view_dim=4,
        **values,
    )
    return CapsuleDecoders(config.model)


def _embeddings(seed: int = 0) -> PartEmbeddings:
    generator = tf.random.Generator.from_seed(seed)
    return PartEmbeddings(*(generator.normal([2, 6, dim]) for dim in (8, 8, 4)))


def test_the_nearest_part_is_the_one_with_most_support():
    decoders = _decoders(part_recess=0.005, part_layout="face", support_freedom=1e-6)
    depth = decoders(_embeddings()).depth.numpy()
    layout = support.face_layout(32, 0.475, 0.768, 0.235)
    inside = depth[:, 1:].max(1) < 1.09  # beyond, all of them are cut at max_depth
    owner = np.broadcast_to(layout.argmax(0), inside.shape)
    clear = inside & (np.sort(layout, 0)[-1] - np.sort(layout, 0)[-2] > 0.05)
    np.testing.assert_array_equal(depth[:, 1:].argmin(1)[clear], owner[clear])
    assert depth.max() <= np.float32(1.1)


def test_off_there_is_no_support_and_no_second_channel():
    decoders = _decoders()
    decoders(_embeddings())
    assert not [v.name for v in decoders.weights if "support" in v.name]
    assert decoders.depth.to_map.filters == 1


def test_a_layout_without_recess_is_refused():
    with pytest.raises(ValueError, match="part_recess"):
        Config().replace(part_layout="face")


def test_symmetric_parts_are_even_in_x_and_the_background_is_free():
    decoders = _decoders(part_recess=0.005, part_layout="face", symmetric_parts=True)
    decoders(_embeddings())
    decoders.support.assign(tf.random.stateless_normal(decoders.support.shape, [1, 2]))
    found = decoders(_embeddings())
    for maps, axis in ((found.depth, 3), (found.albedo, 3)):
        mirrored = tf.reverse(maps, [axis])
        np.testing.assert_allclose(maps[:, 1:], mirrored[:, 1:], atol=1e-6)
        assert np.abs(maps[:, 0] - mirrored[:, 0]).max() > 1e-5


def test_view_gain_undoes_the_division_by_the_parts():
    plain, gained = _decoders(), _decoders(view_gain=36.0)
    given = _embeddings()
    plain(given), gained(given)
    gained.set_weights(plain.get_weights())
    scaled = given._replace(view=36.0 * given.view)
    np.testing.assert_allclose(gained(given).pose.rotation, plain(scaled).pose.rotation, rtol=1e-6)


def test_tilt_range_bounds_pitch_and_roll_but_not_yaw():
    decoders = _decoders(tilt_range_degrees=30.0, rotation_range_degrees=60.0)
    given = _embeddings()
    decoders(given)
    decoders.pose.layers[1].bias.assign(tf.fill([6], 20.0))  # tanh = 1 on every axis
    found = np.degrees(decoders(given).pose.rotation)
    np.testing.assert_allclose(found, np.broadcast_to([30.0, 60.0, 30.0], (2, 6, 3)), rtol=1e-4)


def test_parts_are_called_as_a_person_or_the_layout_names_them_else_by_number(tiny):
    assert support.part_names(tiny.model) == ["background", "part 1", "part 2"]
    face = Config().replace(part_layout="face", part_recess=0.01)
    assert support.part_names(face.model) == ["background", *support.FACE]
    named = tiny.replace(part_names="eyes,nose with mouth")
    assert support.part_names(named.model) == ["background", "eyes", "nose with mouth"]
