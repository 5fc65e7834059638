"""What the features of a whole data set fall into: clusters, and which of them are parts of the object.

One k-means over many photos, before any training, so that parts are a property of the photos and not of a
random seed. No label and no outline is used. Three rules decide:

* A vector is a feature of `EfficientNetFeatures`, less the mean of its own photo, beside the place
  (|x|, y). The photo and its mirror image count alike.
* A cluster is background if it is seen at the photo's left, right and upper border at least as often as a
  cluster would be that lies anywhere. The lower border does not count: there a neck leaves the picture.
* Of all numbers of clusters that leave the wanted number of parts, the clearest one is taken: the ratio
  between the background cluster seen least at the border and the part seen most there is largest. It must
  be 2 at least.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import logging
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from igc_tf import disk
from igc_tf.cache import cache_dir

#: Its number changes with the form of what is kept.
_FOLDER = "clusters-1"
#: Photos that k-means sees, restarts of it, and components that features are reduced to. [choice]
_PHOTOS = 600
_RESTARTS = 8
_COMPONENTS = 32
_BATCH = 32
#: The least ratio that tells parts from background. [choice]
_CLEAR = 2.0
#: Added to the shares at the border before their ratio is taken.
_SMALL_SHARE = 0.02


class Clusters(NamedTuple):
    """Clusters of a data set's features, and how far each photo's features lie from them.

    Distances are squared and in units of the variance of the features over the data set, the place's
    part included: a place counts `place_weight` of what the features count.
    """

    distances: np.ndarray  #: [N, s, s, K] float16, of the features of each photo
    places: np.ndarray  #: [K, 2] float32, mean (|x|, y), sides of the photo from its middle
    place_scale: float  #: factor on the squared distance of places
    part: np.ndarray  #: [K] int32: 0 background, else the part, from the top of the photo down
    border: np.ndarray  #: [K] float32, how often it is seen at the border, 1: as anywhere
    unexplained: float  #: share of the variance that the clusters leave


def open_or_build(
    images: np.ndarray,
    features: Callable[[np.ndarray], np.ndarray],
    network: str,
    parts: int,
    place_weight: float,
) -> Clusters:
    """The clusters of these photos; made once, kept in the cache.

    Args:
      images: `[N, S, S, 3]` uint8.
      features: `[B, S, S, 3]` uint8 to `[B, s, s, C]`.
      network: names the network and its weights; another name makes other clusters.
      parts: how many clusters are to be parts, the background not counted.
      place_weight: of the place beside the features, as a share of their variance.

    Raises:
      ValueError: no number of clusters leaves so many parts, or all features are alike.
    """
    digest = hashlib.sha256(f"{network} {parts} {place_weight} {images.shape}".encode())
    for start in range(0, len(images), 1024):
        digest.update(np.ascontiguousarray(images[start : start + 1024]))
    path = cache_dir() / _FOLDER / f"{digest.hexdigest()[:32]}.npz"
    try:
        with np.load(path) as kept:
            return Clusters(
                **{name: kept[name][()] for name in Clusters._fields},
            )
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        logging.warning("%s is damaged (%s); making it again.", path, error)
    found = build(images, features, parts, place_weight)
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk.written(path) as file:
        np.savez(file, **found._asdict())
    return found


def build(
    images: np.ndarray,
    features: Callable[[np.ndarray], np.ndarray],
    parts: int,
    place_weight: float,
) -> Clusters:
    """As `open_or_build`, without the cache."""
    logging.info("Features of %d photos, once for all trainings on them.", len(images))
    vectors = np.concatenate(
        [_vectors(images[i : i + _BATCH], features) for i in range(0, len(images), _BATCH)]
    )
    count, side = vectors.shape[:2]
    chosen = np.sort(np.random.default_rng(0).permutation(count)[:_PHOTOS])
    sample = vectors[chosen].astype(np.float32).reshape(-1, vectors.shape[-1])
    if np.ptp(sample, axis=0).max() < 1e-3:
        raise ValueError(
            "All features of these photos are alike: there is nothing to tell parts by."
        )
    reduction = PCA(min(_COMPONENTS, *sample.shape), random_state=0).fit(sample[::5])
    sample = reduction.transform(sample)
    deviation = np.sqrt(sample.var(axis=0).sum())
    place = places(side)
    place_scale = place_weight / place.var(axis=0).sum() if place_weight else 0.0
    where = np.tile(place * np.sqrt(place_scale), (len(chosen), 1))
    found, part, border = choose(np.concatenate([sample / deviation, where], axis=1), side, parts)
    centers = found.cluster_centers_[:, :-2]
    distances = np.empty((count, side, side, len(centers)), np.float16)
    for start in range(0, count, 256):
        block = vectors[start : start + 256].astype(np.float32)
        flat = reduction.transform(block.reshape(-1, block.shape[-1])) / deviation
        square = np.square(flat[:, np.newaxis] - centers).sum(axis=-1)
        distances[start : start + 256] = square.reshape(*block.shape[:-1], -1)
    variance = len(sample) * (1.0 + place_weight)
    clusters = Clusters(
        distances,
        (found.cluster_centers_[:, -2:] / np.sqrt(place_scale or 1.0)).astype(np.float32),
        float(place_scale),
        part.astype(np.int32),
        border.astype(np.float32),
        float(found.inertia_ / variance),
    )
    logging.info(
        "%d clusters, %d of them parts; seen at the border, times chance: %s. %.1f %% unexplained.",
        len(part),
        parts,
        ", ".join(f"{share:.2f}" for share in np.sort(border)),
        100 * clusters.unexplained,
    )
    return clusters


def _vectors(images: np.ndarray, features: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`[B, s, s, C]` float16: unit features, mean of photo and mirror image, less the photo's mean."""

    def unit(pictures: np.ndarray) -> np.ndarray:
        found = np.asarray(features(np.ascontiguousarray(pictures)), np.float32)
        return found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)

    both = (unit(images) + unit(images[:, :, ::-1])[:, :, ::-1]) / 2
    return (both - both.mean(axis=(1, 2), keepdims=True)).astype(np.float16)


