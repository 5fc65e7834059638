"""All metrics of a set of predictions, given as plain arrays.

Whatever is None in the predictions or the ground truth is not measured; its metrics are there all the
same, absent, with the reason. Those against a ground truth that a network predicted are called
`pseudo_...`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from igc_tf.metrics import (
    cycle,
    geometry,
    landmark_depth,
    landmarks,
    pose,
    recognition,
    reconstruction,
    relief,
    segmentation,
)
from igc_tf.metrics.landmarks import PartCenters
from igc_tf.metrics.metric import NO_GROUND_TRUTH, Metric, bootstrap

#: Names of the true labels of synthetic faces, in order.
LABELS = ("background", "eyes", "mouth", "forehead", "nose", "cheeks")

NOT_PREDICTED = "not predicted"
PSEUDO = "pseudo_"


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a method says of N pictures; None where it says nothing."""

    labels: np.ndarray | None  #: [N, S, S] integers, parts in the photo's view, 0 the background
    parts: int  #: how many parts there are; 0 for a method without parts
    centers: PartCenters | None  #: of the (soft) parts, in px of an S x S picture; with the labels
    image: np.ndarray | None = None  #: [N, H, W, 3] float32 in [0, 1], what it was given
    reconstruction: np.ndarray | None = None  #: [N, H, W, 3]
    mask: np.ndarray | None = None  #: [N, H, W], 1 where it claims to reconstruct
    rotation_degrees: np.ndarray | None = None  #: [N, 3] (pitch, yaw, roll)
    depth: np.ndarray | None = None  #: [N, S, S], in the view of the true depth, the canonical one
    view_depth: np.ndarray | None = None  #: [N, S, S], in the photo's own view, background too
    view_mask: np.ndarray | None = (
        None  #: [N, S, S], where that depth is rendered; None: everywhere
    )
    view_normals: np.ndarray | None = None  #: [N, S, S, 3], unit; None: those of that depth
    fov_degrees: float = geometry.FOV_DEGREES  #: horizontal, of the camera that the depths are of
    descriptors: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)  #: [N, D] each
    rerendered: cycle.Rerendered | None = None  #: of the first R pictures


@dataclasses.dataclass(frozen=True)
class GroundTruth:
    """What is known of the N pictures; None where nothing is."""

    parts: np.ndarray | None = None  #: [N, S, S] true labels
    label_names: Sequence[str] = LABELS  #: of the true labels
    landmarks: np.ndarray | None = None  #: [N, 5, 2] px of an S x S picture, NaN where unknown
    landmark_depth: np.ndarray | None = None  #: [N, 5] any unit, larger is farther, NaN unknown
    rotation_degrees: np.ndarray | None = None  #: [N, 3], NaN where unknown
    pseudo: bool = False  #: a network predicted the landmarks, their depth and the rotation
    depth: np.ndarray | None = None  #: [N, S, S], canonical view
    depth_mask: np.ndarray | None = None  #: [N, S, S], where that depth is known
    view_depth: np.ndarray | None = None  #: [N, S, S], in the photo's own view
    view_mask: np.ndarray | None = None  #: [N, S, S], where that depth is known; None: everywhere
    fov_degrees: float = geometry.FOV_DEGREES  #: horizontal, of the camera that the depths are of
    depth_regions: np.ndarray | None = None  #: [N, R, S, S], each nearer than the next
    identity: np.ndarray | None = (
        None  #: [N] integers, below 0 where unknown; intervals resample them
    )
    condition: recognition.Condition | None = None  #: how far from frontal, for recognition


class Fit(NamedTuple):
    """What is learned from other pictures than those that are scored: the train split."""

    centers: PartCenters | None = None  #: None without parts
    landmarks: np.ndarray | None = None  #: [K, 5, 2] px of an S x S picture
    mean_depth: np.ndarray | None = None  #: [S, S] mean of the true depths, canonical view
    label_map: np.ndarray | None = None  #: [S, S] most frequent true label of each pixel
    mean_view_depth: np.ndarray | None = None  #: [S, S] the same of those in the photos' own views


