"""Descriptors: what is seen counts, what is common to all does not."""

import numpy as np
import pytest

from igc_tf.metrics import descriptors, recognition


def capsules(seed, n=6, parts=3, size=4):
    generator = np.random.default_rng(seed)
    labels = generator.integers(parts - 1, size=(n, size, size))  # the last part is never seen
    return descriptors.CapsuleMaps(
        image=generator.random((n, size, size, 3)),
        albedo=generator.random((n, size, size, 3)),
        depth=1.0 + 0.1 * generator.random((n, size, size)),
        visibility=(labels[:, np.newaxis] == np.arange(parts)[:, np.newaxis, np.newaxis]) * 1.0,
        part_albedo=generator.random((n, parts, size, size, 3)),
        part_depth=generator.random((n, parts, size, size)),
        shape_embedding=generator.random((n, parts, 5)),
        albedo_embedding=generator.random((n, parts, 5)),
    )


def test_a_block_by_hand():
    # Mean (2, 1); centered (-1, 1), (1, -1); with weights 4 and 1: (-2, 1), (2, -1), length sqrt(5).
    fit = np.array([[1.0, 2.0], [3.0, 0.0]])
    found = descriptors.block(fit, fit, np.array([4.0, 1.0]))
    np.testing.assert_allclose(found, np.array([[-2, 1], [2, -1]]) / np.sqrt(5), atol=1e-6)


def test_names_and_sizes():
    found = descriptors.describe(capsules(0), capsules(1))
    assert list(found) == [
        "object", "albedo", "shape", "embeddings", "embeddings_albedo", "embeddings_shape",
        "part_1_albedo", "part_1_shape", "part_2_albedo", "part_2_shape", "pixels",
    ]  # fmt: skip
    assert found["object"].shape == (6, 4 * 4 * 4) and found["embeddings"].shape == (6, 30)


def test_background_says_nothing():
    maps, fit = capsules(2), capsules(3)
    always = np.zeros((3, 4, 4))
    always[0, :, :2], always[1, :, 2:] = 1, 1  # the left half is background in every fit image
    fit = fit._replace(visibility=np.repeat(always[np.newaxis], 6, 0))
    before = descriptors.describe(maps, fit)
    painted = maps.albedo.copy()
    painted[:, :, :2] = 0.77
    after = descriptors.describe(maps._replace(albedo=painted), fit)
    np.testing.assert_array_equal(before["object"], after["object"])
    assert np.abs(before["albedo"]).max() > 0


def test_part_that_is_never_seen_is_zero_and_recognizes_at_chance():
    found = descriptors.describe(capsules(4), capsules(5))
    assert not found["part_2_albedo"].any() and not found["part_2_shape"].any()
    plan = recognition.plan(np.array([0, 0, 0, 1, 1, 1]))
    metrics = recognition.evaluate({"part_2_albedo": found["part_2_albedo"]}, plan)
    assert metrics["rank1_part_2_albedo"].value == pytest.approx(0.5)


def test_albedo_and_shape_weigh_the_same_in_the_object():
    fit = capsules(6, n=50)
    found = descriptors.describe(fit, fit)
    for name in ("albedo", "shape"):
        assert np.mean((found[name] ** 2).sum(1)) == pytest.approx(1.0, rel=1e-4)
    assert np.mean((found["object"] ** 2).sum(1)) == pytest.approx(2.0, rel=1e-4)
