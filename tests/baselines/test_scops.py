"""SCOPS's losses beside loops, its warps beside turned pictures, and a training of seconds."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.baselines import scops, scops_training

SIDE, PARTS = 6, 3


@pytest.fixture
def parts():
    return (
        np.random.default_rng(0)
        .dirichlet(np.ones(PARTS + 1), (2, SIDE, SIDE))[..., 1:]
        .astype(np.float32)
    )


def places():
    """(row, column, (x, y) in [-1, 1]) of all pixels."""
    for row in range(SIDE):
        for column in range(SIDE):
            yield row, column, (2 * (np.array([column, row]) + 0.5) / SIDE - 1)


def mean_and_variance(picture):
    """Of x and y under a map, each pixel of it 1e-3 more."""
    total = sum(picture[row, column] + 1e-3 for row, column, _ in places())
    mean = sum((picture[r, c] + 1e-3) / total * where for r, c, where in places())
    return mean, sum(
        (picture[r, c] + 1e-3) / total * (where - mean) ** 2 for r, c, where in places()
    )


def test_semantic_consistency(parts):
    random = np.random.default_rng(1)
    basis, features = random.random((PARTS, 5)), random.random((2, SIDE, SIDE, 5))
    total = 0.0
    for photo in range(2):
        for row, column, _ in places():
            explained = sum(parts[photo, row, column, k] * basis[k] for k in range(PARTS))
            total += ((explained - features[photo, row, column]) ** 2).sum()
    found = scops.semantic_consistency(parts, basis.astype("f4"), features.astype("f4"))
    assert float(found) == pytest.approx(total / features.size, rel=1e-5)


def test_orthonormality():
    basis = np.array([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0], [0.0, 1.0, 1.0]], np.float32)
    # Cosines: 0 of the first two, 4 / 5 / sqrt(2) and 1 / sqrt(2) with the third, each counted twice.
    expected = 2 * ((0.8 / 2**0.5) ** 2 + 0.5)
    assert float(scops.orthonormality(basis)) == pytest.approx(expected, rel=1e-5)
    assert float(scops.orthonormality(np.eye(3, dtype="f4"))) == pytest.approx(0.0, abs=1e-6)


def test_centers_and_concentration(parts):
    expected = [[mean_and_variance(photo[..., k]) for k in range(PARTS)] for photo in parts]
    means = [[mean for mean, _ in photo] for photo in expected]
    np.testing.assert_allclose(scops.centers(parts), means, rtol=1e-4, atol=1e-5)
    variance = np.mean([sum(variance.sum() for _, variance in photo) for photo in expected])
    assert float(scops.concentration(parts)) == pytest.approx(variance, rel=1e-4)
    found = scops.equivariance_of_centers(parts, parts[::-1])
    difference = np.array(means) - np.array(means)[::-1]
    assert float(found) == pytest.approx((difference**2).mean(), rel=1e-3)


def test_equivariance_of_maps():
    random = np.random.default_rng(2)
    teacher = random.dirichlet(np.ones(4), (2, SIDE, SIDE)).astype(np.float32)
    logits = tf.Variable(random.normal(size=teacher.shape).astype(np.float32))
    total = 0.0
    for t, z in zip(teacher.reshape(-1, 4), logits.numpy().reshape(-1, 4), strict=True):
        student = np.exp(z) / np.exp(z).sum()
        total += sum(t[k] * np.log(t[k] / student[k]) for k in range(4))
    given = tf.Variable(teacher)
    with tf.GradientTape() as tape:
        found = scops.equivariance_of_maps(given, logits)
    assert float(found) == pytest.approx(total / teacher.size, rel=1e-4)
    gradients = tape.gradient(found, [given, logits])
    assert gradients[0] is None and np.abs(gradients[1]).max() > 0  # the teacher is not taught
    same = scops.equivariance_of_maps(tf.nn.softmax(logits), logits)
    assert float(same) == pytest.approx(0.0, abs=1e-6)


def test_a_quarter_turn_and_a_shift_move_pixels():
    picture = np.random.default_rng(3).random((1, SIDE, SIDE, 2)).astype(np.float32)
    quarter = scops.Warp(tf.constant([[[0.0, -1.0], [1.0, 0.0]]]), tf.zeros([1, 2]))
    np.testing.assert_allclose(quarter(picture)[0], np.rot90(picture[0]), atol=1e-5)
    right = scops.Warp(tf.eye(2)[tf.newaxis], tf.constant([[2.0 / SIDE, 0.0]]))
    found = right(picture)[0]
    np.testing.assert_allclose(found[:, :-1], picture[0, :, 1:], atol=1e-5)
    np.testing.assert_allclose(found[:, -1], picture[0, :, -1], atol=1e-5)  # the border goes on


def test_drawn_warps_keep_to_their_ranges():
    warp = scops.Warp.draw(500, [0, 1])
    scale = np.sqrt(np.linalg.det(warp.matrix))
    angle = np.degrees(np.arctan2(warp.matrix[:, 1, 0], warp.matrix[:, 0, 0]))
    assert 0.8 <= scale.min() < 0.85 and 1.2 < scale.max() <= 1.2501
    assert -30.01 <= angle.min() < -27 and 27 < angle.max() <= 30.01
    assert 0.09 < np.abs(warp.shift).max() <= 0.1
    np.testing.assert_array_equal(warp.matrix, scops.Warp.draw(500, [0, 1]).matrix)


def test_jitter_changes_colors_alone():
    photos = tf.random.stateless_uniform([3, 8, 8, 3], [0, 0], 0.3, 0.6)
    found = scops.jitter(photos, [1, 2])
    assert found.shape == photos.shape and 0 <= np.min(found) and np.max(found) <= 1
    assert np.abs(found - photos).max() > 0.01
    flat = tf.ones([1, 8, 8, 3]) * 0.5
    assert np.ptp(scops.jitter(flat, [1, 2])) < 1e-5


@pytest.fixture
def blobs():
    """Photos of two disks on a plain ground, one red, one green, and features that tell them apart."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:32, :32]
    photos = np.full((64, 32, 32, 3), 60, np.uint8)
    kinds = np.zeros((64, 32, 32), int)
    for photo, kind in zip(photos, kinds, strict=True):
        x, y = random.integers(8, 24), random.integers(6, 10)
        for label, top in ((1, y), (2, y + 14)):
            disk = (rows - top) ** 2 + (columns - x) ** 2 < 36
            kind[disk] = label
            photo[disk, label - 1] = 230
    shares = np.eye(3, dtype=np.float32)[kinds].reshape(64, 8, 4, 8, 4, 3).mean((2, 4))
    shares += 0.02 * random.random(shares.shape)
    # One layer tells the ground from the object, the other one the disks from each other.
    first = np.stack([shares[..., 0], shares[..., 1] + shares[..., 2]], axis=-1)
    return photos, kinds, [first.astype(np.float16), (3 * shares[..., 1:]).astype(np.float16)]


