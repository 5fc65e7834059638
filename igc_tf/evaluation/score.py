"""All metrics of a set of predictions, given as plain arrays.

Whatever is None in the predictions or the ground truth is not measured; its metrics are there all the
same, absent, with the reason. Those against a ground truth that a network predicted are called
`pseudo_...`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
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
from igc_tf.metrics.metric import NO_GROUND_TRUTH, Metric, means

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

    Intervals resample people, each with all their pictures, where it is known who is in them.

    Returns:
      All scores; each metric is there, absent ones with their reason.

    Raises:
      ValueError: arrays of shapes that do not fit, see `igc_tf.metrics`.
    """
    scorer = _Scorer(predictions, ground_truth, fit or Fit())
    scorer.reconstruction()
    scorer.segmentation()
    scorer.landmarks()
    scorer.at_landmarks()
    scorer.pose()
    scorer.geometry()
    scorer.recognition()
    scorer.consistency()
    return scorer.scores


def relief_regions(canonical_parts: np.ndarray, label_names: Sequence[str]) -> np.ndarray:
    """Nose, cheeks, background in the canonical view, `[N, 3, S, S]`: each nearer than the next."""
    order = [label_names.index(name) for name in ("nose", "cheeks", "background")]
    return np.stack([canonical_parts == label for label in order], axis=1).astype(np.float32)


def _absent(units: Iterable[str] | Mapping[str, str]) -> dict[str, Metric]:
    named = units if isinstance(units, Mapping) else dict.fromkeys(units, "")
    return {name: Metric.absent(unit) for name, unit in named.items()}


