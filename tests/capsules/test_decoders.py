"""The capsule decoders: shapes, ranges, sharing, and the depth's formulas by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import maps
from igc_tf.capsules import decoders
from igc_tf.structures import PartEmbeddings


@pytest.fixture(autouse=True)
def seeded():
    tf.keras.utils.set_random_seed(0)


def embeddings(parts, model, images=2, scale=1.0):
    def normal(seed, dim):
        return scale * tf.random.stateless_normal([images, parts, dim], [seed, 3])

    return PartEmbeddings(
        normal(0, model.shape_dim), normal(1, model.albedo_dim), normal(2, model.view_dim)
    )


def parameter_count(layer):
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)


@pytest.mark.parametrize("parts", [1, 2, 6])
@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_and_ranges(tiny, size, parts):
    model = tiny.replace(
        map_size=size,
        parts=parts,
        rotation_range_degrees=30.0,
        translation_range_xy=0.05,
        translation_range_z=0.02,
        border_depth=0.0,
    ).model
    # Large embeddings, so that tanh and sigmoid come near their ends.
    found = decoders.CapsuleDecoders(model)(embeddings(parts, model, scale=300.0))
    assert found.depth.shape == (2, parts, size, size)
    assert found.albedo.shape == (2, parts, size, size, 3)
    assert found.pose.rotation.shape == found.pose.translation.shape == (2, parts, 3)
    depth, albedo = found.depth.numpy(), found.albedo.numpy()
    assert depth.min() >= 0.9 - 1e-6 and depth.max() <= 1.1 + 1e-6 and np.ptp(depth) > 0.1
    assert albedo.min() >= 0.0 and albedo.max() <= 1.0 and np.ptp(albedo) > 0.2
    assert np.abs(found.pose.rotation).max() <= math.pi / 6 + 1e-6
    translation = np.abs(found.pose.translation).max(axis=(0, 1))
    assert (translation <= [0.050001, 0.050001, 0.020001]).all() and (translation > 0).all()


@pytest.mark.parametrize("norm", ["group", "none"])
def test_parts_share_their_weights(tiny, norm):
    model = tiny.replace(decoder_norm=norm).model
    layer = decoders.CapsuleDecoders(model)
    one = embeddings(1, model)
    three = PartEmbeddings(*[tf.repeat(block, 3, axis=1) for block in one])
    found = layer(three)
    # The same embedding decodes to the same part, whichever part it is; M changes no weight.
    for part in range(3):
        np.testing.assert_allclose(found.depth[:, part], found.depth[:, 0], atol=1e-6)
        np.testing.assert_allclose(found.albedo[:, part], found.albedo[:, 0], atol=1e-6)
        np.testing.assert_allclose(found.pose.rotation[:, part], found.pose.rotation[:, 0])
    # Different embeddings differ.
    other = layer(embeddings(3, model))
    assert np.abs(other.depth[:, 0] - other.depth[:, 1]).max() > 1e-5


def test_each_block_feeds_its_own_map(tiny):
    layer = decoders.CapsuleDecoders(tiny.model)
    given = embeddings(3, tiny.model)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(given)
        found = layer(given)
        outputs = {
            "shape": found.depth,
            "albedo": found.albedo,
            "view": tf.concat([found.pose.rotation, found.pose.translation], axis=-1),
        }
    for block, output in outputs.items():
        for other in outputs:
            gradient = tape.gradient(output, getattr(given, other))
            assert (gradient is not None) == (other == block), (block, other)


@pytest.mark.parametrize(
    "norm, expected",
    [
        # Linear(5, 5): 30. Vector to 4x4 of 4 * 4 = 16 channels: 5*256 + 256 = 1536.
        # Stages to 8, 16, 32 px with 16, 8, 4 channels, 3x3: (9*16*16 + 16) + (9*16*8 + 8)
        # + (9*8*4 + 4) = 2320 + 1160 + 292 = 3772. Map of 1 channel, 3x3: 9*4 + 1 = 37.
        ("none", 30 + 1536 + 3772 + 37),
        # Scale and offset a channel: 2 (16 + 8 + 4) = 56 more.
        ("group", 30 + 1536 + 3772 + 56 + 37),
        # Of the first three maps' channels, those of 4 px among them: 2 (16 + 16 + 8) = 80 more.
        ("inner", 30 + 1536 + 3772 + 80 + 37),
    ],
)
def test_map_decoder_parameter_count(tiny, norm, expected):
    model = tiny.replace(decoder_channels=4, decoder_norm=norm, map_size=32).model
    decoder = decoders.MapDecoder(model, dim=5, channels=1, smooth=True)
    decoder(tf.zeros([1, 2, 5]))
    assert parameter_count(decoder) == expected


@pytest.mark.parametrize(
    "channels, smooth, to_map",
    [
        # At half size the stage to 32 px is gone: 30 + 1536 + 2320 + 1160 as above, then 8 channels
        # to 1 by 3x3, or to 4 of each of 3 colors.
        (1, True, 9 * 8 * 1 + 1),
        (3, False, 9 * 8 * 12 + 12),
    ],
)
def test_half_size_head(tiny, channels, smooth, to_map):
    model = tiny.replace(
        decoder_channels=4, decoder_norm="none", decoder_head="half", map_size=32
    ).model
    decoder = decoders.MapDecoder(model, dim=5, channels=channels, smooth=smooth)
    found = decoder(tf.random.stateless_normal([2, 3, 5], [0, 1]))
    assert found.shape == (2, 3, 32, 32, channels)
    assert parameter_count(decoder) == 30 + 1536 + 2320 + 1160 + to_map
    if smooth:  # It is a map of 16 px, doubled.
        found = found.numpy()[..., 0]
        double = maps._doubling(16)
        halve = np.linalg.pinv(double)
        np.testing.assert_allclose(double @ (halve @ found @ halve.T) @ double.T, found, atol=1e-5)


def test_pose_decoder_parameter_count(tiny):
    layer = decoders.CapsuleDecoders(tiny.replace(view_dim=4).model)
    layer(embeddings(3, tiny.model))
    # Linear(4, 4) and Linear(4, 6).
    assert parameter_count(layer.pose) == (4 * 4 + 4) + (4 * 6 + 6)


def test_map_sizes_that_do_not_fit_raise(tiny):
    # Config.validate refuses it first; the decoder must not rely on that.
    model = tiny.model.__class__(map_size=48)
    with pytest.raises(ValueError, match="Maps of 48 px"):
        decoders.MapDecoder(model, 8, 1, smooth=True)


def test_bound_depth_preset():
    # Mean 2; centered -1, 1, 0, 0. Mid depth 1.0, half range 0.1.
    raw = tf.reshape([1.0, 3.0, 2.0, 2.0], [1, 1, 2, 2])
    t = 0.1 * math.tanh(1.0)
    expected = [[1.0 - t, 1.0 + t], [1.0, 1.0]]
    np.testing.assert_allclose(decoders.bound_depth(raw, 0.9, 1.1)[0, 0], expected, rtol=1e-6)
    # The bump is added after centering: tanh(-1 + 0.5), tanh(1.5), tanh(0.5), tanh(0.5).
    found = decoders.bound_depth(raw, 0.9, 1.1, bump=0.5)[0, 0]
    expected = 1.0 + 0.1 * np.tanh([[-0.5, 1.5], [0.5, 0.5]])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_bound_depth_centers_each_part_by_itself():
    raw = tf.random.stateless_normal([2, 3, 4, 4], [0, 5])
    shifts = tf.reshape(tf.range(6.0), [2, 3, 1, 1])
    np.testing.assert_allclose(
        decoders.bound_depth(raw, 0.9, 1.1), decoders.bound_depth(raw + shifts, 0.9, 1.1), atol=1e-6
    )


def test_convex_prior_is_near_at_the_center_for_parts_and_far_for_the_background():
    bump = decoders.depth_bump(3, 32, height=0.5).numpy()
    assert bump.shape == (1, 3, 32, 32)
    background, part = bump[0, 0], bump[0, 1]
    np.testing.assert_array_equal(bump[0, 2], part)
    np.testing.assert_array_equal(background, -part)
    # Smaller is nearer: the height at the center, far at the middle of each edge and the corners.
    np.testing.assert_allclose(part[15:17, 15:17], -0.5, rtol=0.01)
    assert 0.2 < part[16, 0] < part[0, 0] < 0.5
    # Even on all four sides, growing outwards.
    np.testing.assert_allclose(part, part[::-1], atol=1e-6)
    np.testing.assert_allclose(part, part.T, atol=1e-6)
    assert (np.diff(part[16, 16:]) > 0).all()
    np.testing.assert_allclose(decoders.depth_bump(3, 32, height=1.0), 2 * bump, rtol=1e-6)


def test_convex_prior_of_no_height_is_zero():
    np.testing.assert_array_equal(decoders.depth_bump(3, 32, 0.0), np.zeros([1, 3, 32, 32]))


def test_convex_prior_of_a_single_capsule_is_the_objects():
    bump = decoders.depth_bump(1, 32, 0.5).numpy()
    assert bump[0, 0, 16, 16] < 0 < bump[0, 0, 0, 0]


def test_depth_prior_starts_the_face_convex_in_front_of_the_background(tiny):
    # Without normalization small embeddings make a raw depth near 0.
    model = tiny.replace(depth_bump=0.5, decoder_norm="none", background_relief=1.0).model
    depth = decoders.CapsuleDecoders(model)(embeddings(3, model, scale=1e-3)).depth.numpy()
    # 0.1 tanh(0.5) = 0.0462: parts begin so far before the middle, the background as far behind it.
    np.testing.assert_allclose(depth[:, 0, 16, 16], 1.046, atol=2e-3)
    np.testing.assert_allclose(depth[:, 1:, 16, 16], 0.954, atol=2e-3)
    # At the border the background is in front, by the same amounts.
    assert (depth[:, 0, 0, 0] < 0.975).all() and (depth[:, 1:, 0, 0] > 1.025).all()


@pytest.mark.parametrize("max_deviation", [0.3, 2.0])
def test_max_deviation_bounds_what_is_learned_around_the_bump(max_deviation):
    # Centered -50, 50, 0, 0 is bounded to -f, f, 0, 0; then the bump of 0.5 is added.
    raw = tf.reshape([-50.0, 50.0, 0.0, 0.0], [1, 1, 2, 2])
    found = decoders.bound_depth(raw, 0.9, 1.1, bump=0.5, max_deviation=max_deviation)[0, 0]
    expected = 1.0 + 0.1 * np.tanh([[0.5 - max_deviation, 0.5 + max_deviation], [0.5, 0.5]])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    # Small numbers are left alone: f tanh(x / f) is x at 0.
    small = raw * 1e-4
    np.testing.assert_allclose(
        decoders.bound_depth(small, 0.9, 1.1, max_deviation=max_deviation),
        decoders.bound_depth(small, 0.9, 1.1),
        rtol=1e-6,
    )


@pytest.mark.parametrize("relief", [0.0, 0.5])
def test_background_relief_flattens_the_background_alone(tiny, relief):
    settings = {"border_depth": 1.04, "decoder_norm": "group"}
    whole = decoders.CapsuleDecoders(tiny.replace(**settings).model)
    flat = decoders.CapsuleDecoders(tiny.replace(background_relief=relief, **settings).model)
    given = embeddings(3, tiny.model)
    whole(given), flat(given)
    flat.set_weights(whole.get_weights())
    free, found = whole(given).depth.numpy(), flat(given).depth.numpy()
    assert np.ptp(free[:, 0]) > 0.02
    # What it had around the middle of the range, 1.0, it now has a share of around 1.04.
    np.testing.assert_allclose(found[:, 0], 1.04 + (free[:, 0] - 1.0) * relief, atol=1e-6)
    np.testing.assert_array_equal(found[:, 1:], free[:, 1:])
