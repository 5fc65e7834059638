"""All metrics of a set of predictions, given as plain arrays.

Whatever is None in the predictions or the truth is not measured; its metrics are there all the same,
absent, with the reason. Those against a truth that a network guessed are called `pseudo_...`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from igc_tf.evaluation import (
    consistency,
    geometry,
    landmarks,
    pose,
    recognition,
    reconstruction,
    relief,
    segmentation,
)
from igc_tf.evaluation.landmarks import PartCentres
from igc_tf.evaluation.metric import NO_TRUTH, Metric, bootstrap

#: Names of the true labels of synthetic faces, in order.
LABELS = ("background", "eyes", "mouth", "forehead", "nose", "cheeks")

NOT_PREDICTED = "not predicted"
PSEUDO = "pseudo_"


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a method says of N pictures; None where it says nothing."""

    labels: np.ndarray | None  #: [N, S, S] integers, parts in the photo's view, 0 the background
    parts: int  #: how many parts there are; 0 for a method without parts
    centres: PartCentres | None  #: of the (soft) parts, in px of an S x S picture; with the labels
    image: np.ndarray | None = None  #: [N, H, W, 3] float32 in [0, 1], what it was given
    reconstruction: np.ndarray | None = None  #: [N, H, W, 3]
    mask: np.ndarray | None = None  #: [N, H, W], 1 where it claims to reconstruct
    rotation_degrees: np.ndarray | None = None  #: [N, 3] (pitch, yaw, roll)
    depth: np.ndarray | None = None  #: [N, S, S], in the view of the true depth
    view_depth: np.ndarray | None = None  #: [N, S, S], in the photo's own view, background too
    descriptors: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)  #: [N, D] each
    retake: consistency.Retake | None = None  #: of the first R pictures


@dataclasses.dataclass(frozen=True)
class Truth:
    """What is known of the N pictures; None where nothing is."""

    parts: np.ndarray | None = None  #: [N, S, S] true labels
    label_names: Sequence[str] = LABELS  #: of the true labels
    landmarks: np.ndarray | None = None  #: [N, 5, 2] px of an S x S picture, NaN where unknown
    rotation_degrees: np.ndarray | None = None  #: [N, 3], NaN where unknown
    pseudo: bool = False  #: a network guessed the landmarks and the rotation
    depth: np.ndarray | None = None  #: [N, S, S]
    depth_mask: np.ndarray | None = None  #: [N, S, S], where the depth is known
    depth_regions: np.ndarray | None = None  #: [N, R, S, S], each nearer than the next
    identity: np.ndarray | None = None  #: [N] integers, below 0 where unknown
    condition: recognition.Condition | None = None  #: how far from frontal, for recognition


class Fit(NamedTuple):
    """What is learned from other pictures than those that are scored: the train split."""

    centres: PartCentres
    landmarks: np.ndarray | None  #: [K, 5, 2] px of an S x S picture
    mean_depth: np.ndarray | None = None  #: [S, S] mean of the true depths
    label_map: np.ndarray | None = None  #: [S, S] most frequent true label of each pixel


