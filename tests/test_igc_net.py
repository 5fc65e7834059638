"""The whole model: what it gives in both of its modes, and where the objective's gradient goes."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import igc_net
from igc_tf.capsules import assembly
from igc_tf.graphics import pose
from igc_tf.losses.objective import Objective

IMAGES = 2


@pytest.fixture(autouse=True)
def seeded():
    tf.keras.utils.set_random_seed(0)


def photos(config, seed=0):
    size = config.model.image_size
    coarse = tf.random.stateless_uniform([IMAGES, 8, 8, 3], [seed, 1])
    return tf.image.resize(coarse, [size, size])


def lively(config):
    """A model whose embeddings are as large as trained ones; fresh ones render an even gray."""
    model = igc_net.build(config)
    for dense in model.decomposition.linear.values():
        dense.kernel.assign(dense.kernel * 1000.0)
    return model


def shape_of(value):
    return None if value is None else tuple(value.shape)


@pytest.mark.parametrize("image_size, map_size, parts", [(32, 32, 3), (32, 64, 1), (64, 32, 6)])
def test_shapes_of_every_output(tiny, image_size, map_size, parts):
    config = tiny.replace(image_size=image_size, map_size=map_size, parts=parts)
    model = igc_net.IGCNet(config.model, pixel_confidence=True, feature_confidence=True)
    image = photos(config)
    b, m, s, h = IMAGES, parts, image_size, map_size

    for training in (True, False):
        output = model(image, training=training)
        embeddings, depth, albedo, part_pose = output.parts
        assert [shape_of(e) for e in embeddings] == [(b, m, 8), (b, m, 8), (b, m, 4)]
        assert shape_of(depth) == (b, m, h, h) and shape_of(albedo) == (b, m, h, h, 3)
        assert [shape_of(p) for p in part_pose] == [(b, m, 3), (b, m, 3)]
        assert [shape_of(o) for o in output.object] == [
            (b, h, h),
            (b, h, h, 3),
            (b, m, h, h),
            (b, m, h, h),
            None,
        ]
        assert [shape_of(v) for v in output.light] == [(b,), (b,), (b, 3)]
        assert [shape_of(v) for v in output.pose] == [(b, 3), (b, 3)]
        rendered = [(b, s, s, 3), (b, s, s), (b, s, s), (b, h, h, 3), (b, h, h), (b, h, h, 3)]
        assert [shape_of(r) for r in output.rendering[:6]] == rendered
        if training:
            assert output.rendering.part_visibility is None
            assert [shape_of(r) for r in output.flipped_rendering[:6]] == rendered
            assert [shape_of(c) for c in output.confidence] == [(b, s, s, 2), (b, 16, 16, 2)]
        else:
            assert shape_of(output.rendering.part_visibility) == (b, m, s, s)
            assert output.flipped_rendering is None and output.confidence is None
        for value in tf.nest.flatten(output):
            assert value is None or (value.dtype == tf.float32 and np.isfinite(value).all())


def test_both_modes_find_and_draw_the_same(tiny):
    model, image = lively(tiny), photos(tiny)
    training, inference = model(image, training=True), model(image)
    for name in ("parts", "object", "light", "pose"):
        found, again = (tf.nest.flatten(getattr(o, name)) for o in (training, inference))
        for a, b in zip(found, again, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(training.rendering.image, inference.rendering.image, atol=1e-5)


def test_stages_fit_together(tiny):
    # What the call returns is what its stages make of each other.
    model, image = lively(tiny), photos(tiny)
    output = model(image, training=True)
    np.testing.assert_allclose(
        output.pose.rotation, tf.reduce_mean(output.parts.pose.rotation, axis=1), atol=1e-6
    )
    capsule = assembly.assemble(
        output.parts,
        tiny.model.assembly_sharpness,
        tiny.model.visibility_sharpness,
        tiny.model.border_depth,
    )
    np.testing.assert_array_equal(capsule.depth, output.object.depth)
    mirrored = assembly.mirrored(capsule)
    for rendered, maps in ((output.rendering, capsule), (output.flipped_rendering, mirrored)):
        again = model.renderer(maps.depth, maps.albedo, output.light, output.pose)
        np.testing.assert_array_equal(rendered.image, again.image)
    assert np.abs(output.rendering.image - output.flipped_rendering.image).max() > 1e-3
    # The mirrored object is lit and posed as the direct one.
    frontal = model.renderer(capsule.depth, capsule.albedo, output.light, pose.identity(IMAGES))
    assert np.abs(frontal.image - output.rendering.image).max() > 1e-3


def test_every_variable_gets_a_finite_gradient_from_the_default_objective(tiny):
    model, objective, image = igc_net.build(tiny), Objective(tiny), photos(tiny)
    with tf.GradientTape() as tape:
        losses = objective(image, model(image, training=True), 0)
        total = tf.reduce_mean(losses["total"])
    gradients = tape.gradient(total, model.trainable_variables)
    names = [variable.name for variable in model.trainable_variables]
    assert [n for n, g in zip(names, gradients, strict=True) if g is None] == []
    assert [n for n, g in zip(names, gradients, strict=True) if not np.isfinite(g).all()] == []
    # Every network learns something, not only in name.
    for part in (
        model.encoder,
        model.lighting,
        model.decomposition,
        model.decoders.depth,
        model.decoders.albedo,
        model.decoders.pose,
        model.confidence,
    ):
        own = {id(variable) for variable in part.trainable_variables}
        assert own and any(
            np.any(gradient.numpy() != 0)
            for gradient, variable in zip(gradients, model.trainable_variables, strict=True)
            if id(variable) in own
        ), part.name


def test_a_few_steps_reduce_the_objective(tiny):
    config = tiny.replace(pyramid_weight=1.0)
    model, objective, image = igc_net.build(config), Objective(config), photos(config)
    optimizer = tf.keras.optimizers.legacy.Adam(0.01)
    totals = []
    for _ in range(6):
        with tf.GradientTape() as tape:
            total = tf.reduce_mean(objective(image, model(image, training=True), 0)["total"])
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        totals.append(float(total))
    assert totals[-1] < totals[0] - 0.1, totals


def test_the_one_hot_ablation_differs_and_has_the_same_weights(tiny):
    with_one_hot, without = igc_net.build(tiny), igc_net.build(tiny.replace(one_hot=False))
    shapes = [[tuple(w.shape) for w in model.weights] for model in (with_one_hot, without)]
    assert shapes[0] == shapes[1]
    with_one_hot = lively(tiny)
    without.set_weights(with_one_hot.get_weights())
    ours, theirs = with_one_hot(photos(tiny)), without(photos(tiny))
    assert (ours.parts.embeddings.shape.numpy() == 0).any()
    assert (theirs.parts.embeddings.shape.numpy() != 0).all()
    assert np.abs(ours.parts.depth - theirs.parts.depth).max() > 1e-4
    np.testing.assert_array_equal(ours.light.ambient, theirs.light.ambient)


def test_a_seed_determines_weights_and_outputs(tiny):
    images = []
    for seed in (3, 3, 4):
        tf.keras.utils.set_random_seed(seed)
        images.append(igc_net.build(tiny)(photos(tiny)).rendering.image.numpy())
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 1e-3


def test_images_of_a_batch_do_not_touch_each_other(tiny):
    model = lively(tiny)
    both = photos(tiny)
    alone = model(both[1:])
    together = model(tf.stack([1.0 - both[0], both[1]]))
    np.testing.assert_allclose(together.rendering.image[1], alone.rendering.image[0], atol=1e-5)
    np.testing.assert_allclose(together.object.depth[1], alone.object.depth[0], atol=1e-6)


@pytest.mark.parametrize(
    "values, pixels, features",
    [
        ({}, True, False),
        ({"likelihood_weight": 0.0, "pyramid_weight": 1.0}, False, False),
        ({"feature_network": "vgg16", "vgg_weights": "any.h5"}, True, True),
    ],
)
def test_build_makes_the_confidences_that_the_losses_need(tiny, values, pixels, features):
    model = igc_net.build(tiny.replace(**values))
    confidence = model(photos(tiny), training=True).confidence
    assert (model.confidence is not None) == (pixels or features) == (confidence is not None)
    if confidence is not None:
        assert (confidence.pixels is not None, confidence.features is not None) == (
            pixels,
            features,
        )


def test_weights_do_not_depend_on_the_number_of_parts_but_for_the_bases(tiny):
    two, four = igc_net.build(tiny.replace(parts=2)), igc_net.build(tiny.replace(parts=4))
    for ours, theirs in zip(two.weights, four.weights, strict=True):
        if "basis" in ours.name:
            assert (ours.shape[0], theirs.shape[0]) == (2, 4) and ours.shape[1:] == theirs.shape[1:]
        else:
            assert ours.shape == theirs.shape


def test_mixed_precision_keeps_graphics_and_outputs_float32(tiny):
    exact = lively(tiny)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = igc_net.build(tiny)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert all(weight.dtype == tf.float32 for weight in mixed.weights)
    mixed.set_weights(exact.get_weights())
    image = photos(tiny)
    found, expected = mixed(image, training=True), exact(image, training=True)
    for value in tf.nest.flatten(found):
        assert value is None or (value.dtype == tf.float32 and np.isfinite(value).all())
    assert not np.array_equal(found.light.ambient, expected.light.ambient)
    np.testing.assert_allclose(found.light.ambient, expected.light.ambient, atol=0.02)
    losses = Objective(tiny)(image, found, 0)
    assert np.isfinite(losses["total"]).all()


def test_a_static_background_is_rendered_behind_the_turned_object(tiny):
    config = tiny.replace(static_background=True, parts=3, background_relief=0.1, depth_bump=1.5)
    model, image = lively(config), photos(config)
    output = model(image)
    rendering, size = output.rendering, config.model.image_size
    np.testing.assert_array_equal(rendering.mask, 1.0)
    assert 0.5 < rendering.canvas.numpy().mean() < 1.0  # a canvas that was turned covers less
    assert not rendering.alpha.numpy()[rendering.canvas.numpy() == 0].any()
    training = model(image, training=True).rendering
    np.testing.assert_array_equal(training.canvas, rendering.canvas)
    np.testing.assert_allclose(tf.reduce_sum(rendering.part_visibility, axis=1), 1.0, atol=1e-4)

    # Where no foreground is seen there is the background's own albedo, unturned and unlit.
    behind = tf.image.resize(output.parts.albedo[:, 0], [size, size]).numpy()
    nothing = rendering.alpha.numpy() < 1e-6
    assert 0.02 < nothing.mean() < 0.98
    np.testing.assert_allclose(rendering.image.numpy()[nothing], behind[nothing], atol=1e-4)

    # Turning and relighting the object changes the object alone.
    turned = output.pose._replace(rotation=output.pose.rotation + [0.0, 0.3, 0.0])
    again = model.render(output.object, output.light, turned)
    both = nothing & (again.alpha.numpy() < 1e-6)
    np.testing.assert_allclose(again.image.numpy()[both], behind[both], atol=1e-4)
    assert np.abs(again.image - rendering.image)[~both].max() > 0.02


def test_a_silhouette_before_a_backdrop_has_a_gradient(tiny):
    config = tiny.replace(
        static_background=True,
        parts=3,
        background_relief=0.1,
        depth_bump=1.5,
        visibility_sharpness=200.0,
    )
    model, image = lively(config), photos(config)
    with tf.GradientTape() as tape:
        output = model(image, training=True)
        loss = tf.reduce_sum(output.rendering.alpha)
    gradient = tape.gradient(loss, output.parts.depth)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_the_surface_is_where_the_photo_shows_it(tiny):
    config = tiny.replace(feature_network="vgg16", vgg_weights="unused", part_feature_weight=1.0)
    model, image = lively(config), photos(config)
    output = model(image, training=True)
    frontal = model.renderer.surface_pixels(output.object.depth, pose.identity(IMAGES))
    side = config.model.map_size
    scale = config.model.image_size / side
    columns = (np.arange(side) + 0.5) * scale
    np.testing.assert_allclose(frontal[0, 5, :, 0], columns, atol=1e-3)
    np.testing.assert_allclose(frontal[0, :, 5, 1], columns, atol=1e-3)
    expected = model.renderer.surface_pixels(output.object.depth, output.pose)
    np.testing.assert_array_equal(output.surface, expected)
    assert model(image).surface is None
