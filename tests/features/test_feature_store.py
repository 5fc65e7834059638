"""Features on the disk: the same as made anew, made once, bounded."""

import os

import numpy as np
import pytest

from igc_tf.features import feature_store
from igc_tf.features.networks import Network


class Counting:
    """A network of two layers, means of quarters of a photo and of the whole, that counts photos."""

    def __init__(self, name="any"):
        self.photos = 0
        self.network = Network(name, ("fine", "coarse"), 8, self.extract)

    def extract(self, photos):
        self.photos += len(photos)
        cells = photos.reshape(len(photos), 2, 4, 2, 4, 3).astype(np.float32)
        return [cells.mean((2, 4)), cells.mean((1, 2, 3, 4))[:, np.newaxis, np.newaxis]]


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (1100, 8, 8, 3), np.uint8)


def test_features_are_made_once(own_cache, photos):
    counting = Counting()
    first = feature_store.open_or_extract(photos, counting.network, "Features")
    assert counting.photos == 1100
    for layer, made in zip(("fine", "coarse"), counting.extract(photos), strict=True):
        assert first[layer].dtype == np.float16
        np.testing.assert_array_equal(first[layer], made.astype(np.float16))
    again = Counting()
    second = feature_store.open_or_extract(photos, again.network, "Features")
    assert again.photos == 0
    for layer, features in first.items():
        np.testing.assert_array_equal(second[layer], features)


def test_what_is_new_is_made_and_no_more(own_cache, photos):
    feature_store.open_or_extract(photos[:600], Counting().network, "Features")
    more, changed, other = Counting(), photos.copy(), Counting("other weights")
    feature_store.open_or_extract(photos, more.network, "Features")
    assert more.photos == 1100 - 512  # the first file is whole
    changed[700, 3, 3] ^= 1
    again = Counting()
    feature_store.open_or_extract(changed, again.network, "Features")
    assert again.photos == 512
    feature_store.open_or_extract(photos, other.network, "Features")
    assert other.photos == 1100


def test_a_damaged_file_is_made_again(own_cache, photos):
    first = feature_store.open_or_extract(photos, Counting().network, "Features")
    files = sorted(own_cache.rglob("*.npy"))
    assert len(files) == 6
    files[0].write_bytes(files[0].read_bytes()[:100])
    again = Counting()
    second = feature_store.open_or_extract(photos, again.network, "Features")
    assert 0 < again.photos <= 512
    for layer, features in first.items():
        np.testing.assert_array_equal(second[layer], features)


def test_what_was_used_least_lately_makes_room(own_cache, photos, monkeypatch):
    block = 512 * (2 * 2 + 1) * 3 * 2 + 2 * 128  # two layers, and the files' heads
    monkeypatch.setattr(feature_store, "LIMIT", 2 * block)
    old, new, third = (photos[:512] + i for i in range(3))
    for age, some in ((300, old), (200, new)):
        before = set(own_cache.rglob("*.npy"))
        feature_store.open_or_extract(some, Counting().network, "Features")
        for path in set(own_cache.rglob("*.npy")) - before:
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    feature_store.open_or_extract(old, Counting().network, "Features")  # so it is used now
    feature_store.open_or_extract(third, Counting().network, "Features")
    made = []
    for some in (old, third, new):
        counting = Counting()
        feature_store.open_or_extract(some, counting.network, "Features")
        made.append(counting.photos)
    assert made == [0, 0, 512]


def test_what_does_not_fit_is_not_kept(own_cache, photos, monkeypatch):
    monkeypatch.setattr(feature_store, "LIMIT", 512 * 5 * 3 * 2 + 300)  # of three files' features
    for expected in (1100, 1100 - 512):
        counting = Counting()
        found = feature_store.open_or_extract(photos, counting.network, "Features")
        assert counting.photos == expected and len(found["fine"]) == 1100
