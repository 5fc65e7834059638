"""The GDM against a NumPy re-computation of its formulas, and what they promise."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.capsules import decomposition

FEATURES = 7


@pytest.fixture
def features():
    return tf.random.stateless_normal([5, FEATURES], [0, 1]) * 30.0


def build(config):
    """A GDM whose linear maps have a bias too, as trained ones do."""
    tf.keras.utils.set_random_seed(0)
    module = decomposition.GraphicsDecomposition(config)
    module(tf.zeros([1, FEATURES]))
    for dense in module.linear.values():
        dense.bias.assign(tf.random.stateless_normal(dense.bias.shape, [0, 2]))
    return module


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def in_numpy(module, features):
    """The embeddings of the docstring's formulas, with the module's weights."""
    f, a = {}, {}
    for block in ("shape", "albedo", "view"):
        dense, basis = module.linear[block], module.basis[block].numpy()
        f[block] = (features.numpy() @ dense.kernel.numpy() + dense.bias.numpy())[:, None, :]
        a[block] = softmax(f[block] * basis[None], axis=1)
    # The owner of a dimension is found on the shape and holds for the albedo too.
    parts = a["shape"].shape[1]
    owner = np.moveaxis(np.eye(parts)[a["shape"].argmax(axis=1)], -1, 1)  # B x M x D
    if not module.one_hot:
        owner = np.ones_like(owner)
    return {
        "shape": a["shape"] * f["shape"] * owner,
        "albedo": a["albedo"] * f["albedo"] * owner,
        "view": a["view"] * f["view"] / parts,
    }


@pytest.mark.parametrize("one_hot", [True, False])
def test_embeddings_equal_the_formulas_in_numpy(tiny, features, one_hot):
    module = build(tiny.replace(one_hot=one_hot).model)
    found = module(features)
    for block, expected in in_numpy(module, features).items():
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(
            getattr(found, block), expected, rtol=1e-4, atol=1e-6, err_msg=block
        )


def test_every_dimension_belongs_to_one_part_the_same_in_shape_and_albedo(tiny, features):
    found = build(tiny.model)(features)
    shape, albedo = found.shape.numpy() != 0, found.albedo.numpy() != 0
    assert shape.shape == albedo.shape == (5, 3, 8)
    # No attention and no random embedding is 0, so it is exactly one.
    np.testing.assert_array_equal(shape.sum(axis=1), np.ones([5, 8]))
    np.testing.assert_array_equal(shape, albedo)
    # The photo decides: images deal their dimensions differently.
    assert (shape != shape[:1]).any()


def test_without_one_hot_every_part_has_every_dimension(tiny, features):
    found = build(tiny.replace(one_hot=False).model)(features)
    for block in found:
        assert (block.numpy() != 0).all()


@pytest.mark.parametrize("parts", [1, 2, 6])
def test_parts_together_are_the_whole_embedding_where_attention_sums_to_one(tiny, features, parts):
    # sum_m a_m f = f, and the view block is its M-th part.
    module = build(tiny.replace(one_hot=False, parts=parts).model)
    found = module(features)
    for block, share in (("shape", 1.0), ("albedo", 1.0), ("view", 1.0 / parts)):
        whole = module.linear[block](features) * share
        together = tf.reduce_sum(getattr(found, block), axis=1)
        np.testing.assert_allclose(together, whole, rtol=1e-4, atol=1e-5)


def test_view_block_is_shared_evenly(tiny, features):
    # Parts with the same basis attend alike: each gets f / M (its attention) / M (its even share).
    module = build(tiny.model)
    module.basis["view"].assign(tf.ones_like(module.basis["view"]))
    found = module(features).view
    expected = module.linear["view"](features)[:, tf.newaxis, :] / 9.0
    np.testing.assert_allclose(found, tf.repeat(expected, 3, axis=1), rtol=1e-5)


def test_one_hot_preset():
    attention = tf.constant([[[0.2, 0.5, 0.1], [0.7, 0.1, 0.1], [0.1, 0.4, 0.8]]])
    np.testing.assert_array_equal(
        decomposition.one_hot_over_parts(attention), [[[0, 1, 0], [1, 0, 0], [0, 0, 1]]]
    )


def test_the_first_part_wins_ties():
    attention = tf.constant([[[0.25, 0.2], [0.25, 0.4], [0.5, 0.4], [0.5, 0.0]]])
    # Parts 2 and 3 tie in the first dimension, parts 1 and 2 in the second.
    np.testing.assert_array_equal(
        decomposition.one_hot_over_parts(attention), [[[0, 0], [0, 1], [1, 0], [0, 0]]]
    )


def test_gradient_does_not_pass_the_one_hot():
    attention = tf.Variable(tf.random.stateless_uniform([2, 3, 4], [0, 3]))
    with tf.GradientTape() as tape:
        value = decomposition.one_hot_over_parts(attention)
    assert tape.gradient(value, attention) is None


def test_gradient_passes_attention_and_embedding_with_the_owners_held_fixed(tiny, features):
    module = build(tiny.model)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(module(features).shape)
    found = tape.gradient(value, [module.basis["shape"], module.linear["shape"].bias])

    basis = module.basis["shape"].numpy().astype(np.float64)  # M x D
    f = module.linear["shape"](features).numpy().astype(np.float64)[:, None, :]  # B x 1 x D
    a = softmax(f * basis, axis=1)
    owner = np.moveaxis(np.eye(3)[a.argmax(axis=1)], -1, 1)
    owned = (a * owner).sum(axis=1, keepdims=True)  # attention of the owner
    # value = sum f a_owner. With u_m = f b_m, da_owner/du_m = a_owner (o_m - a_m), so
    #   d/db_m = f^2 a_owner (o_m - a_m),
    #   d/df   = a_owner + f a_owner (b_owner - sum_m a_m b_m).
    to_basis = (f**2 * owned * (owner - a)).sum(axis=0)
    mean_basis = (a * basis).sum(axis=1, keepdims=True)
    owner_basis = (owner * basis).sum(axis=1, keepdims=True)
    to_bias = (owned + f * owned * (owner_basis - mean_basis)).sum(axis=(0, 1))
    np.testing.assert_allclose(found[0], to_basis, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found[1], to_bias, rtol=1e-3, atol=1e-5)


def test_albedo_gradient_does_not_reach_the_shape_that_chose_the_owners(tiny, features):
    module = build(tiny.model)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(module(features).albedo)
    to_shape, to_albedo = tape.gradient(value, [module.basis["shape"], module.basis["albedo"]])
    assert to_shape is None and np.abs(to_albedo).max() > 0


def test_start_is_kaiming_normal_bases_and_small_linear_maps(tiny):
    module = decomposition.GraphicsDecomposition(
        tiny.replace(parts=6, shape_dim=1000, view_dim=500).model
    )
    module(tf.zeros([1, 20]))
    for block, dim in (("shape", 1000), ("albedo", 1000), ("view", 500)):
        # Standard deviations of at least 3000 numbers are within 5 % of sqrt(2 / D) and 0.01.
        np.testing.assert_allclose(np.std(module.basis[block]), (2 / dim) ** 0.5, rtol=0.05)
        np.testing.assert_allclose(np.std(module.linear[block].kernel), 0.01, rtol=0.05)
        np.testing.assert_array_equal(module.linear[block].bias, np.zeros(dim))


def test_stays_float32_in_a_model_that_is_not(tiny, features):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        module = build(tiny.model)
        found = module(tf.cast(features, tf.bfloat16))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert {block.dtype for block in found} == {tf.float32}
