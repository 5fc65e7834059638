"""Clusters of a data set's features: pictures whose parts are known, found without labels."""

import numpy as np
import pytest

from igc_tf.features import clusters

SIDE = 14
#: Colors of the background, of a head's upper and of its lower half.
COLORS = np.array([[20, 200, 40], [220, 30, 30], [30, 40, 220]], np.float32)


def pictures(count=40, seed=0):
    """`[count, 28, 28, 3]` uint8 and their true labels `[count, 14, 14]`: heads on a background."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    labels = np.zeros([count, SIDE, SIDE], int)
    for one in labels:
        top, left = random.integers(2, 5), random.integers(3, 6)
        head = (columns >= left) & (columns < left + 6) & (rows >= top)
        one[head] = 1
        one[head & (rows >= top + 5)] = 2  # down to the lower border, as a neck
    images = COLORS[labels] + random.normal(0, 8, [count, SIDE, SIDE, 3])
    images = np.clip(images, 0, 255).astype(np.uint8)
    return images.repeat(2, axis=1).repeat(2, axis=2), labels


def mean_colors(images):
    """Features: the mean color of each cell."""
    cells = images.reshape(len(images), SIDE, 2, SIDE, 2, 3)
    return cells.mean(axis=(2, 4)).astype(np.float32) / 255 - 0.3


@pytest.fixture(scope="module")
def found():
    images, labels = pictures()
    return clusters.build(images, mean_colors, 2, 0.3), labels


def nearest(found):
    """The part of each cell's nearest cluster, its place counted."""
    places = clusters.places(SIDE).reshape(SIDE, SIDE, 1, 2)
    square = np.square(places - found.places).sum(axis=-1)
    return found.part[np.argmin(found.distances + found.place_scale * square, axis=-1)]


def test_the_parts_are_the_true_ones_from_the_top_down(found):
    result, labels = found
    assert sorted(set(result.part)) == [0, 1, 2]
    assert (nearest(result) == labels).mean() > 0.97


def test_what_reaches_the_border_is_background_but_for_the_lower_one(found):
    result, _ = found
    assert (result.border[result.part == 0] >= 1).all()
    assert (result.border[result.part > 0] < 0.2).all()  # the neck leaves by the lower border
    assert 0 < result.unexplained < 0.3


def test_distances_are_squared_in_units_of_the_variance():
    images, _ = pictures(12)
    result = clusters.build(images, mean_colors, 2, 0.0)
    vectors = np.concatenate([clusters._vectors(images, mean_colors)]).astype(np.float64)
    flat = vectors.reshape(-1, 3)
    variance = flat.var(axis=0).sum()
    label = np.argmin(result.distances.reshape(len(flat), -1), axis=1)
    centers = np.array([flat[label == k].mean(axis=0) for k in range(len(result.part))])
    expected = np.square(flat[:, np.newaxis] - centers).sum(axis=-1) / variance
    np.testing.assert_allclose(
        result.distances.reshape(expected.shape), expected, rtol=0.02, atol=0.01
    )
    assert result.place_scale == 0.0


def test_a_photo_and_its_mirror_image_mirror_each_other():
    images, _ = pictures(12)
    both = np.concatenate([images, images[:, :, ::-1]])
    result = clusters.build(both, mean_colors, 2, 0.3)
    np.testing.assert_allclose(result.distances[:12], result.distances[12:, :, ::-1], atol=1e-3)


def test_the_same_photos_give_the_same_clusters():
    images, _ = pictures(12)
    first, second = (clusters.build(images, mean_colors, 2, 0.3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_photos_that_do_not_fall_into_so_many_parts_are_refused():
    images = np.zeros([4, 28, 28, 3], np.uint8)
    images[:, :14] = [200, 100, 0]  # two halves, both at the border
    images[:, 14:] = [0, 100, 200]
    images += np.random.default_rng(0).integers(0, 4, images.shape, np.uint8)
    with pytest.raises(ValueError, match="do not fall into 2 parts.*--parts"):
        clusters.build(images, mean_colors, 2, 0.0)


def test_photos_of_one_color_are_refused():
    with pytest.raises(ValueError, match="All features of these photos are alike"):
        clusters.build(np.full([4, 28, 28, 3], 100, np.uint8), mean_colors, 2, 0.5)


def test_they_are_kept_and_made_again_where_damaged(own_cache, caplog):
    images, _ = pictures(12)
    calls = []

    def counted(batch):
        calls.append(len(batch))
        return mean_colors(batch)

    def open_clusters(**changed):
        arguments = {"network": "colors", "parts": 2, "place_weight": 0.3, **changed}
        return clusters.open_or_build(images, counted, **arguments)

    first = open_clusters()
    made = len(calls)
    again = open_clusters()
    assert len(calls) == made > 0
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    (file,) = (own_cache / "clusters-1").iterdir()
    file.write_bytes(file.read_bytes()[:300])
    np.testing.assert_array_equal(open_clusters().distances, first.distances)
    assert len(calls) == 2 * made and "damaged" in caplog.text
    open_clusters(network="others")
    open_clusters(place_weight=0.2)
    assert len(calls) == 4 * made