@dataclasses.dataclass
class Scores:
    """All that was measured, in the order in which it is shown."""

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
        reason: str = NO_GROUND_TRUTH,
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
_LANDMARKS = dict.fromkeys(landmarks.NAMES, "%")
_AT_LANDMARKS = {
    f"{name}_landmarks{line}": "" for line in ("", "_mean_face") for name in ("nmi", "ari")
}
_SPREAD = {"position_spread_percent": "%", "position_spread_fixed_point_percent": "%"}
_VIEW = {
    f"{kind}_view_{line}{unit}": geometry.unit_of(f"{kind}_{unit}")
    for line in ("", "constant_", "mean_depth_")
    for kind, unit in (("side", "e2"), ("mad", "degrees"))
}
_CANONICAL = {
    f"{kind}_canonical_{line}{unit}": geometry.unit_of(f"{kind}_{unit}")
    for line in ("", "unaligned_", "constant_", "mean_depth_")
    for kind, unit in (("side", "e2"), ("mad", "degrees"), ("depth_error", "percent"))
    if (kind, line) != ("depth_error", "unaligned_")
}
_LANDMARK_DEPTH = {
    f"landmark_depth_correlation{name}{line}": ""
    for line in ("", "_mean_depth")
    for name in ("", "_sum")
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


def score(predictions: Predictions, ground_truth: GroundTruth, fit: Fit | None = None) -> Scores:
    """Every metric, measured where there is something to measure.

    Args:
      predictions: of N pictures.
      ground_truth: of the same N.
      fit: for the landmarks' NME and the mean-depth line; None if there is none.

    Intervals resample people, each with all of their pictures, where the ground truth knows who is in
    them.

    Returns:
      All scores; each metric is there, absent ones with their reason.

    Raises:
      ValueError: arrays of shapes that do not fit, see the `evaluate` functions.
    """
    scores = Scores(parts=predictions.parts)
    _reconstruction(scores, predictions, ground_truth)
    _segmentation(scores, predictions, ground_truth, fit)
    _landmarks(scores, predictions, ground_truth, fit)
    _at_landmarks(scores, predictions, ground_truth, fit)
    _pose(scores, predictions, ground_truth)
    _geometry(scores, predictions, ground_truth, fit)
    _recognition(scores, predictions, ground_truth)
    _consistency(scores, predictions, ground_truth)
    return scores


def relief_regions(canonical_parts: np.ndarray, label_names: Sequence[str]) -> np.ndarray:
    """Nose, cheeks, background in the canonical view, `[N, 3, S, S]`: each nearer than the next."""
    order = [label_names.index(name) for name in ("nose", "cheeks", "background")]
    return np.stack([canonical_parts == label for label in order], axis=1).astype(np.float32)


def _absent(units: Mapping[str, str]) -> dict[str, Metric]:
    return {name: Metric.absent(unit) for name, unit in units.items()}


def _means(
    per_image: Mapping[str, np.ndarray], units: Mapping[str, str], identity: np.ndarray | None
) -> dict[str, Metric]:
    """Means over the images, with the intervals of people where they are known."""
    return {
        name: bootstrap(values, units.get(name, ""), identity=identity)
        for name, values in per_image.items()
    }


def _reconstruction(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    image, rendered, mask = predictions.image, predictions.reconstruction, predictions.mask
    if image is None or rendered is None:
        scores.add("reconstruction", _absent(_RECONSTRUCTION), NOT_PREDICTED)
        return
    covered = np.ones(len(image)) if mask is None else (mask > 0.5).mean((1, 2))
    per_image = {
        "l1": reconstruction.l1(image, rendered, mask),
        "psnr_db": reconstruction.psnr_db(image, rendered, mask),
        "ssim": reconstruction.ssim(image, rendered, mask),
        "covered_share": covered,
    }
    metrics = _means(per_image, _RECONSTRUCTION, ground_truth.identity)
    scores.add("reconstruction", metrics, per_image=per_image)


def _segmentation(
    scores: Scores, predictions: Predictions, ground_truth: GroundTruth, fit: Fit | None
) -> None:
    if predictions.labels is None:
        scores.add("segmentation", _absent(_SEGMENTATION), NOT_PREDICTED)
        return
    areas = segmentation.part_areas(predictions.labels, predictions.parts)
    if ground_truth.parts is None:
        scores.add("segmentation", _absent(_SEGMENTATION))
    else:
        tables = segmentation.contingency(
            predictions.labels, ground_truth.parts, predictions.parts, len(ground_truth.label_names)
        )
        scores.confusion = tables.sum(0)
        part_of_label = segmentation.match(scores.confusion)
        scores.matching = {
            int(part): name
            for part, name in zip(part_of_label, ground_truth.label_names, strict=True)
            if part >= 0
        }
        iou = segmentation.matched_iou(tables, part_of_label)
        there = ~np.isnan(iou)
        miou = np.where(there, iou, 0.0).sum(1) / np.maximum(there.sum(1), 1)
        metrics = {
            **segmentation.evaluate(tables, ground_truth.identity),
            **_label_map(ground_truth, fit),
            **segmentation.evaluate_parts(tables, ground_truth.label_names, ground_truth.identity),
        }
        per_image = {"miou": np.where(there.any(1), miou, np.nan)}
        scores.add("segmentation", metrics, per_image=per_image)
    existence = segmentation.evaluate_existence(areas, identity=ground_truth.identity)
    scores.add("segmentation", existence)


def _label_map(ground_truth: GroundTruth, fit: Fit | None) -> dict[str, Metric]:
    """What a label map that looks at no image scores."""
    if fit is None or fit.label_map is None or ground_truth.parts is None:
        return _absent({name: "" for name in _SEGMENTATION if name.endswith("_label_map")})
    labels = len(ground_truth.label_names)
    same = np.broadcast_to(fit.label_map, ground_truth.parts.shape)
    tables = segmentation.contingency(same, ground_truth.parts, labels, labels)
    metrics = segmentation.evaluate(tables, ground_truth.identity)
    return {f"{name}_label_map": metric for name, metric in metrics.items()}


def _landmarks(
    scores: Scores, predictions: Predictions, ground_truth: GroundTruth, fit: Fit | None
) -> None:
    """NME, and how steadily parts keep their place on a face."""
    marks = ground_truth.landmarks
    if predictions.centers is None:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}), NOT_PREDICTED)
        return
    mean_face = _mean_face(fit)
    centers, fit_marks = (None, None) if fit is None else (fit.centers, fit.landmarks)
    if marks is None or mean_face is None or centers is None or fit_marks is None:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}))
        return
    prefix = PSEUDO if ground_truth.pseudo else ""
    if ground_truth.pseudo:
        scores.add("landmarks", _absent({**_LANDMARKS, **_SPREAD}))
    per_image = landmarks.per_image_errors(centers, fit_marks, predictions.centers, marks)
    spread = dict.fromkeys(_SPREAD, np.full(len(marks), np.nan))
    if ground_truth.identity is not None:
        maps = ground_truth.parts if predictions.labels is None else predictions.labels
        middle = (np.nan, np.nan) if maps is None else (maps.shape[2] / 2.0, maps.shape[1] / 2.0)
        spread = cycle.position_spread(
            predictions.centers.parts,
            marks,
            ground_truth.identity,
            mean_face,
            middle,
        )
    per_image = {prefix + name: values for name, values in {**per_image, **spread}.items()}
    metrics = _means(per_image, dict.fromkeys(per_image, "%"), ground_truth.identity)
    scores.add("landmarks", metrics, per_image=per_image)


