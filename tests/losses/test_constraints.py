"""Contrast, sparsity, background separation and smoothness against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.losses import constraints

# ---- contrastive ---------------------------------------------------------------------------------


def random_embeddings(images=4, parts=3, dims=5, seed=0):
    return tf.random.stateless_normal([images, parts, dims], [seed, 7])


def contrastive_by_loops(embeddings, temperature):
    """The formula of the docstring, a loop for every sum."""
    unit = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
    images, parts, _ = unit.shape
    losses = np.zeros(images)
    for a in range(images):
        for m in range(parts):
            negatives = sum(
                math.exp(unit[a, m] @ unit[b, n] / temperature)
                for b in range(images)
                for n in range(parts)
                if n != m
            )
            terms = []
            for b in range(images):
                if b != a:
                    positive = math.exp(unit[a, m] @ unit[b, m] / temperature)
                    terms.append(-math.log(positive / (positive + negatives)))
            losses[a] += np.mean(terms) / parts
    return losses


def test_contrastive_preset():
    # Two images, two capsules, each along its own axis in both images, of any length; t = 1.
    # Each anchor: one positive of cosine 1, two negatives (its own image's too) of cosine 0.
    # -ln(e / (e + 2)) = ln(1 + 2 / e), for all.
    embeddings = tf.constant([[[2.0, 0.0], [0.0, 0.3]], [[5.0, 0.0], [0.0, 1.0]]])
    expected = math.log(1 + 2 / math.e)
    np.testing.assert_allclose(constraints.contrastive(embeddings, 1.0), [expected] * 2, rtol=1e-6)
    # Capsules swapped in the second image: positives of cosine 0. Negatives: the image's other
    # capsule of cosine 0, the other image's other capsule of cosine 1. ln(1 + (1 + e) / 1).
    swapped = tf.stack([embeddings[0], embeddings[1, ::-1]])
    expected = math.log(2 + math.e)
    np.testing.assert_allclose(constraints.contrastive(swapped, 1.0), [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_contrastive_equals_the_formula_written_as_loops(temperature):
    embeddings = random_embeddings()
    np.testing.assert_allclose(
        constraints.contrastive(embeddings, temperature),
        contrastive_by_loops(embeddings.numpy().astype(np.float64), temperature),
        rtol=1e-5,
    )


@pytest.mark.parametrize("shape", [(1, 3, 5), (4, 1, 5)], ids=["one image", "one capsule"])
def test_contrastive_without_another_image_or_capsule_is_zero(shape):
    embeddings = tf.Variable(random_embeddings(*shape))
    with tf.GradientTape() as tape:
        value = constraints.contrastive(embeddings, 0.1)
    np.testing.assert_array_equal(value, np.zeros(shape[0]))
    np.testing.assert_array_equal(tape.gradient(value, embeddings), np.zeros(shape))


@pytest.mark.parametrize("offset_type", [int, tf.constant])
def test_contrastive_of_two_halves_equals_the_whole_batch(offset_type):
    # Two devices of three images each, as tf.distribute would split them.
    embeddings = tf.Variable(random_embeddings(6))
    with tf.GradientTape(persistent=True) as tape:
        whole = constraints.contrastive(embeddings, 0.1)
        halves = tf.concat(
            [
                constraints.contrastive(embeddings[:3], 0.1, embeddings, offset_type(0)),
                constraints.contrastive(embeddings[3:], 0.1, embeddings, offset_type(3)),
            ],
            axis=0,
        )
    np.testing.assert_allclose(halves, whole, rtol=1e-6)
    np.testing.assert_allclose(
        tape.gradient(halves, embeddings), tape.gradient(whole, embeddings), atol=1e-5
    )


def test_contrastive_takes_embeddings_of_zero():
    # A capsule that owns no dimension has one.
    embeddings = tf.Variable(tf.concat([tf.zeros([2, 1, 4]), random_embeddings(2, 2, 4)], axis=1))
    with tf.GradientTape() as tape:
        value = constraints.contrastive(embeddings, 0.1)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, embeddings)).all()


def test_contrastive_descent_brings_a_capsule_together_over_the_images():
    embeddings = tf.Variable(random_embeddings(3, 3, 6))

    def cosines():
        """Mean cosine of equal capsules in different images, and of different capsules."""
        unit = tf.math.l2_normalize(embeddings, axis=-1).numpy()
        similarity = np.einsum("amd,bnd->abmn", unit, unit)
        equal = np.eye(3, dtype=bool)
        return similarity[~equal][:, equal].mean(), similarity[:, :, ~equal].mean()

    same_before, other_before = cosines()
    for _ in range(40):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(constraints.contrastive(embeddings, 0.5))
        embeddings.assign_sub(2.0 * tape.gradient(loss, embeddings))
    same, other = cosines()
    assert same > max(0.9, same_before) and other < min(0.0, other_before)


# ---- sparsity ------------------------------------------------------------------------------------


def visibility_of(*shares):
    """`[1, M, 10, 10]` soft visibility that gives each part its share of the view."""
    maps = tf.constant(shares, tf.float32)[tf.newaxis, :, tf.newaxis, tf.newaxis]
    return tf.tile(maps, [1, 1, 10, 10])


def test_areas_preset():
    visibility = np.zeros([1, 2, 2, 4], np.float32)
    visibility[0, 0, 0] = 1.0  # half of the view
    visibility[0, 1, 1, :2] = 0.5  # a quarter of it, half visible
    np.testing.assert_allclose(constraints.areas(visibility), [[0.5, 0.125]])


def test_sparsity_preset():
    # Background 0.55; parts 0.3, 0.1, 0.05 and 0 under a cap of 0.2 and above a floor of 0.08:
    # (0.3 - 0.2) + 0 + (0.08 - 0.05) + (0.08 - 0) = 0.21. The background may have any size.
    visibility = visibility_of(0.55, 0.3, 0.1, 0.05, 0.0)
    np.testing.assert_allclose(constraints.sparsity(visibility, 0.2, 0.08), [0.21], rtol=1e-5)
    np.testing.assert_allclose(constraints.sparsity(visibility, 0.2), [0.1], rtol=1e-5)


def test_sparsity_gradient_reaches_only_foreground_parts_outside_the_bounds():
    visibility = tf.Variable(visibility_of(0.55, 0.3, 0.1, 0.05))
    with tf.GradientTape() as tape:
        value = constraints.sparsity(visibility, 0.2, 0.08)
    gradient = tape.gradient(value, visibility)
    # Each pixel is a hundredth of the view: +0.01 above the cap, -0.01 below the floor.
    expected = visibility_of(0.0, 0.01, 0.0, -0.01)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_sparsity_of_a_single_capsule_is_zero():
    np.testing.assert_array_equal(constraints.sparsity(visibility_of(1.0), 0.1, 0.03), [0.0])


# ---- background ----------------------------------------------------------------------------------


def test_background_preset():
    # 2 x 2; the left column is background. Cross entropy, mean of the four pixels:
    # -(ln 0.8 + ln(1 - 0.1) + ln 0.5 + ln(1 - 0.3)) / 4.
    visible = tf.constant([[0.8, 0.1], [0.5, 0.3]])
    soft = tf.stack([visible, 1.0 - visible])[tf.newaxis]
    region = tf.constant([[[1.0, 0.0], [1.0, 0.0]]])
    expected = -(math.log(0.8) + math.log(0.9) + math.log(0.5) + math.log(0.7)) / 4
    np.testing.assert_allclose(constraints.background(soft, region), [expected], rtol=1e-6)


def test_background_gradient_reaches_only_the_background_visibility():
    soft = tf.Variable(tf.random.stateless_uniform([1, 3, 4, 4], [0, 4], 0.2, 0.8))
    region = tf.cast(tf.random.stateless_uniform([1, 4, 4], [0, 5]) > 0.5, tf.float32)
    with tf.GradientTape() as tape:
        value = constraints.background(soft, region)
    gradient = tape.gradient(value, soft)
    # d/dV: -1 / (16 V) inside the region, +1 / (16 (1 - V)) outside; the other parts get nothing.
    v = soft[0, 0].numpy()
    expected = np.where(region[0].numpy() > 0, -1 / (16 * v), 1 / (16 * (1 - v)))
    np.testing.assert_allclose(gradient[0, 0], expected, rtol=1e-5)
    np.testing.assert_array_equal(gradient[0, 1:], np.zeros([2, 4, 4]))


def test_background_stays_finite_at_zero_and_one():
    # Wrong everywhere, as wrong as it can be: -ln(1e-6) a pixel; 1 - 1e-6 in float32 is not exact.
    soft = tf.reshape([0.0, 1.0], [1, 1, 1, 2])
    value = constraints.background(soft, tf.constant([[[1.0, 0.0]]]))
    np.testing.assert_allclose(value, [-math.log(1e-6)], rtol=0.01)


def sphere_over_wall(size=32, radius=8.0):
    """`[1, 2, size, size]`: a flat background capsule, and a part that bulges in the middle."""
    axis = np.arange(size) + 0.5 - size / 2
    r = np.hypot(axis[:, None], axis[None, :])
    part = np.where(r < radius, 0.95, 1.05)
    return tf.constant(np.stack([np.full_like(part, 0.9), part])[np.newaxis], tf.float32), r


def test_background_region_is_what_lies_behind_the_foreground_parts():
    depth, r = sphere_over_wall()
    region = constraints.background_region(depth, 0.3, 1.0).numpy()
    assert region.shape == (1, 32, 32) and set(np.unique(region)) == {0.0, 1.0}
    # Smoothing by 1 px moves an edge of two levels by less than 2 px.
    assert (region[0][r < 6] == 0).all() and (region[0][r > 10] == 1).all()


def test_background_region_ignores_the_background_capsule():
    depth, _ = sphere_over_wall()
    region = constraints.background_region(depth, 0.3, 1.0)
    random_wall = tf.random.stateless_uniform([1, 1, 32, 32], [0, 6], 0.9, 1.1)
    with_another_wall = tf.concat([random_wall, depth[:, 1:]], axis=1)
    np.testing.assert_array_equal(
        constraints.background_region(with_another_wall, 0.3, 1.0), region
    )


def test_background_region_is_not_cheated_by_a_checkerboard():
    # Two parts that interleave far and near in the left half; smoothed, it is one even surface that
    # lies in front of the wall at the right.
    board = (np.indices([32, 32]).sum(axis=0) % 2).astype(np.float32)
    left = np.arange(32) < 16
    near_far = np.where(left, 0.93 + 0.1 * board, 1.09)
    far_near = np.where(left, 0.93 + 0.1 * (1 - board), 1.09)
    depth = np.stack([np.full([32, 32], 1.0), near_far])[np.newaxis].astype(np.float32)
    region = constraints.background_region(tf.constant(depth), 0.0, 2.0).numpy()[0]
    assert (region[:, :13] == 0).all() and (region[:, 19:] == 1).all()
    # Both parts together: the nearest of them counts, here even 0.93 everywhere at the left.
    both = np.stack([np.full([32, 32], 1.0), near_far, far_near])[np.newaxis].astype(np.float32)
    region = constraints.background_region(tf.constant(both), 0.0, 2.0).numpy()[0]
    assert (region[:, :13] == 0).all() and (region[:, 19:] == 1).all()


def test_background_region_shrinks_as_its_threshold_grows():
    depth = tf.random.stateless_uniform([2, 3, 32, 32], [0, 8], 0.9, 1.1)
    shares = [
        constraints.background_region(depth, threshold, 2.0).numpy().mean(axis=(1, 2))
        for threshold in (-1.0, 0.0, 1.0)
    ]
    # Of a smooth random surface about half lies beyond the mean.
    assert (shares[0] > shares[1]).all() and (shares[1] > shares[2]).all()
    assert (np.abs(shares[1] - 0.5) < 0.15).all()


def test_background_region_is_a_constant_to_the_gradient():
    depth = tf.Variable(sphere_over_wall()[0])
    with tf.GradientTape() as tape:
        region = constraints.background_region(depth, 0.3, 1.0)
    assert tape.gradient(region, depth) is None


# ---- smoothness ----------------------------------------------------------------------------------


def test_smoothness_preset():
    # 2 x 2, a range of 0.2: a step of 0.1 is half a range on half the map's side, a slope of 1.
    # Down 1 and 3, mean square 5; to the right 2 and 4, mean square 10. A flat part halves it.
    part = tf.constant([[0.5, 0.7], [0.6, 1.0]])
    one = part[tf.newaxis, tf.newaxis]
    np.testing.assert_allclose(constraints.smoothness(one, 0.2), [15.0], rtol=1e-5)
    two = tf.stack([part, tf.ones([2, 2])])[tf.newaxis]
    np.testing.assert_allclose(constraints.smoothness(two, 0.2), [7.5], rtol=1e-5)


def test_smoothness_of_a_ramp_does_not_depend_on_the_resolution():
    values = []
    for size in (16, 64):
        ramp = (np.arange(size, dtype=np.float32) + 0.5) / size * 0.2 + 0.9
        depth = tf.tile(tf.reshape(ramp, [1, 1, 1, size]), [1, 1, size, 1])
        values.append(float(constraints.smoothness(depth, 0.2)[0]))
    # One range over the map's side: slope 1.
    np.testing.assert_allclose(values, [1.0, 1.0], rtol=1e-4)


def test_smoothness_prefers_a_ramp_to_a_step_of_the_same_height():
    ramp = tf.reshape(tf.linspace(0.9, 1.1, 16), [1, 1, 1, 16])
    step = tf.where(ramp < 1.0, 0.9, 1.1)
    both = [constraints.smoothness(tf.tile(d, [1, 1, 16, 1]), 0.2)[0] for d in (ramp, step)]
    # Fifteen slopes of 16/15 against one of 16: (16/15)^2 and 16^2 / 15.
    np.testing.assert_allclose(both, [256 / 225, 256 / 15], rtol=1e-4)


def test_smoothness_gradient_reaches_every_part_that_is_not_flat():
    depth = tf.Variable(
        tf.concat([tf.ones([1, 1, 4, 4]), tf.random.stateless_normal([1, 2, 4, 4], [0, 9])], axis=1)
    )
    with tf.GradientTape() as tape:
        value = constraints.smoothness(depth, 0.2)
    gradient = np.abs(tape.gradient(value, depth).numpy()).sum(axis=(0, 2, 3))
    assert gradient[0] == 0 and (gradient[1:] > 0).all()
