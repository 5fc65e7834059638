"""Parts of features: beside scikit-learn on the same matrix, and on photos whose parts are known."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF

from igc_tf.baselines import part_methods

SIDE, CHANNELS = 8, 12


@pytest.fixture
def known():
    """Photos of three parts that lie elsewhere in each: a border, and two blobs inside, one above."""
    random = np.random.default_rng(0)
    kinds = np.eye(3, CHANNELS, dtype=np.float32)
    labels = np.zeros((40, SIDE, SIDE), int)
    for photo in labels:
        top, left = random.integers(1, 3, 2)
        photo[top : top + 2, left : left + 4] = 1
        photo[top + 3 : top + 5, left : left + 4] = 2
    noise = 0.02 * np.abs(random.normal(size=(*labels.shape, CHANNELS)))
    return labels, (kinds[labels] + noise).astype(np.float16)


@pytest.mark.parametrize("name", part_methods.METHODS)
@pytest.mark.parametrize("seed", [0, 1])
def test_known_parts_are_found_the_background_first_then_from_the_top(known, name, seed):
    labels, features = known
    method = part_methods.METHODS[name](3, seed)
    method.fit(features[:30])
    maps = method.maps(features[30:])
    assert maps.shape == (10, 3, SIDE, SIDE) and maps.dtype == np.float32 and maps.min() >= 0
    assert (maps.argmax(axis=1) == labels[30:]).mean() > 0.95


def test_dff_is_scikit_learns_factorization(known):
    _, features = known
    method = part_methods.DeepFeatureFactorization(3, 5)
    method.fit(features)
    flat = features.astype(np.float32).reshape(-1, CHANNELS)
    made = [
        NMF(3, init="random", solver="mu", max_iter=100, random_state=5 + start).fit(flat)
        for start in range(10)
    ]
    best = min(made, key=lambda found: found.reconstruction_err_)
    assert method.factors.reconstruction_err_ == pytest.approx(best.reconstruction_err_)
    # Any scale between the two factors gives the same parts.
    expected = best.transform(flat) * np.linalg.norm(best.components_, axis=1)
    found = method.maps(features).transpose(0, 2, 3, 1).reshape(-1, 3)
    for column in expected.T:
        assert np.abs(found - column[:, np.newaxis]).max(axis=0).min() < 1e-4


def test_kmeans_is_scikit_learns(known):
    _, features = known
    method = part_methods.FeatureKMeans(3, 5)
    method.fit(features)
    vectors = method._vectors(part_methods._centered(features.astype(np.float32)))
    expected = KMeans(3, n_init=8, random_state=5).fit(vectors)
    assert method.means.inertia_ == pytest.approx(expected.inertia_, rel=1e-4)
    shares = np.sort(method.maps(features).sum(axis=(0, 2, 3)))
    np.testing.assert_array_equal(shares, np.sort(np.bincount(expected.labels_)))


def test_features_that_may_be_negative_are_no_products_of_what_is_not(known):
    method = part_methods.DeepFeatureFactorization(3, 0)
    with pytest.raises(ValueError, match="never negative: --features=vgg16 or squeezenet"):
        method.fit(known[1] - 1.0)


def test_maps_are_resized_bilinearly():
    maps = np.zeros((1, 2, 2, 2), np.float32)
    maps[0, 0, :, 0] = 1.0
    maps[0, 1] = 1.0 - maps[0, 0]
    found = part_methods.resized(maps, 4)
    np.testing.assert_allclose(found[0, 0], np.tile([1.0, 0.75, 0.25, 0.0], (4, 1)))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
