"""A model's output as plain arrays, and the second look at what was rendered."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import igc_net, inference
from igc_tf.metrics import cycle, descriptors


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def test_collected_arrays_fit_together(tiny, photos):
    found = inference.collect(igc_net.build(tiny), photos, ground_truth_size=64, batch_size=2)
    predictions, maps = found
    assert predictions.labels.shape == predictions.depth.shape == (5, 64, 64)
    assert predictions.reconstruction.shape == predictions.image.shape == (5, 32, 32, 3)
    np.testing.assert_allclose(predictions.image, photos / 255.0, atol=1e-6)
    assert predictions.centers.parts.shape == (5, 2, 2) and predictions.labels.max() < 3
    assert maps.part_albedo.shape == (5, 3, 32, 32, 3) and maps.depth.shape == (5, 32, 32)
    np.testing.assert_allclose(maps.visibility.sum(1), 1.0, atol=1e-3)
    described = descriptors.describe(maps, maps)
    assert all(vectors.shape[0] == 5 for vectors in described.values())


@pytest.mark.parametrize("static_background", [False, True])
def test_depth_in_the_photos_view_is_the_turned_canvas(tiny, photos, static_background):
    tf.keras.utils.set_random_seed(0)
    config = tiny.replace(view_gain=3000.0, static_background=static_background)  # poses far from 0
    model = igc_net.build(config)
    output = model(photos / np.float32(255))
    found = inference.collect(model, photos, ground_truth_size=32).predictions
    rendered, covered = model.renderer.render(
        output.object.depth, output.pose, output.object.albedo
    )
    covered = covered.numpy() > 0
    assert 0.5 < covered.mean() < 1.0 and np.abs(found.view_depth - found.depth).max() > 0.05
    np.testing.assert_allclose(
        found.view_depth[covered], rendered[..., 3].numpy()[covered], atol=1e-4
    )
    np.testing.assert_allclose(found.view_depth[~covered], model.config.max_depth, atol=1e-6)
    np.testing.assert_array_equal(found.view_mask, covered)
    np.testing.assert_array_equal(found.mask, 1.0 if static_background else covered)
    assert found.fov_degrees == model.config.fov_degrees
    large = inference.collect(model, photos, ground_truth_size=64).predictions
    assert large.view_depth.shape == large.depth.shape == large.view_mask.shape == (5, 64, 64)
    # Where the larger map counts, nothing of what lies beyond the canvas was mixed in.
    inner = large.view_mask.reshape(5, 32, 2, 32, 2).all((2, 4))
    assert 0.3 < inner.mean() < covered.mean() and not (inner & ~covered).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"static_background": True, "background_relief": 0.1, "depth_bump": 1.5},
        {},
        {"parts": 1, "one_hot": False},
    ],
)
def test_alpha_is_the_foregrounds_share_in_the_picture(tiny, photos, changes):
    """White parts, and a black background: unlit, the picture is its own alpha."""
    tf.keras.utils.set_random_seed(0)
    model = igc_net.build(tiny.replace(view_gain=3000.0, **changes))
    image = tf.constant(photos / np.float32(255))
    output = model(image)
    results = inference.photo_results(image, output)
    alpha = np.stack([result.alpha for result in results])
    assert alpha.shape == (5, 32, 32) and -1e-5 < alpha.min() and alpha.max() < 1 + 1e-5

    white = tf.ones_like(output.parts.albedo)
    if model.config.parts > 1:
        black = tf.zeros_like(white[:, :1])
        white = tf.concat([black, white[:, 1:]], axis=1)
        assert 0.02 < alpha.mean() < 0.98
    capsule = model.assemble(output.parts._replace(albedo=white))
    even = output.light._replace(ambient=tf.ones([5]), diffuse=tf.zeros([5]))
    rendered = model.render(capsule, even, output.pose)
    np.testing.assert_allclose(rendered.image[..., 0], alpha, atol=1e-4)

    # What is not rendered is black, and nothing of it the foreground's.
    mask = np.stack([result.mask for result in results])
    reconstruction = np.stack([result.reconstruction for result in results])
    assert not reconstruction[mask == 0].any() and not alpha[mask == 0].any()
    assert (mask == 1).all() == bool(changes.get("static_background"))
    if model.config.parts == 1:
        np.testing.assert_allclose(alpha, mask, atol=1e-5)


def test_maps_are_reduced_by_their_means(tiny, photos, monkeypatch):
    model = igc_net.build(tiny)
    monkeypatch.setattr(inference, "_MAP_SIZE", 16)
    small = inference.collect(model, photos, ground_truth_size=32).maps
    monkeypatch.undo()
    whole = inference.collect(model, photos, ground_truth_size=32).maps
    means = whole.part_albedo.astype(float).reshape(5, 3, 16, 2, 16, 2, 3).mean((3, 5))
    np.testing.assert_allclose(small.part_albedo, means, atol=2e-3)


def test_rerendering_asks_for_what_it_says(tiny, photos):
    found = inference.rerender(igc_net.build(tiny), photos, batch_size=3)
    own, asked = found.first.yaw_degrees, found.turned_yaw_degrees
    np.testing.assert_allclose(asked - own, np.where(own < 0, 15.0, -15.0), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.relit_direction, axis=1), 1.0, atol=1e-6)
    side = found.relit_direction[:, 0] * np.where(found.first.light_direction[:, 0] < 0, -1, 1)
    np.testing.assert_allclose(np.degrees(np.arcsin(-side)), 35.0, atol=1e-3)
    assert not any(np.isnan(values).any() for values in cycle.rerendered_errors(found).values())
    again = inference.rerender(igc_net.build(tiny), photos, batch_size=3)
    assert again.first.depth.shape == found.first.depth.shape == (5, 32, 32)


def test_a_single_capsule_is_measured_as_the_object(tiny, photos):
    model = igc_net.build(tiny.replace(parts=1, one_hot=False))
    predictions, maps = inference.collect(model, photos, ground_truth_size=32)
    assert predictions.parts == 2 and predictions.centers.parts.shape == (5, 1, 2)
    np.testing.assert_array_equal(predictions.labels, predictions.mask > 0.5)
    described = descriptors.describe(maps, maps)
    assert described["object"].any() and "part_1_albedo" not in described
    again = inference.rerender(model, photos)
    assert not any(np.isnan(values).any() for values in cycle.rerendered_errors(again).values())
