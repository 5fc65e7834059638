"""NME: how well landmarks can be predicted from where the parts are.

A linear map is fitted, on the train split, from the centers of the parts to the landmarks; the
error on the test split is given in per cent of the distance between the eyes. Three lines always
stand beside it: the mean face, which looks at no image; the face's centroid, which knows one
point only; and the true centers of eyes, nose and mouth, which the best parts would give. A
segmentation that does not beat the centroid has found no parts.

Two such maps are in use, whose errors must not be set side by side: affine [SCOPS], `nme_percent`, and
linear without bias on raw pixels [GANSeg, AutoLink], `nme_no_bias_percent`. Others divide the test images
by their true eye distance first (Huang and Li, PDiscoNet): that tells the regression the true
scale, and is not measured here.

Known for CelebA's five landmarks, aligned MAFL: mean face 8.43 %, centroid 5.57 %, true centers of
(both eyes as one, nose, mouth) 2.35 %; without bias centroid 6.61 %, true centers 2.36 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

#: Indices of the two eyes in the five-landmark order of CelebA: eyes, nose, corners of the mouth.
EYES = (0, 1)

#: Parts with less than this many pixels of soft area in an image count as empty there.
EMPTY_AREA = 1e-6

#: Names of `per_image_errors`, per cent.
NAMES = (
    "nme_percent", "nme_mean_face_percent", "nme_centroid_percent", "nme_true_centers_percent",
    "nme_no_bias_percent", "nme_no_bias_centroid_percent", "nme_no_bias_true_centers_percent",
)  # fmt: skip

#: Faces whose normalizer is shorter than this, pixels, have no NME.
SHORTEST_NORMALIZER = 1.0


class PartCenters(NamedTuple):
    """Where the parts lie in each image, (x, y) pixels; NaN where a part is empty."""

    parts: np.ndarray  #: [N, M - 1, 2], the background dropped
    whole: np.ndarray  #: [N, 1, 2], of everything but the background

    @staticmethod
    def concatenate(batches: Sequence[PartCenters]) -> PartCenters:
        """Joins batches along the images."""
        return PartCenters(*(np.concatenate(arrays) for arrays in zip(*batches, strict=True)))


def part_centers(maps: np.ndarray) -> PartCenters:
    """Mean coordinate under each part's normalized soft map.

    Args:
      maps: `[N, M, H, W]`, >= 0, part 0 the background (`one_hot` makes them from labels).

    Returns:
      The centers in pixels, pixel centers at +0.5; NaN for a part of less than 1e-6 pixels.

    Raises:
      ValueError: wrong rank, fewer than two parts, or a negative or NaN value.
    """
    if maps.ndim != 4 or maps.shape[1] < 2:
        raise ValueError(f"maps must be [N, M >= 2, H, W], got shape {maps.shape}")
    if not np.all(maps >= 0):
        raise ValueError("maps must be >= 0 and not NaN; pass probabilities, not logits")
    foreground = maps[:, 1:]
    return PartCenters(_centers(foreground), _centers(foreground.sum(1, keepdims=True)))


def _centers(maps: np.ndarray) -> np.ndarray:
    height, width = maps.shape[-2:]
    columns = maps.sum(axis=-2, dtype=np.float64)
    rows = maps.sum(axis=-1, dtype=np.float64)
    area = rows.sum(-1)
    area = np.where(area < EMPTY_AREA, np.nan, area)
    x = columns @ (np.arange(width) + 0.5) / area
    y = rows @ (np.arange(height) + 0.5) / area
    return np.stack([x, y], axis=-1)


def one_hot(labels: np.ndarray, parts: int) -> np.ndarray:
    """Labels `[N, H, W]` in 0..parts-1 to maps `[N, parts, H, W]` uint8."""
    return (labels[:, np.newaxis] == np.arange(parts)[:, np.newaxis, np.newaxis]).astype(np.uint8)


def predict(
    train_centers: np.ndarray,
    train_landmarks: np.ndarray,
    test_centers: np.ndarray,
    bias: bool = True,
) -> np.ndarray:
    """Landmarks predicted from centers by the linear map fitted on the train split.

    With bias: centers and landmarks are standardized with the train split's mean and deviation; least
    squares without intercept, so that the bias is the train mean [SCOPS]. Without: least squares on
    the pixels as they are, and no intercept; nothing is regularized [GANSeg, AutoLink]. There it
    matters where 0 is: at the picture's upper left corner, as theirs is.

    A part that is empty in an image is put at the train mean of its center, so that it says nothing
    there; one that is empty in every train image is never used [choice].

    Args:
      train_centers: `[N, P, 2]`, NaN where empty.
      train_landmarks: `[N, L, 2]`; images with a NaN landmark are not fitted to.
      test_centers: `[K, P, 2]`, NaN where empty.
      bias: which of the two.

    Returns:
      `[K, L, 2]` landmarks, pixels.

    Raises:
      ValueError: unlike numbers of images, or no train image with all its landmarks.
    """
    if len(train_centers) != len(train_landmarks):
        raise ValueError(
            f"{len(train_centers)} train centers but {len(train_landmarks)} train landmarks"
        )
    known = ~np.isnan(train_landmarks).any(axis=(1, 2))
    if not known.any():
        raise ValueError("no train image has all its landmarks; give landmarks for the train split")
    filled = SimpleImputer(strategy="mean", keep_empty_features=True)
    linear = LinearRegression(fit_intercept=False)
    if bias:
        regression = TransformedTargetRegressor(
            make_pipeline(filled, StandardScaler(), linear),
            transformer=StandardScaler(),
            check_inverse=False,
        )
    else:
        regression = make_pipeline(filled, linear)
    train = train_centers[known].reshape(known.sum(), -1)
    regression.fit(train, train_landmarks[known].reshape(len(train), -1))
    if not len(test_centers):
        return np.zeros((0, *train_landmarks.shape[1:]))
    found = regression.predict(test_centers.reshape(len(test_centers), -1))
    return found.reshape(len(test_centers), *train_landmarks.shape[1:])


def per_image_nme(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean distance of an image's landmarks over its own true distance of the eyes, per cent [SCOPS].

    Args:
      predicted: `[N, L, 2]` pixels.
      true: `[N, L, 2]` pixels.

    Returns:
      `[N]`; NaN (no ground truth) where a true landmark is NaN or the eyes are under 1 pixel apart
      [choice]: that is a profile, and would outweigh all others.

    Raises:
      ValueError: unlike shapes.
    """
    if predicted.shape != true.shape or true.ndim != 3 or true.shape[-1] != 2:
        raise ValueError(
            f"landmarks must both be [N, L, 2], got {predicted.shape} and {true.shape}"
        )
    normalizer = np.linalg.norm(true[:, EYES[0]] - true[:, EYES[1]], axis=-1)
    usable = normalizer >= SHORTEST_NORMALIZER
    errors = np.linalg.norm(predicted - true, axis=-1).mean(axis=-1)
    return np.where(usable, 100.0 * errors / np.where(usable, normalizer, 1.0), np.nan)


