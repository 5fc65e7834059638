"""Feature clustering loss: against loops, and what is learned by it."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf.features.clusters import Clusters
from igc_tf.losses.feature_clustering import FeatureClustering

MAP, CELLS, SIZE = 8, 4, 16
PART = np.array([0, 2, 1, 0, 1])


@pytest.fixture
def clusters():
    random = np.random.default_rng(0)
    return Clusters(
        distances=random.uniform(0, 1, [3, CELLS, CELLS, 5]).astype(np.float16),
        places=random.uniform(0, 0.5, [5, 2]).astype(np.float32),
        place_scale=2.0,
        part=PART.astype(np.int32),
        border=np.ones(5, np.float32),
        unexplained=0.5,
    )


@pytest.fixture
def loss(clusters):
    return FeatureClustering(clusters, MAP, 3)


def frontal(count=3):
    """`[count, 8, 8, 2]`: each place of the map where it lies in a photo from the front, px."""
    middle = (np.arange(MAP) + 0.5) * SIZE / MAP
    return tf.constant(
        np.tile(np.stack(np.meshgrid(middle, middle), -1), (count, 1, 1, 1)), tf.float32
    )


def by_loops(clusters, surface):
    """What `wanted` says, a place at a time."""
    count = len(surface)
    wanted = np.zeros([count, 3, MAP, MAP])
    for n, i, j in np.ndindex(count, MAP, MAP):
        column, row = (
            np.clip(value * CELLS / SIZE - 0.5, 0, CELLS - 1) for value in surface[n, i, j]
        )
        c, r = min(int(column), CELLS - 2), min(int(row), CELLS - 2)
        x, y = column - c, row - r
        cells = clusters.distances[n].astype(np.float64)
        upper = (1 - x) * cells[r, c] + x * cells[r, c + 1]
        lower = (1 - x) * cells[r + 1, c] + x * cells[r + 1, c + 1]
        place = np.array([abs((j + 0.5) / MAP - 0.5), (i + 0.5) / MAP - 0.5])
        square = (1 - y) * upper + y * lower
        square += clusters.place_scale * np.square(place - clusters.places).sum(axis=-1)
        nearest = np.array([square[PART == part].min() for part in range(3)])
        share = np.exp(-(nearest - nearest.min()) / 0.1)
        wanted[n, :, i, j] = share / share.sum()
    return wanted


def test_what_is_wanted_is_the_softmax_of_the_nearest_clusters(loss, clusters):
    surface = frontal() + tf.random.stateless_uniform([3, MAP, MAP, 2], [0, 1], -3.0, 3.0)
    found = loss.wanted(tf.constant(clusters.distances), surface, SIZE)
    np.testing.assert_allclose(found, by_loops(clusters, surface.numpy()), atol=1e-5)


def test_it_is_the_entropy_where_what_is_wanted_is_seen(loss, clusters):
    distances = tf.constant(clusters.distances)
    wanted = loss.wanted(distances, frontal(), SIZE).numpy()
    found = loss(distances, frontal(), tf.math.log(wanted) + 7.0, SIZE)
    entropy = -(wanted * np.log(wanted)).sum(axis=1).mean(axis=(1, 2))
    np.testing.assert_allclose(found, entropy, rtol=1e-4)


def test_it_teaches_a_part_that_is_seen_nowhere(loss, clusters):
    """Visibilities saturate; the gradient of the logarithm does not."""
    distances = tf.constant(clusters.distances)
    hidden = np.zeros([3, 3, MAP, MAP], np.float32)
    hidden[:, 1] = -60.0
    nearness = tf.Variable(hidden)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss(distances, frontal(), nearness, SIZE))
    gradient = tape.gradient(value, nearness)
    wanted = loss.wanted(distances, frontal(), SIZE)
    np.testing.assert_allclose(gradient[:, 1], -wanted[:, 1] / MAP**2, atol=1e-6)


def test_pose_and_features_are_constants(loss, clusters):
    surface = tf.Variable(frontal())
    with tf.GradientTape() as tape:
        value = loss(tf.constant(clusters.distances), surface, tf.zeros([3, 3, MAP, MAP]), SIZE)
    assert tape.gradient(value, surface) is None


def test_what_is_turned_away_or_outside_does_not_count(loss, clusters):
    distances = tf.constant(clusters.distances)
    surface = frontal().numpy()
    surface[:, :, 5:, 0] = surface[:, :, 5:6, 0] - np.arange(3) * 0.5  # folds back on itself
    surface[:, 6:, :, 1] += SIZE  # below the photo
    nearness = np.zeros([3, 3, MAP, MAP], np.float32)
    plain = loss(distances, tf.constant(surface), tf.constant(nearness), SIZE)
    nearness[:, 0, :, 5:] = 9.0
    nearness[:, 0, 6:] = 9.0
    changed = loss(distances, tf.constant(surface), tf.constant(nearness), SIZE)
    np.testing.assert_allclose(plain, changed, rtol=1e-6)
    nearness[:, 0, 2, 2] = 9.0
    assert (
        (loss(distances, tf.constant(surface), tf.constant(nearness), SIZE) > changed).numpy().all()
    )


def test_clusters_of_other_parts_are_refused(clusters):
    with pytest.raises(ValueError, match="2 parts were found, not 5"):
        FeatureClustering(clusters, MAP, 6)