def test_saliency_is_the_object(blobs):
    _, kinds, (features, _) = blobs
    found = scops.saliency(features.astype(np.float32), 0)
    object_ = (kinds > 0).reshape(64, 8, 4, 8, 4).mean((2, 4))
    assert found.shape == (64, 8, 8) and found.min() >= 0 and found.max() <= 1
    assert np.corrcoef(found.ravel(), object_.ravel())[0, 1] > 0.9


def test_two_things_become_two_parts_and_a_background(blobs):
    photos, kinds, features = blobs
    method = scops_training.Scops(3, 0, 16 * 50)
    method.fit(photos, features)
    assert set(method.terms) == set(scops.WEIGHTS)
    maps = method.maps(photos)
    assert maps.shape == (64, 3, 32, 32)
    np.testing.assert_allclose(maps.sum(axis=1), 1.0, rtol=1e-5)
    labels = maps.argmax(axis=1)
    owner = [np.bincount(labels[kinds == kind], minlength=3) for kind in range(3)]
    assert owner[0].argmax() == 0  # channel 0 is the background
    assert {int(owner[1].argmax()), int(owner[2].argmax())} == {1, 2}


def test_photos_of_an_odd_size_are_refused():
    with pytest.raises(ValueError, match="multiple of 32 px, not 40"):
        scops_training.Scops(3, 0).fit(np.zeros((2, 40, 40, 3), np.uint8), [])