def _mean_face(fit: Fit | None) -> np.ndarray | None:
    """`[5, 2]`, of the pictures to fit on that have all landmarks; None if none has."""
    if fit is None or fit.landmarks is None:
        return None
    known = ~np.isnan(fit.landmarks).any((1, 2))
    return fit.landmarks[known].mean(0) if known.any() else None


def _at_landmarks(
    scores: Scores, predictions: Predictions, ground_truth: GroundTruth, fit: Fit | None
) -> None:
    """How well the parts tell the landmarks apart, and how well the places of a mean face do."""
    labels, marks = predictions.labels, ground_truth.landmarks
    if labels is None or marks is None:
        reason = NOT_PREDICTED if labels is None else NO_GROUND_TRUTH
        scores.add("landmarks", _absent(_AT_LANDMARKS), reason)
        return
    prefix = PSEUDO if ground_truth.pseudo else ""
    if ground_truth.pseudo:
        scores.add("landmarks", _absent(_AT_LANDMARKS))
    tables = segmentation.contingency_at(labels, marks, predictions.parts)
    metrics = _absent(_AT_LANDMARKS)
    metrics.update(segmentation.evaluate_at_landmarks(tables, ground_truth.identity))
    mean_face = _mean_face(fit)
    if mean_face is not None:
        nearest = segmentation.nearest_landmark(mean_face, labels.shape[1:])
        same = np.broadcast_to(nearest, labels.shape)
        tables = segmentation.contingency_at(same, marks, len(mean_face))
        line = segmentation.evaluate_at_landmarks(tables, ground_truth.identity)
        metrics.update({f"{name}_mean_face": metric for name, metric in line.items()})
    scores.add("landmarks", {prefix + name: metric for name, metric in metrics.items()})


