"""The assembly by depth, by hand on two parts of 2 x 2 pixels."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.capsules import assembly
from igc_tf.structures import ObjectCapsule, PartCapsules


def part_capsules(depth, albedo=None):
    depth = tf.convert_to_tensor(depth)
    if albedo is None:
        albedo = tf.random.stateless_uniform([*depth.shape, 3], [0, 1])
    return PartCapsules(None, depth, tf.convert_to_tensor(albedo), None)


def two_parts():
    """Part 0 nearer at the left by 0.01 and 0.02, part 1 nearer at the right; red and blue."""
    depth = tf.constant([[[[1.00, 1.03], [0.98, 1.00]], [[1.01, 1.00], [1.00, 0.97]]]])
    albedo = np.zeros([1, 2, 2, 2, 3], np.float32)
    albedo[0, 0, ..., 0] = 0.8
    albedo[0, 1, ..., 2] = 0.6
    return part_capsules(depth, albedo)


def test_visibility_is_one_where_a_part_is_nearest():
    found = assembly.assemble(two_parts()).visibility
    np.testing.assert_array_equal(found, [[[[1, 0], [1, 0]], [[0, 1], [0, 1]]]])


def test_soft_visibility_preset():
    found = assembly.assemble(two_parts(), visibility_sharpness=100.0).soft_visibility
    # Of two parts 1 / (1 + e^(-100 x how much nearer)): 1, 2, 3, 3 in the exponent.
    s = [1 / (1 + math.exp(-k)) for k in (1, 2, 3, 3)]
    expected = [[[s[0], 1 - s[2]], [s[1], 1 - s[3]]], [[1 - s[0], s[2]], [1 - s[1], s[3]]]]
    np.testing.assert_allclose(found, [expected], rtol=1e-4)


def test_depth_preset():
    # softmax(-100 d): the nearer part's depth plus (1 - s) times the difference.
    found = assembly.assemble(two_parts(), sharpness=100.0).depth
    s = [1 / (1 + math.exp(-k)) for k in (1, 2, 3, 3)]
    expected = [
        [1.00 + (1 - s[0]) * 0.01, 1.00 + (1 - s[2]) * 0.03],
        [0.98 + (1 - s[1]) * 0.02, 0.97 + (1 - s[3]) * 0.03],
    ]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_depth_at_high_sharpness_is_the_nearest():
    depth = tf.random.stateless_uniform([2, 4, 8, 8], [0, 2], 0.9, 1.1)
    found = assembly.assemble(part_capsules(depth), sharpness=1e5).depth
    np.testing.assert_allclose(found, tf.reduce_min(depth, axis=1), atol=1e-4)


def test_albedo_is_the_nearest_parts():
    found = assembly.assemble(two_parts()).albedo
    red, blue = [0.8, 0, 0], [0, 0, 0.6]
    np.testing.assert_allclose(found, [[[red, blue], [red, blue]]], rtol=1e-6)


def test_albedo_is_blended_by_soft_visibility_if_asked():
    capsule = assembly.assemble(two_parts(), visibility_sharpness=100.0, blended=True)
    s = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(capsule.albedo[0, 0, 0], [0.8 * s, 0, 0.6 * (1 - s)], rtol=1e-4)


def test_the_first_part_wins_ties():
    depth = tf.ones([1, 3, 2, 2])
    capsule = assembly.assemble(part_capsules(depth))
    np.testing.assert_array_equal(capsule.visibility[0, 0], np.ones([2, 2]))
    np.testing.assert_array_equal(capsule.visibility[0, 1:], np.zeros([2, 2, 2]))
    np.testing.assert_allclose(capsule.soft_visibility, np.full([1, 3, 2, 2], 1 / 3), rtol=1e-6)
    np.testing.assert_allclose(capsule.depth, np.ones([1, 2, 2]), rtol=1e-6)


@pytest.mark.parametrize("parts", [1, 2, 6])
def test_shapes_and_sums(parts):
    depth = tf.random.stateless_uniform([3, parts, 8, 16], [0, 3], 0.9, 1.1)
    capsule = assembly.assemble(part_capsules(depth))
    assert capsule.depth.shape == (3, 8, 16) and capsule.albedo.shape == (3, 8, 16, 3)
    for maps in (capsule.visibility, capsule.soft_visibility):
        assert maps.shape == (3, parts, 8, 16)
        np.testing.assert_allclose(tf.reduce_sum(maps, axis=1), np.ones([3, 8, 16]), rtol=1e-5)


def test_gradients_of_the_assembly():
    depth = tf.Variable(tf.random.stateless_uniform([1, 3, 4, 4], [0, 4], 0.9, 1.1))
    albedo = tf.Variable(tf.random.stateless_uniform([1, 3, 4, 4, 3], [0, 5]))
    with tf.GradientTape(persistent=True) as tape:
        hard = assembly.assemble(part_capsules(depth, albedo))
        background = hard.soft_visibility[:, 0]
    assert tape.gradient(hard.visibility, depth) is None
    assert tape.gradient(hard.albedo, depth) is None
    # Only the part that is seen gets the albedo's gradient.
    to_albedo = tape.gradient(hard.albedo, albedo)
    np.testing.assert_array_equal(to_albedo, np.repeat(hard.visibility[..., None], 3, axis=-1))
    # The soft visibility reaches the depth of every part.
    assert (tape.gradient(background, depth).numpy() != 0).all()


def test_border_columns_are_fixed_without_gradient():
    depth = tf.Variable(tf.random.stateless_uniform([1, 2, 4, 64], [0, 6], 0.9, 1.1))
    with tf.GradientTape() as tape:
        found = assembly.assemble(part_capsules(depth), border_depth=1.04).depth
    gradient = tape.gradient(found, depth).numpy()
    found, free = found.numpy(), assembly.assemble(part_capsules(depth)).depth.numpy()
    border = np.zeros(64, bool)
    border[[0, 1, 62, 63]] = True  # 2 of 64 on each side
    np.testing.assert_allclose(found[..., border], np.full([1, 4, 4], 1.04), rtol=1e-6)
    np.testing.assert_array_equal(found[..., ~border], free[..., ~border])
    assert (
        not gradient[..., border].any() and (np.abs(gradient[..., ~border]).sum(axis=1) > 0).all()
    )


@pytest.mark.parametrize("width, columns", [(8, 1), (16, 1), (32, 1), (64, 2), (128, 4)])
def test_border_is_a_32nd_of_the_width_at_least_one_column(width, columns):
    fixed = assembly.fix_border(tf.zeros([1, 3, width]), 1.04).numpy() != 0
    expected = np.zeros([1, 3, width], bool)
    expected[..., :columns] = expected[..., -columns:] = True
    np.testing.assert_array_equal(fixed, expected)


def test_mirrored_flips_x_alone_and_twice_is_nothing():
    depth = tf.random.stateless_uniform([2, 3, 4, 6], [0, 7], 0.9, 1.1)
    capsule = assembly.assemble(part_capsules(depth))
    flipped = assembly.mirrored(capsule)
    for name, x_axis in (("depth", 2), ("albedo", 2), ("visibility", 3), ("soft_visibility", 3)):
        maps = getattr(capsule, name).numpy()
        found = getattr(flipped, name).numpy()
        np.testing.assert_array_equal(found, np.flip(maps, x_axis), err_msg=name)
        assert (found != maps).any()
    assert isinstance(flipped, ObjectCapsule)
    for ours, theirs in zip(assembly.mirrored(flipped), capsule, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_backdrop_stays_out_of_the_objects_albedo():
    parts = two_parts()
    found = assembly.assemble(parts, static_background=True)
    np.testing.assert_array_equal(found.static_background, parts.albedo[:, 0])
    # The only foreground part gives the object's albedo, wherever the background is nearer too.
    np.testing.assert_array_equal(found.albedo, parts.albedo[:, 1])
    without = assembly.assemble(parts)
    assert without.static_background is None
    np.testing.assert_array_equal(found.visibility, without.visibility)
    np.testing.assert_array_equal(found.depth, without.depth)


@pytest.mark.parametrize("blended", [False, True])
def test_before_a_backdrop_the_nearest_foreground_part_gives_the_albedo(blended):
    depth = tf.random.stateless_uniform([2, 4, 8, 8], [0, 2], 0.9, 1.1)
    parts = part_capsules(depth)
    found = assembly.assemble(
        parts, visibility_sharpness=1e6, static_background=True, blended=blended
    )
    nearest = tf.argmin(depth[:, 1:], axis=1)
    expected = tf.gather(tf.transpose(parts.albedo[:, 1:], [0, 2, 3, 1, 4]), nearest, batch_dims=3)
    np.testing.assert_allclose(found.albedo, expected, atol=1e-5)


def test_the_mirrored_object_keeps_its_backdrop():
    found = assembly.assemble(two_parts(), static_background=True)
    mirrored = assembly.mirrored(found)
    np.testing.assert_array_equal(mirrored.static_background, found.static_background)
    np.testing.assert_array_equal(mirrored.albedo, found.albedo[:, :, ::-1])
