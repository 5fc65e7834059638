"""The objective: which losses it computes, on what, and how it weighs them."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.features.vgg16 import VGG16Features
from igc_tf.losses import constraints, objective, perceptual, reconstruction
from igc_tf.structures import (
    Confidence,
    IGCOutput,
    ObjectCapsule,
    PartCapsules,
    PartEmbeddings,
    Rendering,
)

IMAGES, PARTS, SIZE = 2, 3, 32


def uniform(seed, *shape, low=0.0, high=1.0):
    return tf.random.stateless_uniform([IMAGES, *shape], [seed, 11], low, high)


def rendering(seed):
    unused = tf.zeros([IMAGES])
    mask = tf.cast(uniform(seed + 1, SIZE, SIZE) < 0.9, tf.float32)
    image = uniform(seed, SIZE, SIZE, 3) * mask[..., tf.newaxis]
    return Rendering(image, mask, unused, unused, unused, unused)


def made_up_output():
    """Random numbers wherever the objective looks, None elsewhere."""
    soft_visibility = tf.nn.softmax(uniform(1, PARTS, SIZE, SIZE) * 5.0, axis=1)
    embeddings = PartEmbeddings(uniform(2, PARTS, 6, low=-1.0), None, None)
    return IGCOutput(
        parts=PartCapsules(
            embeddings, uniform(3, PARTS, SIZE, SIZE, low=0.9, high=1.1), None, None
        ),
        object=ObjectCapsule(None, None, None, soft_visibility),
        light=None,
        pose=None,
        rendering=rendering(4),
        flipped_rendering=rendering(6),
        confidence=Confidence(
            uniform(8, SIZE, SIZE, 2, low=0.1, high=2.0), uniform(9, 16, 16, 2, low=0.5, high=2.0)
        ),
    )


@pytest.fixture
def config(tiny):
    """Every weight and constant spelled out, so that the numbers below do not hang on defaults."""
    return tiny.replace(
        likelihood_weight=1.0,
        flip_weight=0.5,
        pyramid_weight=0.0,
        feature_network="none",
        contrastive_weight=0.05,
        contrastive_temperature=0.1,
        sparsity_weight=1.0,
        sparsity_cap=0.12,
        sparsity_floor=0.03,
        background_weight=1.0,
        smoothness_weight=0.0,
    )


@pytest.fixture
def output():
    return made_up_output()


@pytest.fixture
def image():
    return uniform(0, SIZE, SIZE, 3)


def likelihood(image, output, index):
    rendered = (output.rendering, output.flipped_rendering)[index]
    return reconstruction.negative_log_likelihood(
        image, rendered.image, output.confidence.pixels[..., index], rendered.mask
    )


def test_the_total_is_the_weighted_sum(config, image, output):
    loss = objective.Objective(config)(image, output)
    soft = output.object.soft_visibility
    # The Gaussian's 2 px are meant for maps of 64 px: 1 px at 32.
    region = constraints.background_region(output.parts.depth, 0.3, 1.0)
    expected = {
        "likelihood": likelihood(image, output, 0),
        "likelihood_flip": likelihood(image, output, 1),
        "contrastive": constraints.contrastive(output.parts.embeddings.shape, 0.1),
        "sparsity": constraints.sparsity(soft, 0.12, 0.03),
        "background": constraints.background(soft, region),
    }
    assert set(loss) == {*expected, "total"}
    for name, values in expected.items():
        np.testing.assert_allclose(loss[name], values, rtol=1e-6, err_msg=name)
    total = (
        expected["likelihood"]
        + 0.5 * expected["likelihood_flip"]
        + 0.05 * expected["contrastive"]
        + expected["sparsity"]
        + expected["background"]
    )
    np.testing.assert_allclose(loss["total"], total, rtol=1e-6)
    assert loss["total"].shape == (IMAGES,)


def test_every_weight_is_applied(config, image, output):
    weights = {
        "likelihood": 2.0,
        "pyramid": 3.0,
        "contrastive": 5.0,
        "sparsity": 7.0,
        "background": 11.0,
        "smoothness": 13.0,
    }
    config = config.replace(
        flip_weight=0.25, **{f"{name}_weight": weight for name, weight in weights.items()}
    )
    loss = objective.Objective(config)(image, output)
    total = 0.0
    for name, values in loss.items():
        if name.endswith("_flip"):
            total += 0.25 * weights[name.removesuffix("_flip")] * values
        elif name != "total":
            total += weights[name] * values
    assert set(loss) == {*weights, "likelihood_flip", "pyramid_flip", "total"}
    np.testing.assert_allclose(loss["total"], total, rtol=1e-6)
    # Total variation in units of the depth range 1.1 - 0.9.
    np.testing.assert_allclose(
        loss["smoothness"], constraints.smoothness(output.parts.depth, 0.2), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["likelihood", "contrastive", "sparsity", "background"])
def test_weight_0_leaves_a_loss_out(name, config, image, output):
    # The pyramid stands in where there would be no reconstruction at all.
    config = config.replace(pyramid_weight=1.0)
    whole = objective.Objective(config)(image, output)
    part = objective.Objective(config.replace(**{f"{name}_weight": 0.0}))(image, output)
    missing = {name, f"{name}_flip"} & set(whole)
    assert missing and set(part) == set(whole) - missing
    for other in set(part) - {"total"}:
        np.testing.assert_array_equal(part[other], whole[other])


def test_flip_weight_0_needs_no_mirrored_picture(config, image, output):
    config = config.replace(flip_weight=0.0)
    loss = objective.Objective(config)(image, output._replace(flipped_rendering=None))
    assert not [name for name in loss if name.endswith("_flip")]


def test_a_single_capsule_has_no_background(config, image, output):
    loss = objective.Objective(config.replace(parts=1))(image, output)
    assert "background" not in loss and "sparsity" in loss


def test_likelihood_and_pyramid_may_act_together(config, image, output):
    config = config.replace(
        pyramid_weight=2.0,
        flip_weight=0.0,
        contrastive_weight=0.0,
        sparsity_weight=0.0,
        background_weight=0.0,
    )
    loss = objective.Objective(config)(image, output)
    np.testing.assert_allclose(loss["total"], loss["likelihood"] + 2 * loss["pyramid"], rtol=1e-6)


def test_terms_are_the_losses_with_their_weights(config, image, output):
    made = objective.Objective(config.replace(pyramid_weight=2.0))
    terms, losses = made.terms(image, output), made(image, output)
    assert {name: float(weight) for name, (weight, _) in terms.items()} == pytest.approx(
        {
            "likelihood": 1.0,
            "likelihood_flip": 0.5,
            "pyramid": 2.0,
            "pyramid_flip": 1.0,
            "contrastive": 0.05,
            "sparsity": 1.0,
            "background": 1.0,
        }
    )
    for name, (_, values) in terms.items():
        np.testing.assert_array_equal(values, losses[name])


def test_perceptual_compares_covered_pixels_with_their_own_confidence(
    config, image, output, vgg_weights
):
    without = objective.Objective(config)(image, output)
    config = config.replace(feature_network="vgg16", vgg_weights=vgg_weights, perceptual_weight=3.0)
    loss = objective.Objective(config)(image, output)
    features = VGG16Features(vgg_weights)
    for index, name in enumerate(("perceptual", "perceptual_flip")):
        rendered = (output.rendering, output.flipped_rendering)[index]
        # Where the canvas does not reach, the picture is completed by the photo.
        filled = tf.where(rendered.mask[..., tf.newaxis] > 0, rendered.image, image)
        expected = perceptual.negative_log_likelihood(
            features(image), features(filled), output.confidence.features[..., index], rendered.mask
        )
        np.testing.assert_allclose(loss[name], expected, rtol=1e-5)
    difference = 3.0 * loss["perceptual"] + 1.5 * loss["perceptual_flip"]
    np.testing.assert_allclose(loss["total"] - without["total"], difference, rtol=1e-4)


def test_gradient_of_the_total_reaches_what_each_loss_is_about(config, image, output):
    config = config.replace(smoothness_weight=1.0)
    sources = {
        "picture": output.rendering.image,
        "mirrored picture": output.flipped_rendering.image,
        "confidence": output.confidence.pixels,
        "embeddings": output.parts.embeddings.shape,
        "visibility": output.object.soft_visibility,
        "depth": output.parts.depth,
        "photo": image,
    }
    with tf.GradientTape() as tape:
        tape.watch(list(sources.values()))
        loss = objective.Objective(config)(image, output)
    gradients = tape.gradient(loss["total"], sources)
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all() and np.any(gradient.numpy() != 0), name
    uncovered = output.rendering.mask.numpy() == 0
    assert uncovered.any() and not gradients["picture"].numpy()[uncovered].any()


def test_missing_perceptual_weights_raise_when_the_objective_is_made(config):
    with pytest.raises(FileNotFoundError, match="--vgg_weights=nowhere.h5"):
        objective.Objective(config.replace(feature_network="vgg16", vgg_weights="nowhere.h5"))