@dataclasses.dataclass
class Scores:
    """All that was measured, in the order in which it is told."""

    sections: dict[str, list[str]] = dataclasses.field(default_factory=dict)  #: names by subject
    metrics: dict[str, Metric] = dataclasses.field(default_factory=dict)
    reasons: dict[str, str] = dataclasses.field(default_factory=dict)  #: why a metric is absent
    per_image: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)  #: [N], NaN unknown
    parts: int = 0  #: how many parts there are
    confusion: np.ndarray | None = None  #: [P, L] pixels of each part and true label
    matching: dict[int, str] = dataclasses.field(default_factory=dict)  #: part to true label
    protocol: recognition.Protocol | None = None
    curves: dict[str, recognition.Curves] = dataclasses.field(default_factory=dict)
    bins: tuple[str, ...] = ()  #: of the recognition
    descriptors: tuple[str, ...] = ()

    def add(
        self,
        section: str,
        metrics: Mapping[str, Metric],
        reason: str = NO_TRUTH,
        per_image: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Adds metrics of a subject; `reason` is why the absent ones among them are absent."""
        self.sections.setdefault(section, []).extend(metrics)
        self.metrics.update(metrics)
        self.reasons.update({name: reason for name, m in metrics.items() if m.is_absent})
        self.per_image.update(per_image or {})


#: Metrics of each subject when nothing of it can be measured, and their units.
_RECONSTRUCTION = {"l1": "", "psnr_db": "dB", "ssim": "", "covered_share": ""}
_SEGMENTATION = {
    f"{name}{line}": "" for line in ("", "_label_map") for name in ("nmi", "ari", "miou")
}
_LANDMARKS = {
    "nme_percent": "%",
    "nme_mean_face_percent": "%",
    "nme_centroid_percent": "%",
    "nme_true_centres_percent": "%",
}
_SPREAD = {"position_spread_percent": "%", "position_spread_fixed_point_percent": "%"}
_GEOMETRY = {
    f"{kind}_{line}{unit}": geometry.unit_of(f"{kind}_{unit}")
    for line in ("", "unaligned_", "constant_", "mean_depth_")
    for kind, unit in (("side", "e2"), ("mad", "degrees"), ("depth_error", "percent"))
    if (kind, line) != ("depth_error", "unaligned_")
}
_ORDER = {"depth_order_share": ""}
_RELIEF = {"convex_share": "", **_ORDER}
_POSE = {
    f"{angle}_{name}": unit
    for angle in pose.ANGLES
    for name, unit in (
        ("correlation", ""),
        ("mae_degrees", "degrees"),
        ("mae_constant_degrees", "degrees"),
    )
}


def score(predictions: Predictions, truth: Truth, fit: Fit | None = None) -> Scores:
    """Every metric, measured where there is something to measure.

    Args:
      predictions: of N pictures.
      truth: of the same N.
      fit: for the landmarks' NME and the mean-depth line; None if there is none.

    Returns:
      All scores; each metric is there, absent ones with their reason.

    Raises:
      ValueError: arrays of shapes that do not fit, see the `evaluate` functions.
    """
    scores = Scores(parts=predictions.parts)
    _reconstruction(scores, predictions)
    _segmentation(scores, predictions, truth, fit)
    _landmarks(scores, predictions, truth, fit)
    _pose(scores, predictions, truth)
    _geometry(scores, predictions, truth, fit)
    _recognition(scores, predictions, truth)
    _consistency(scores, predictions)
    return scores


def relief_regions(canonical_parts: np.ndarray, label_names: Sequence[str]) -> np.ndarray:
    """Nose, cheeks, background in the canonical view, `[N, 3, S, S]`: each nearer than the next."""
    order = [label_names.index(name) for name in ("nose", "cheeks", "background")]
    return np.stack([canonical_parts == label for label in order], axis=1).astype(np.float32)


def _absent(units: Mapping[str, str]) -> dict[str, Metric]:
    return {name: Metric.absent(unit) for name, unit in units.items()}


def _reconstruction(scores: Scores, predictions: Predictions) -> None:
    image, drawn, mask = predictions.image, predictions.reconstruction, predictions.mask
    if image is None or drawn is None:
        scores.add("reconstruction", _absent(_RECONSTRUCTION), NOT_PREDICTED)
        return
    covered = np.ones(len(image)) if mask is None else (mask > 0.5).mean((1, 2))
    per_image = {
        "l1": reconstruction.l1(image, drawn, mask),
        "psnr_db": reconstruction.psnr_db(image, drawn, mask),
        "ssim": reconstruction.ssim(image, drawn, mask),
        "covered_share": covered,
    }
    metrics = {name: bootstrap(v, _RECONSTRUCTION[name]) for name, v in per_image.items()}
    scores.add("reconstruction", metrics, per_image=per_image)


def _segmentation(scores: Scores, predictions: Predictions, truth: Truth, fit: Fit | None) -> None:
    if predictions.labels is None:
        scores.add("segmentation", _absent(_SEGMENTATION), NOT_PREDICTED)
        return
    areas = segmentation.part_areas(predictions.labels, predictions.parts)
    if truth.parts is None:
        scores.add("segmentation", _absent(_SEGMENTATION))
    else:
        tables = segmentation.contingency(
            predictions.labels, truth.parts, predictions.parts, len(truth.label_names)
        )
        scores.confusion = tables.sum(0)
        part_of_label = segmentation.match(scores.confusion)
        scores.matching = {
            int(part): name
            for part, name in zip(part_of_label, truth.label_names, strict=True)
            if part >= 0
        }
        iou = segmentation.matched_iou(tables, part_of_label)
        there = ~np.isnan(iou)
        miou = np.where(there, iou, 0.0).sum(1) / np.maximum(there.sum(1), 1)
        metrics = {
            **segmentation.evaluate(tables),
            **_label_map(truth, fit),
            **segmentation.evaluate_parts(tables, truth.label_names),
        }
        per_image = {"miou": np.where(there.any(1), miou, np.nan)}
        scores.add("segmentation", metrics, per_image=per_image)
    scores.add("segmentation", segmentation.evaluate_existence(areas))


def _label_map(truth: Truth, fit: Fit | None) -> dict[str, Metric]:
    """What a label map that looks at no image scores."""
    if fit is None or fit.label_map is None:
        return _absent({name: "" for name in _SEGMENTATION if name.endswith("_label_map")})
    labels = len(truth.label_names)
    same = np.broadcast_to(fit.label_map, truth.parts.shape)
    tables = segmentation.contingency(same, truth.parts, labels, labels)
    return {f"{name}_label_map": m for name, m in segmentation.evaluate(tables).items()}


def _landmarks(scores: Scores, predictions: Predictions, truth: Truth, fit: Fit | None) -> None:
    """NME, and how steadily parts keep their place on a face."""
    marks = truth.landmarks
    if predictions.centres is None:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}), NOT_PREDICTED)
        return
    fitted = fit is not None and fit.landmarks is not None
    fitted = fitted and not np.isnan(fit.landmarks).any((1, 2)).all()
    if marks is None or not fitted:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}))
        return
    prefix = PSEUDO if truth.pseudo else ""
    if truth.pseudo:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}))
    per_image = landmarks.per_image_errors(fit.centres, fit.landmarks, predictions.centres, marks)
    spread = dict.fromkeys(_SPREAD, np.full(len(marks), np.nan))
    if truth.identity is not None:
        known = ~np.isnan(fit.landmarks).any((1, 2))
        maps = truth.parts if predictions.labels is None else predictions.labels
        middle = (np.nan, np.nan) if maps is None else (maps.shape[2] / 2.0, maps.shape[1] / 2.0)
        spread = consistency.position_spread(
            predictions.centres.parts,
            marks,
            truth.identity,
            fit.landmarks[known].mean(0),
            middle,
        )
    per_image = {prefix + name: values for name, values in {**per_image, **spread}.items()}
    metrics = {name: bootstrap(values, "%") for name, values in per_image.items()}
    scores.add("landmarks", metrics, per_image=per_image)


def _pose(scores: Scores, predictions: Predictions, truth: Truth) -> None:
    found, true = predictions.rotation_degrees, truth.rotation_degrees
    if found is None:
        scores.add("pose", _absent(_POSE), NOT_PREDICTED)
        return
    if true is None or truth.pseudo:
        scores.add("pose", _absent(_POSE))
    if true is None:
        return
    prefix = PSEUDO if truth.pseudo else ""
    metrics = pose.evaluate(found, true)
    scores.add("pose", {prefix + name: metric for name, metric in metrics.items()})


def _geometry(scores: Scores, predictions: Predictions, truth: Truth, fit: Fit | None) -> None:
    depth = predictions.depth
    if depth is None:
        scores.add("geometry", _absent(_GEOMETRY), NOT_PREDICTED)
    elif truth.depth is None:
        scores.add("geometry", _absent(_GEOMETRY))
    else:
        average = None if fit is None else fit.mean_depth
        errors = geometry.per_image_errors(depth, truth.depth, truth.depth_mask, average)
        metrics = {name: bootstrap(v, geometry.unit_of(name)) for name, v in errors.items()}
        scores.add("geometry", metrics, per_image=errors)
    _relief(scores, predictions, truth)


def _relief(scores: Scores, predictions: Predictions, truth: Truth) -> None:
    """Convex or hollow, and in order: by the true regions, else in the photo's view by landmarks."""
    depth, view, marks = predictions.depth, predictions.view_depth, truth.landmarks
    metrics = _absent(_RELIEF) if depth is None else relief.evaluate(depth, truth.depth_regions)
    in_view = truth.depth_regions is None and marks is not None
    if in_view:
        del metrics["depth_order_share"]
    scores.add("geometry", metrics, NOT_PREDICTED if depth is None else NO_TRUTH)
    if not in_view:
        return
    if view is None:
        scores.add("geometry", _absent(_ORDER), NOT_PREDICTED)
        return
    prefix = PSEUDO if truth.pseudo else ""
    if truth.pseudo:
        scores.add("geometry", _absent(_ORDER))
    order = relief.in_order(view, relief.landmark_regions(marks, view.shape[1:]))
    per_image = {f"{prefix}depth_order_share": order}
    metrics = {name: bootstrap(values) for name, values in per_image.items()}
    scores.add("geometry", metrics, per_image=per_image)


def _recognition(scores: Scores, predictions: Predictions, truth: Truth) -> None:
    found = predictions.descriptors
    if not found:
        absent = recognition.evaluate({recognition.MAIN: np.zeros((0, 1))}, None)
        scores.add("recognition", absent, NOT_PREDICTED)
        return
    protocol = None
    if truth.identity is not None:
        protocol = recognition.plan(truth.identity, truth.condition)
    scores.protocol, scores.descriptors = protocol, tuple(found)
    if protocol is not None:
        scores.bins = tuple(protocol.bins)
        scores.curves = {name: recognition.curves(v, protocol) for name, v in found.items()}
    scores.add("recognition", recognition.evaluate(found, protocol))


def _consistency(scores: Scores, predictions: Predictions) -> None:
    if predictions.retake is None:
        scores.add("consistency", _absent(consistency.RETAKE_UNITS), NOT_PREDICTED)
        return
    errors = consistency.retake_errors(predictions.retake)
    metrics = {name: bootstrap(v, consistency.RETAKE_UNITS[name]) for name, v in errors.items()}
    scores.add("consistency", metrics)
