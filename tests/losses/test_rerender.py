"""Pictures that the model renders of its own finds: random poses, and what must be found again."""

import math

import numpy as np
import tensorflow as tf

from igc_tf import igc_net
from igc_tf.losses import rerender
from igc_tf.structures import Rerendered

LIMITS = tf.constant([0.5, 1.0, 0.25])


def test_rotations_fill_their_ranges_and_follow_the_seed():
    found = rerender.rotations(
        4000, math.radians(40), math.radians(10), tf.constant([1, 2])
    ).numpy()
    np.testing.assert_allclose(np.degrees(found.max(0)), [10, 40, 10], rtol=0.01)
    np.testing.assert_allclose(np.degrees(found.min(0)), [-10, -40, -10], rtol=0.01)
    np.testing.assert_allclose(found.std(0) * math.sqrt(12), found.max(0) - found.min(0), rtol=0.05)
    again = rerender.rotations(4000, math.radians(40), math.radians(10), tf.constant([1, 2]))
    other = rerender.rotations(4000, math.radians(40), math.radians(10), tf.constant([1, 3]))
    np.testing.assert_array_equal(found, again)
    assert np.abs(found - other).max() > 0.1


def test_pose_loss_by_hand():
    asked = tf.constant([[0.1, 0.2, 0.0], [0.0, 0.0, 0.0]])
    found = tf.constant([[0.1, 0.7, 0.0], [0.0, 0.0, 0.25]])
    values = rerender.pose_loss(Rerendered(asked, found), LIMITS)
    np.testing.assert_allclose(values, [0.25 / 3, 1.0 / 3], rtol=1e-6)


def test_a_rerendering_teaches_encoder_and_pose_and_leaves_the_drawing_alone(tiny):
    tf.keras.utils.set_random_seed(0)
    model = igc_net.build(tiny)
    size = tiny.model.image_size
    image = tf.random.stateless_uniform([2, size, size, 3], [0, 1])
    rotation = rerender.rotations(2, 0.5, 0.2, tf.constant([0, 1]))
    with tf.GradientTape(persistent=True) as tape:
        found = model.rerender(model(image, training=True), rotation)
        loss = tf.reduce_sum(rerender.pose_loss(found, LIMITS))
    np.testing.assert_array_equal(found.asked, rotation)
    reached = {
        part: any(g is not None for g in tape.gradient(loss, part.trainable_variables))
        for part in (model.encoder, model.decoders.pose, model.decoders.depth, model.lighting)
    }
    assert list(reached.values()) == [True, True, False, False]


def test_the_pose_of_an_unturned_rerendering_is_the_photos(tiny):
    """Rendered in the pose that was found, a perfect reconstruction would be found there again."""
    tf.keras.utils.set_random_seed(0)
    model = igc_net.build(tiny)
    size = tiny.model.image_size
    image = tf.random.stateless_uniform([2, size, size, 3], [0, 1])
    output = model(image)
    found = model.rerender(output, output.pose.rotation)
    once_more = model(tf.clip_by_value(output.rendering.image, 0.0, 1.0))
    np.testing.assert_allclose(found.found, once_more.pose.rotation, atol=1e-5)
