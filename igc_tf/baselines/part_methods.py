"""Parts without any 3D and without training of a network: what frozen features fall into.

Both methods see a train split once and are then applied to any photo. They know no background; the part
that owns most of the photos' border is called so [choice].
"""

from __future__ import annotations

import abc
import warnings

import numpy as np
import tensorflow as tf
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import ConvergenceWarning

from igc_tf.features import clusters

#: Photos whose features are looked at to find the parts.
PHOTOS = 1000


class PartMethod(abc.ABC):
    """Finds K parts in features `[N, s, s, C]`, `fit` first."""

    def __init__(self, parts: int, seed: int):
        """Prepares for `parts` parts, the background among them; `seed` decides all that is random."""
        self.parts = parts
        self.seed = seed
        self._order = np.arange(parts)

    def fit(self, features: np.ndarray) -> None:
        """Finds the parts of the train split's `[N, s, s, C]`; of a random 1,000 of its photos."""
        chosen = np.random.default_rng(self.seed).permutation(len(features))[:PHOTOS]
        sample = np.asarray(features[np.sort(chosen)], np.float32)
        self._find(sample)
        self._order = np.arange(self.parts)
        self._order = _background_first(self.maps(sample))

    def maps(self, features: np.ndarray) -> np.ndarray:
        """How much each part has of each place, `[N, K, s, s]` float32 >= 0.

        The background is first, the others follow from the top of the photos down.
        """
        found = [
            self._share(np.asarray(features[start : start + 256], np.float32))
            for start in range(0, len(features), 256)
        ]
        return np.concatenate(found)[..., self._order].transpose(0, 3, 1, 2)

    @abc.abstractmethod
    def _find(self, features: np.ndarray) -> None:
        """Finds the parts, in any order."""

    @abc.abstractmethod
    def _share(self, features: np.ndarray) -> np.ndarray:
        """`[B, s, s, C]` to `[B, s, s, K]`."""


class DeepFeatureFactorization(PartMethod):
    """DFF: the parts are the factors of a non-negative factorization of all features [Collins 2018].

    V ~ W H with W, H >= 0 by multiplicative updates of the squared error, the best of ten random starts
    by that error; H is kept, and the W of any photo are its parts, each times |H_k|, since how much of a
    product belongs to which factor is arbitrary. The authors' VGG19 is VGG16 here, and of their rows, one
    a place, a random 16,000 are factorized [choice].
    """

    _STARTS = 10
    _UPDATES = 100
    _ROWS = 16_000

    def _find(self, features: np.ndarray) -> None:
        if features.min() < 0:
            raise ValueError(
                "dff and scops need features that are never negative: --features=vgg16 or squeezenet."
            )
        flat = features.reshape(-1, features.shape[-1])
        if len(flat) > self._ROWS:
            chosen = np.random.default_rng(self.seed).permutation(len(flat))[: self._ROWS]
            flat = flat[np.sort(chosen)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 100 updates are the method's
            made = [
                NMF(
                    self.parts,
                    init="random",
                    solver="mu",
                    max_iter=self._UPDATES,
                    random_state=self.seed + start,
                ).fit(flat)
                for start in range(self._STARTS)
            ]
        self.factors = min(made, key=lambda found: found.reconstruction_err_)

    def _share(self, features: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = self.factors.transform(features.reshape(-1, features.shape[-1]))
        found = found * np.linalg.norm(self.factors.components_, axis=1)
        return found.reshape(*features.shape[:-1], -1).astype(np.float32)


class FeatureKMeans(PartMethod):
    """k-means of the features less their photo's mean, beside the place (|x|, y) [choice].

    Nobody's named method: it is here since it is the cheapest and hard to beat. 32 principal components,
    the place with half of their variance, best of eight starts.
    """

    _COMPONENTS = 32
    _PLACE = 0.5
    _STARTS = 8

    def _find(self, features: np.ndarray) -> None:
        centered = _centered(features)
        self.reduction = PCA(min(self._COMPONENTS, *centered.shape), random_state=self.seed)
        found = self.reduction.fit_transform(centered)
        place = clusters.places(features.shape[1])
        self.deviation = np.sqrt(found.var(axis=0).sum()) or 1.0
        self.place = place * np.sqrt(self._PLACE / place.var(axis=0).sum())
        self.means = KMeans(self.parts, n_init=self._STARTS, random_state=self.seed)
        self.means.fit(self._vectors(centered))

    def _vectors(self, centered: np.ndarray) -> np.ndarray:
        found = self.reduction.transform(centered) / self.deviation
        where = np.tile(self.place, (len(found) // len(self.place), 1))
        return np.concatenate([found, where], axis=1).astype(np.float32)

    def _share(self, features: np.ndarray) -> np.ndarray:
        labels = self.means.predict(self._vectors(_centered(features)))
        return np.eye(self.parts, dtype=np.float32)[labels].reshape(*features.shape[:-1], -1)


METHODS: dict[str, type[PartMethod]] = {"dff": DeepFeatureFactorization, "kmeans": FeatureKMeans}


def resized(maps: np.ndarray, size: int) -> np.ndarray:
    """`[N, K, s, s]` maps at `[N, K, size, size]`, bilinearly."""
    found = tf.image.resize(maps.transpose(0, 2, 3, 1), [size, size]).numpy()
    return found.transpose(0, 3, 1, 2)


def _centered(features: np.ndarray) -> np.ndarray:
    """`[N, s, s, C]` to `[N * s * s, C]`: unit vectors less their photo's mean."""
    unit = features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-12)
    return (unit - unit.mean(axis=(1, 2), keepdims=True)).reshape(-1, features.shape[-1])


def _background_first(maps: np.ndarray) -> np.ndarray:
    """The order of `[N, K, s, s]` maps: the owner of the border, then by the mean height."""
    labels = maps.argmax(axis=1)
    count, side = maps.shape[1], maps.shape[-1]
    border = np.ones((side, side), bool)
    border[1:-1, 1:-1] = False
    background = np.bincount(labels[:, border].ravel(), minlength=count).argmax()
    rows = np.arange(side)
    heights = [
        (labels == part).sum(axis=(0, 2)) @ rows / max((labels == part).sum(), 1)
        for part in range(count)
    ]
    heights[background] = -1.0
    return np.argsort(heights, kind="stable")
