"""All metrics of a set of predictions, given as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from igc_tf.evaluation import geometry, landmarks, pose, reconstruction, relief, segmentation
from igc_tf.evaluation.landmarks import PartCentres
from igc_tf.evaluation.metric import Metric

#: Names of the true labels of synthetic faces, in order.
LABELS = ("background", "eyes", "mouth", "forehead", "nose", "cheeks")


class Predictions(NamedTuple):
    """What a method says of N pictures."""

    image: np.ndarray  #: [N, H, W, 3] float32 in [0, 1], what it was given
    reconstruction: np.ndarray  #: [N, H, W, 3]
    mask: np.ndarray  #: [N, H, W], 1 where it claims to reconstruct
    labels: np.ndarray  #: [N, S, S] uint8 part numbers in the photo's view, at the truth's size
    parts: int  #: how many parts there are
    centres: PartCentres  #: of the soft parts, in px of an S x S picture
    rotation_degrees: np.ndarray  #: [N, 3] (pitch, yaw, roll)
    depth: np.ndarray  #: [N, S, S] canonical depth


class Fit(NamedTuple):
    """What the landmark regression is fitted on: other pictures than those that are scored."""

    centres: PartCentres
    landmarks: np.ndarray  #: [K, 5, 2] px of an S x S picture


def score(
    predictions: Predictions,
    truth: Mapping[str, np.ndarray] | None,
    fit: Fit | None,
    label_names: Sequence[str] = LABELS,
) -> dict[str, Metric]:
    """Every metric there is a truth for.

    Args:
      predictions: of N pictures.
      truth: arrays of the same N by the names of the synthetic faces' features: `parts`,
        `landmarks`, `rotation_degrees`, `canonical_depth`, `canonical_parts`; None if nothing but
        the pictures is known.
      fit: for the landmarks' NME; None if there is none.
      label_names: of the true part labels.

    Returns:
      `{name: metric}`; those without a truth have no value (`Metric.value` None).
    """
    metrics = reconstruction.evaluate(
        predictions.image, predictions.reconstruction, predictions.mask
    )
    if truth is None:
        metrics.update(relief.evaluate(predictions.depth))
        return metrics
    tables = segmentation.contingency(
        predictions.labels, truth["parts"], predictions.parts, len(label_names)
    )
    metrics.update(segmentation.evaluate(tables))
    metrics.update(segmentation.evaluate_parts(tables, label_names))
    if fit is not None:
        metrics.update(
            landmarks.evaluate(fit.centres, fit.landmarks, predictions.centres, truth["landmarks"])
        )
    metrics.update(pose.evaluate(predictions.rotation_degrees, truth["rotation_degrees"]))
    metrics.update(
        geometry.evaluate(predictions.depth, truth["canonical_depth"], truth["canonical_parts"] > 0)
    )
    regions = relief_regions(truth["canonical_parts"], label_names)
    metrics.update(relief.evaluate(predictions.depth, regions))
    return metrics


def relief_regions(canonical_parts: np.ndarray, label_names: Sequence[str]) -> np.ndarray:
    """Nose, cheeks, background in the canonical view, `[N, 3, S, S]`: each nearer than the next."""
    order = [label_names.index(name) for name in ("nose", "cheeks", "background")]
    return np.stack([canonical_parts == label for label in order], axis=1).astype(np.float32)