class _Scorer:
    """Fills `scores`, a method a subject."""

    def __init__(self, predictions: Predictions, ground_truth: GroundTruth, fit: Fit):
        self.found, self.true, self.fit = predictions, ground_truth, fit
        self.identity = ground_truth.identity
        self.scores = Scores(parts=predictions.parts)

    def _missing(self, section: str, units: Mapping[str, str], predicted: bool = True) -> None:
        reason = NO_GROUND_TRUTH if predicted else NOT_PREDICTED
        self.scores.add(section, _absent(units), reason)

    def _means(
        self, section: str, per_image: Mapping[str, np.ndarray], units: Mapping[str, str]
    ) -> None:
        self.scores.add(section, means(per_image, units, self.identity), per_image=per_image)

    def _against_labels(
        self,
        section: str,
        units: Mapping[str, str],
        metrics: Mapping[str, Metric],
        per_image: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Adds what landmarks and poses measure; `pseudo_...` if these are pseudo-labels."""
        prefix = ""
        if self.true.pseudo:
            self._missing(section, units)
            prefix = PSEUDO
        metrics = {prefix + name: metric for name, metric in metrics.items()}
        per_image = {prefix + name: values for name, values in (per_image or {}).items()}
        self.scores.add(section, metrics, per_image=per_image)

    def reconstruction(self) -> None:
        image, rendered, mask = self.found.image, self.found.reconstruction, self.found.mask
        if image is None or rendered is None:
            return self._missing("reconstruction", _RECONSTRUCTION, predicted=False)
        covered = np.ones(len(image)) if mask is None else (mask > 0.5).mean((1, 2))
        per_image = {
            "l1": reconstruction.l1(image, rendered, mask),
            "psnr_db": reconstruction.psnr_db(image, rendered, mask),
            "ssim": reconstruction.ssim(image, rendered, mask),
            "covered_share": covered,
        }
        self._means("reconstruction", per_image, _RECONSTRUCTION)

    def segmentation(self) -> None:
        labels, parts, true = self.found.labels, self.found.parts, self.true.parts
        if labels is None:
            return self._missing("segmentation", _SEGMENTATION, predicted=False)
        if true is None:
            self._missing("segmentation", _SEGMENTATION)
        else:
            names = self.true.label_names
            tables = segmentation.contingency(labels, true, parts, len(names))
            self.scores.confusion = tables.sum(0)
            part_of_label = segmentation.match(self.scores.confusion)
            matched = zip(part_of_label, names, strict=True)
            self.scores.matching = {int(part): name for part, name in matched if part >= 0}
            iou = segmentation.matched_iou(tables, part_of_label)
            there = ~np.isnan(iou)
            miou = np.where(there, iou, 0.0).sum(1) / np.maximum(there.sum(1), 1)
            metrics = {
                **segmentation.evaluate(tables, self.identity),
                **self._label_map(true),
                **segmentation.evaluate_parts(tables, names, self.identity),
            }
            per_image = {"miou": np.where(there.any(1), miou, np.nan)}
            self.scores.add("segmentation", metrics, per_image=per_image)
        areas = segmentation.part_areas(labels, parts)
        self.scores.add(
            "segmentation", segmentation.evaluate_existence(areas, identity=self.identity)
        )

    def _label_map(self, true: np.ndarray) -> dict[str, Metric]:
        """Scores of the per-pixel majority label, which looks at no image."""
        if self.fit.label_map is None:
            return _absent(name for name in _SEGMENTATION if name.endswith("_label_map"))
        labels = len(self.true.label_names)
        same = np.broadcast_to(self.fit.label_map, true.shape)
        tables = segmentation.contingency(same, true, labels, labels)
        metrics = segmentation.evaluate(tables, self.identity)
        return {f"{name}_label_map": metric for name, metric in metrics.items()}

    def landmarks(self) -> None:
        """NME, and how steadily parts keep their place on a face."""
        units = {**_LANDMARKS, **_SPREAD}
        centers, marks, mean_face = self.found.centers, self.true.landmarks, self._mean_face()
        if centers is None:
            return self._missing("landmarks", units, predicted=False)
        fit_centers, fit_marks = self.fit.centers, self.fit.landmarks
        if marks is None or mean_face is None or fit_centers is None or fit_marks is None:
            return self._missing("landmarks", units)
        per_image = landmarks.per_image_errors(fit_centers, fit_marks, centers, marks)
        if self.identity is None:
            per_image.update(dict.fromkeys(_SPREAD, np.full(len(marks), np.nan)))
        else:
            maps = self.true.parts if self.found.labels is None else self.found.labels
            middle = (np.nan, np.nan) if maps is None else (maps.shape[2] / 2, maps.shape[1] / 2)
            per_image.update(
                cycle.position_spread(centers.parts, marks, self.identity, mean_face, middle)
            )
        metrics = means(per_image, dict.fromkeys(per_image, "%"), self.identity)
        self._against_labels("landmarks", units, metrics, per_image)

    def _mean_face(self) -> np.ndarray | None:
        """`[5, 2]`, of the pictures to fit on that have all landmarks; None if none has."""
        if self.fit.landmarks is None:
            return None
        known = ~np.isnan(self.fit.landmarks).any((1, 2))
        return self.fit.landmarks[known].mean(0) if known.any() else None

    def at_landmarks(self) -> None:
        """How well the parts tell the landmarks apart, and how well the places of a mean face do."""
        labels, marks, mean_face = self.found.labels, self.true.landmarks, self._mean_face()
        if labels is None or marks is None:
            return self._missing("landmarks", _AT_LANDMARKS, predicted=labels is not None)
        tables = segmentation.contingency_at(labels, marks, self.found.parts)
        metrics = _absent(_AT_LANDMARKS)
        metrics.update(segmentation.evaluate_at_landmarks(tables, self.identity))
        if mean_face is not None:
            nearest = segmentation.nearest_landmark(mean_face, labels.shape[1:])
            same = np.broadcast_to(nearest, labels.shape)
            tables = segmentation.contingency_at(same, marks, len(mean_face))
            line = segmentation.evaluate_at_landmarks(tables, self.identity)
            metrics.update({f"{name}_mean_face": metric for name, metric in line.items()})
        self._against_labels("landmarks", _AT_LANDMARKS, metrics)

    def pose(self) -> None:
        found, true = self.found.rotation_degrees, self.true.rotation_degrees
        if found is None or true is None:
            return self._missing("pose", _POSE, predicted=found is not None)
        self._against_labels("pose", _POSE, pose.evaluate(found, true, self.identity))

    def geometry(self) -> None:
        """Depth in the photo's own view, as Unsup3D measures it, then in the canonical one."""
        found, true, fov = self.found, self.true, self.found.fov_degrees
        if found.view_depth is None or true.view_depth is None:
            self._missing("geometry", _VIEW, predicted=found.view_depth is not None)
        else:
            errors = geometry.view_errors(
                geometry.View(found.view_depth, found.view_mask, found.view_normals, fov),
                geometry.View(true.view_depth, true.view_mask, fov_degrees=true.fov_degrees),
                self.fit.mean_view_depth,
            )
            self._means("geometry", errors, {name: geometry.unit_of(name) for name in errors})
        if found.depth is None or true.depth is None:
            self._missing("geometry", _CANONICAL, predicted=found.depth is not None)
        else:
            average = self.fit.mean_depth
            errors = geometry.canonical_errors(
                found.depth, true.depth, true.depth_mask, average, fov, true.fov_degrees
            )
            self._means("geometry", errors, {name: geometry.unit_of(name) for name in errors})
        self._landmark_depth()
        self._relief()

    def _landmark_depth(self) -> None:
        view, marks, true = self.found.view_depth, self.true.landmarks, self.true.landmark_depth
        if view is None or marks is None or true is None:
            return self._missing("geometry", _LANDMARK_DEPTH, predicted=view is not None)
        metrics = landmark_depth.evaluate(view, marks, true, self.identity)
        self._against_labels("geometry", _LANDMARK_DEPTH, metrics)

    def _relief(self) -> None:
        """Convex or hollow, and in order: by the true regions, else in the photo's view by landmarks."""
        depth, view, regions = self.found.depth, self.found.view_depth, self.true.depth_regions
        marks = self.true.landmarks if regions is None else None
        metrics = _absent(_RELIEF)
        if depth is not None:
            metrics = relief.evaluate(depth, regions, self.identity)
        if marks is not None:
            del metrics["depth_order_share"]
        reason = NOT_PREDICTED if depth is None else NO_GROUND_TRUTH
        self.scores.add("geometry", metrics, reason)
        if marks is None:
            return
        if view is None:
            return self._missing("geometry", _ORDER, predicted=False)
        order = relief.in_order(view, relief.landmark_regions(marks, view.shape[1:]))
        per_image = {"depth_order_share": order}
        metrics = means(per_image, _ORDER, self.identity)
        self._against_labels("geometry", _ORDER, metrics, per_image)

    def recognition(self) -> None:
        found, protocol = self.found.descriptors, None
        if not found:
            absent = recognition.evaluate({recognition.MAIN: np.zeros((0, 1))}, None)
            return self.scores.add("recognition", absent, NOT_PREDICTED)
        if self.identity is not None:
            protocol = recognition.plan(self.identity, self.true.condition)
        self.scores.protocol, self.scores.descriptors = protocol, tuple(found)
        if protocol is not None:
            self.scores.bins = tuple(protocol.bins)
            self.scores.curves = {
                name: recognition.curves(vectors, protocol) for name, vectors in found.items()
            }
        self.scores.add("recognition", recognition.evaluate(found, protocol))

    def consistency(self) -> None:
        rerendered = self.found.rerendered
        if rerendered is None:
            return self._missing("consistency", cycle.RERENDERED_UNITS, predicted=False)
        errors = cycle.rerendered_errors(rerendered)
        count = len(rerendered.turned_yaw_degrees)
        identity = None if self.identity is None else self.identity[:count]
        self.scores.add("consistency", means(errors, cycle.RERENDERED_UNITS, identity))
