"""The pose: which way its angles turn, and that its inverse undoes it."""

import math

import numpy as np
import tensorflow as tf

from igc_tf.graphics import pose
from igc_tf.structures import Pose

NOSE = [[[0.0, 0.0, -0.9]]]  # a tenth in front of the pivot (0, 0, -1)


def moved(point, pitch=0.0, yaw=0.0, roll=0.0, translation=(0.0, 0.0, 0.0)):
    view = Pose(tf.constant([[pitch, yaw, roll]]), tf.constant([translation]))
    return pose.apply(view, tf.constant(point))[0, 0].numpy()


def random_pose(count, seed=0):
    return Pose(
        tf.random.stateless_uniform([count, 3], [seed, 1], -1.5, 1.5),
        tf.random.stateless_uniform([count, 3], [seed, 2], -0.2, 0.2),
    )


def test_identity_moves_nothing():
    points = tf.random.stateless_normal([3, 5, 3], [0, 3])
    np.testing.assert_allclose(pose.apply(pose.identity(3), points), points, atol=1e-6)


def test_yaw_turns_the_nose_to_the_pictures_right():
    # 30 degrees about y: x = 0.1 sin 30, z = -1 + 0.1 cos 30.
    expected = [0.05, 0.0, -1 + 0.1 * math.cos(math.pi / 6)]
    np.testing.assert_allclose(moved(NOSE, yaw=math.pi / 6), expected, atol=1e-6)


def test_pitch_turns_the_nose_down():
    expected = [0.0, -0.05, -1 + 0.1 * math.cos(math.pi / 6)]
    np.testing.assert_allclose(moved(NOSE, pitch=math.pi / 6), expected, atol=1e-6)


def test_roll_turns_the_picture_counter_clockwise():
    # What is at the right goes up, what is above goes to the left.
    np.testing.assert_allclose(
        moved([[[0.1, 0.0, -1.0]]], roll=math.pi / 2), [0, 0.1, -1], atol=1e-6
    )
    np.testing.assert_allclose(
        moved([[[0.0, 0.1, -1.0]]], roll=math.pi / 2), [-0.1, 0, -1], atol=1e-6
    )


def test_translation_comes_after_the_rotation():
    found = moved(NOSE, yaw=math.pi / 2, translation=(0.01, 0.02, 0.03))
    np.testing.assert_allclose(found, [0.1 + 0.01, 0.02, -1 + 0.03], atol=1e-6)


def test_rotation_matrix_is_roll_after_yaw_after_pitch():
    angles = [0.3, -0.5, 0.8]
    (sa, ca), (sb, cb), (sc, cc) = [(math.sin(a), math.cos(a)) for a in angles]
    x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    np.testing.assert_allclose(pose.rotation_matrix(tf.constant([angles]))[0], z @ y @ x, atol=1e-6)


def test_the_pivot_stays_where_it_is():
    view = Pose(random_pose(4).rotation, tf.zeros([4, 3]))
    pivot = tf.tile(tf.constant([[pose.PIVOT]]), [4, 1, 1])
    np.testing.assert_allclose(pose.apply(view, pivot), pivot, atol=1e-6)


def test_apply_keeps_distances():
    points = tf.random.stateless_normal([4, 2, 3], [0, 4])
    before, after = points, pose.apply(random_pose(4), points)
    np.testing.assert_allclose(
        tf.norm(after[:, 0] - after[:, 1], axis=-1),
        tf.norm(before[:, 0] - before[:, 1], axis=-1),
        rtol=1e-5,
    )


def test_merge_is_the_mean_of_the_parts():
    parts = Pose(
        tf.constant([[[0.1, 0.2, 0.3], [0.3, 0.0, -0.3]]]),
        tf.constant([[[0.0, 0.02, 0.0], [0.04, 0.0, 0.0]]]),
    )
    merged = pose.merge(parts)
    np.testing.assert_allclose(merged.rotation, [[0.2, 0.1, 0.0]], atol=1e-7)
    np.testing.assert_allclose(merged.translation, [[0.02, 0.01, 0.0]], atol=1e-7)


def test_gradient_reaches_pose_and_points():
    view = Pose(tf.zeros([1, 3]), tf.zeros([1, 3]))
    points = tf.constant(NOSE)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([view, points])
        x, y, z = tf.unstack(pose.apply(view, points)[0, 0])
    # At no rotation: dx/dyaw = 0.1, dy/dpitch = -0.1; a point on the axis does not feel the roll.
    np.testing.assert_allclose(tape.gradient(x, view.rotation), [[0, 0.1, 0]], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, view.rotation), [[-0.1, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(z, view.translation), [[0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(tape.gradient(x, points), [[[1, 0, 0]]], atol=1e-6)