def true_centers(landmarks: np.ndarray) -> np.ndarray:
    """Centers of both eyes as one part, nose and mouth: `[N, 5, 2]` landmarks to `[N, 3, 2]`."""
    eyes, nose, mouth = landmarks[:, :2].mean(1), landmarks[:, 2], landmarks[:, 3:].mean(1)
    return np.stack([eyes, nose, mouth], axis=1)


def per_image_errors(
    train: PartCenters,
    train_landmarks: np.ndarray,
    test: PartCenters,
    test_landmarks: np.ndarray,
) -> dict[str, np.ndarray]:
    """NME of each test image, `[K]` per cent, by `NAMES`: the parts', the mean face's, the centroid's.

    Args:
      train: centers on the train split, from `part_centers`.
      train_landmarks: `[N, 5, 2]` (x, y) pixels, in CelebA's order.
      test: centers on the test split.
      test_landmarks: `[K, 5, 2]`; an image with a NaN landmark has no ground truth.
    """
    if len(test.parts) != len(test_landmarks):
        raise ValueError(f"{len(test.parts)} test centers but {len(test_landmarks)} landmarks")
    known = ~np.isnan(train_landmarks).any(axis=(1, 2))
    mean_face = train_landmarks[known].mean(axis=0)
    predicted = {"nme_mean_face_percent": np.broadcast_to(mean_face, test_landmarks.shape)}
    for line, a, b in (
        ("", train.parts, test.parts),
        ("centroid_", train.whole, test.whole),
        ("true_centers_", true_centers(train_landmarks), true_centers(test_landmarks)),
    ):
        predicted[f"nme_{line}percent"] = predict(a, train_landmarks, b)
        predicted[f"nme_no_bias_{line}percent"] = predict(a, train_landmarks, b, bias=False)
    return {name: per_image_nme(predicted[name], test_landmarks) for name in NAMES}