def _pose(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    found, true = predictions.rotation_degrees, ground_truth.rotation_degrees
    if found is None:
        scores.add("pose", _absent(_POSE), NOT_PREDICTED)
        return
    if true is None or ground_truth.pseudo:
        scores.add("pose", _absent(_POSE))
    if true is None:
        return
    prefix = PSEUDO if ground_truth.pseudo else ""
    metrics = pose.evaluate(found, true, ground_truth.identity)
    scores.add("pose", {prefix + name: metric for name, metric in metrics.items()})


def _of_geometry(errors: dict[str, np.ndarray], ground_truth: GroundTruth) -> dict[str, Metric]:
    units = {name: geometry.unit_of(name) for name in errors}
    return _means(errors, units, ground_truth.identity)


def _geometry(
    scores: Scores, predictions: Predictions, ground_truth: GroundTruth, fit: Fit | None
) -> None:
    """Depth in the photo's own view, as Unsup3D measures it, then in the canonical one."""
    found, fov = predictions, predictions.fov_degrees
    if found.view_depth is None:
        scores.add("geometry", _absent(_VIEW), NOT_PREDICTED)
    elif ground_truth.view_depth is None:
        scores.add("geometry", _absent(_VIEW))
    else:
        average = None if fit is None else fit.mean_view_depth
        errors = geometry.view_errors(
            geometry.View(found.view_depth, found.view_mask, found.view_normals, fov),
            geometry.View(
                ground_truth.view_depth,
                ground_truth.view_mask,
                fov_degrees=ground_truth.fov_degrees,
            ),
            average,
        )
        scores.add("geometry", _of_geometry(errors, ground_truth), per_image=errors)
    if found.depth is None:
        scores.add("geometry", _absent(_CANONICAL), NOT_PREDICTED)
    elif ground_truth.depth is None:
        scores.add("geometry", _absent(_CANONICAL))
    else:
        average = None if fit is None else fit.mean_depth
        errors = geometry.canonical_errors(
            found.depth,
            ground_truth.depth,
            ground_truth.depth_mask,
            average,
            fov,
            ground_truth.fov_degrees,
        )
        scores.add("geometry", _of_geometry(errors, ground_truth), per_image=errors)
    _landmark_depth(scores, predictions, ground_truth)
    _relief(scores, predictions, ground_truth)


def _landmark_depth(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    view, marks, true = predictions.view_depth, ground_truth.landmarks, ground_truth.landmark_depth
    if view is None or marks is None or true is None:
        reason = NOT_PREDICTED if view is None else NO_GROUND_TRUTH
        scores.add("geometry", _absent(_LANDMARK_DEPTH), reason)
        return
    prefix = PSEUDO if ground_truth.pseudo else ""
    if ground_truth.pseudo:
        scores.add("geometry", _absent(_LANDMARK_DEPTH))
    metrics = landmark_depth.evaluate(view, marks, true, ground_truth.identity)
    scores.add("geometry", {prefix + name: metric for name, metric in metrics.items()})


def _relief(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    """Convex or hollow, and in order: by the true regions, else in the photo's view by landmarks."""
    depth, view = predictions.depth, predictions.view_depth
    marks = ground_truth.landmarks if ground_truth.depth_regions is None else None
    metrics = _absent(_RELIEF)
    if depth is not None:
        metrics = relief.evaluate(depth, ground_truth.depth_regions, ground_truth.identity)
    if marks is not None:
        del metrics["depth_order_share"]
    scores.add("geometry", metrics, NOT_PREDICTED if depth is None else NO_GROUND_TRUTH)
    if marks is None:
        return
    if view is None:
        scores.add("geometry", _absent(_ORDER), NOT_PREDICTED)
        return
    prefix = PSEUDO if ground_truth.pseudo else ""
    if ground_truth.pseudo:
        scores.add("geometry", _absent(_ORDER))
    order = relief.in_order(view, relief.landmark_regions(marks, view.shape[1:]))
    per_image = {f"{prefix}depth_order_share": order}
    scores.add("geometry", _means(per_image, {}, ground_truth.identity), per_image=per_image)


def _recognition(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    found = predictions.descriptors
    if not found:
        absent = recognition.evaluate({recognition.MAIN: np.zeros((0, 1))}, None)
        scores.add("recognition", absent, NOT_PREDICTED)
        return
    protocol = None
    if ground_truth.identity is not None:
        protocol = recognition.plan(ground_truth.identity, ground_truth.condition)
    scores.protocol, scores.descriptors = protocol, tuple(found)
    if protocol is not None:
        scores.bins = tuple(protocol.bins)
        scores.curves = {name: recognition.curves(v, protocol) for name, v in found.items()}
    scores.add("recognition", recognition.evaluate(found, protocol))


def _consistency(scores: Scores, predictions: Predictions, ground_truth: GroundTruth) -> None:
    if predictions.rerendered is None:
        scores.add("consistency", _absent(cycle.RERENDERED_UNITS), NOT_PREDICTED)
        return
    errors = cycle.rerendered_errors(predictions.rerendered)
    count = len(predictions.rerendered.turned_yaw_degrees)
    identity = None if ground_truth.identity is None else ground_truth.identity[:count]
    scores.add("consistency", _means(errors, cycle.RERENDERED_UNITS, identity))