def places(side: int) -> np.ndarray:
    """`[side * side, 2]` (|x|, y) of a grid's cells, sides of the grid from its middle."""
    middle = (np.arange(side) + 0.5) / side - 0.5
    y, x = np.meshgrid(middle, middle, indexing="ij")
    return np.stack([np.abs(x), y], axis=-1).reshape(-1, 2).astype(np.float32)


def choose(vectors: np.ndarray, side: int, parts: int) -> tuple[KMeans, np.ndarray, np.ndarray]:
    """k-means with the number of clusters that leaves so many parts most clearly.

    Args:
      vectors: `[N * side * side, D]`, whole photos, the height of the place last.
      side: cells of a photo's side.
      parts: how many clusters are to be parts.

    Returns:
      The fitted k-means, the part of each cluster `[K]`, 0 for background, and how often each is seen
      at the border `[K]`.

    Raises:
      ValueError: no number of clusters leaves so many.
    """
    outer = np.zeros((side, side), bool)
    outer[0] = outer[:, 0] = outer[:, -1] = True
    best, tried = None, []
    for count in range(parts + 1, 2 * parts + 3):
        found = KMeans(count, n_init=_RESTARTS, max_iter=100, random_state=0).fit(vectors)
        labels = found.labels_.reshape(-1, side, side)
        share = np.bincount(labels.ravel(), minlength=count) / labels.size
        at_border = np.bincount(labels[:, outer].ravel(), minlength=count) / labels[:, outer].size
        border = at_border / share
        inside = np.flatnonzero(border < 1.0)
        tried.append(f"{count} leave {len(inside)}")
        if len(inside) != parts or len(inside) == count:
            continue
        outside = np.delete(border, inside)
        clear = (outside.min() + _SMALL_SHARE) / (border[inside].max() + _SMALL_SHARE)
        if clear >= _CLEAR and (best is None or clear > best[0]):
            part = np.zeros(count, np.int32)
            part[inside[np.argsort(found.cluster_centers_[inside, -1])]] = 1 + np.arange(parts)
            best = clear, found, part, border
    if best is None:
        raise ValueError(
            f"These photos' features do not fall into {parts} parts and a background: of the clusters, "
            f"{', '.join(tried)} off the border, or not clearly so. Try another --parts or "
            "--crop_scale, or leave out --feature_clustering_weight."
        )
    return best[1:]
