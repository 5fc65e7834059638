"""How well the discovered parts agree with true ones, NMI, ARI, matched mIoU; and whether they exist.

Where there are no true parts, landmarks stand for them: NMI and ARI of which part each lies in.
All of it follows from counts of (part, true label) per image, so images are reduced to those counts
first and any number of them costs little to resample.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import xlogy

from igc_tf.metrics.metric import Metric, bootstrap, bootstrap_weighted


def contingency(
    predicted: np.ndarray,
    true: np.ndarray,
    parts: int,
    labels: int,
    ignore: int | None = None,
) -> np.ndarray:
    """Counts, image by image, the pixels of each (part, true label).

    Args:
      predicted: `[N, H, W]` integers in 0..parts-1.
      true: `[N, H, W]` integers in 0..labels-1, or `ignore`.
      parts: number of discovered parts.
      labels: number of true labels.
      ignore: true label of pixels that do not count.

    Returns:
      `[N, parts, labels]` int64. Batches may be joined with `np.concatenate`.

    Raises:
      ValueError: unlike shapes, or a value out of range.
    """
    if predicted.shape != true.shape or true.ndim != 3:
        raise ValueError(f"labels must both be [N, H, W], got {predicted.shape}, {true.shape}")
    counted = np.ones(true.shape, bool) if ignore is None else true != ignore
    for name, values, limit in (("predicted", predicted, parts), ("true", true, labels)):
        found = values[counted]
        if found.size and not (0 <= found.min() and found.max() < limit):
            raise ValueError(
                f"{name} labels must lie in 0..{limit - 1}, found {found.min()}..{found.max()}"
            )
    images = len(true)
    cell = np.arange(images).reshape(-1, 1, 1) * parts + predicted.astype(np.int64)
    cell = (cell * labels + true)[counted]
    counts = np.bincount(cell, minlength=images * parts * labels)
    return counts.reshape(images, parts, labels)


def contingency_at(predicted: np.ndarray, points: np.ndarray, parts: int) -> np.ndarray:
    """Counts, image by image, which part each point lies in, the background among them.

    Args:
      predicted: `[N, H, W]` integers in 0..parts-1.
      points: `[N, L, 2]` (x, y) pixels, pixel centers at +0.5; NaN where unknown. Points outside the
        picture do not count either.
      parts: number of discovered parts.

    Returns:
      `[N, parts, L]` int64.
    """
    height, width = predicted.shape[1:]
    column, row = np.moveaxis(np.floor(np.nan_to_num(points, nan=-1.0)).astype(np.int64), -1, 0)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    image = np.arange(len(points))[:, np.newaxis]
    part = predicted[image, np.where(inside, row, 0), np.where(inside, column, 0)]
    point = np.where(inside, np.arange(points.shape[1]), -1)
    return contingency(part[:, np.newaxis], point[:, np.newaxis], parts, points.shape[1], -1)


def nmi(tables: np.ndarray) -> np.ndarray:
    """Normalized mutual information, arithmetic mean of the entropies, as scikit-learn has it.

    Args:
      tables: `[..., P, L]` counts.

    Returns:
      `[...]` in [0, 1]; 1 if both sides are a single label; NaN for an empty table.
    """
    joint = _shares(tables)
    part, label = joint.sum(-1), joint.sum(-2)
    h_part, h_label = -xlogy(part, part).sum(-1), -xlogy(label, label).sum(-1)
    h_joint = -xlogy(joint, joint).sum((-1, -2))
    mean = (h_part + h_label) / 2.0
    information = np.maximum(h_part + h_label - h_joint, 0.0)
    single = mean < 1e-12
    return np.where(single, 1.0, np.minimum(information / np.where(single, 1.0, mean), 1.0))


def ari(tables: np.ndarray) -> np.ndarray:
    """Adjusted Rand index over pixels, as scikit-learn has it.

    Args:
      tables: `[..., P, L]` counts, which may be weighted.

    Returns:
      `[...]` up to 1, 0 for chance; 1 if both sides agree trivially; NaN for an empty table.
    """
    tables = np.asarray(tables, np.float64)
    total = tables.sum((-1, -2))
    # Ordered pairs of pixels: together on both sides, in the same part, with the same label.
    both = (tables**2).sum((-1, -2)) - total
    part = (tables.sum(-1) ** 2).sum(-1) - total
    label = (tables.sum(-2) ** 2).sum(-1) - total
    pairs = total * (total - 1.0)
    chance = part * label / np.where(pairs > 0, pairs, 1.0)
    span = (part + label) / 2.0 - chance
    trivial = np.abs(span) <= 1e-12 * np.maximum(pairs, 1.0)
    result = np.where(trivial, 1.0, (both - chance) / np.where(trivial, 1.0, span))
    return np.where(total > 0, result, np.nan)


def match(table: np.ndarray) -> np.ndarray:
    """Hungarian matching of parts to true labels with the largest sum of IoUs.

    Args:
      table: `[P, L]` counts of the whole set.

    Returns:
      `[L]` int64: the part of each label; -1 for a label left without one (P < L).
    """
    rows, columns = linear_sum_assignment(_iou(table), maximize=True)
    part_of_label = np.full(table.shape[1], -1, np.int64)
    part_of_label[columns] = rows
    return part_of_label


def matched_iou(tables: np.ndarray, part_of_label: np.ndarray) -> np.ndarray:
    """IoU of every true label with the part matched to it.

    Args:
      tables: `[..., P, L]` counts.
      part_of_label: `[L]`, from `match`; -1 gives an IoU of 0.

    Returns:
      `[..., L]` in [0, 1]; NaN for a label that is not in the ground truth.
    """
    tables = np.asarray(tables, np.float64)
    labels = np.arange(tables.shape[-1])
    iou = np.where(part_of_label >= 0, _iou(tables)[..., part_of_label, labels], 0.0)
    return np.where(tables.sum(-2) > 0, iou, np.nan)


def evaluate(tables: np.ndarray, identity: np.ndarray | None = None) -> dict[str, Metric]:
    """NMI, ARI and matched mIoU over all pixels of all images.

    mIoU is the mean over the true labels that occur, the background among them. The matching is
    found once, on the whole set, and kept in the resamples [choice]. A resample adds up the
    tables of the people (or images) drawn.

    Args:
      tables: `[N, P, L]`, from `contingency`; images without a counted pixel have no ground truth.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      `nmi`, `ari`, `miou`.
    """
    tables, identity = _with_ground_truth(tables, identity)
    matching = match(tables.sum(0))

    def miou(summed: np.ndarray) -> np.ndarray:
        iou = matched_iou(summed, matching)
        present = ~np.isnan(iou)
        return np.where(present, iou, 0.0).sum(-1) / np.maximum(present.sum(-1), 1)

    return {
        name: bootstrap_weighted(_on_sum(function, tables), len(tables), identity=identity)
        for name, function in (("nmi", nmi), ("ari", ari), ("miou", miou))
    }


def evaluate_at_landmarks(
    tables: np.ndarray, identity: np.ndarray | None = None
) -> dict[str, Metric]:
    """NMI and ARI of parts and landmarks, over the landmarks of all images [PDiscoNet].

    With five landmarks, parts that are alike on both sides, and so join the eyes and the corners of the
    mouth, reach 0.79 and 0.62.

    Args:
      tables: `[N, P, L]`, from `contingency_at`.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      `nmi_landmarks`, `ari_landmarks`.
    """
    tables, identity = _with_ground_truth(tables, identity)
    return {
        name: bootstrap_weighted(_on_sum(function, tables), len(tables), identity=identity)
        for name, function in (("nmi_landmarks", nmi), ("ari_landmarks", ari))
    }


def evaluate_parts(
    tables: np.ndarray, label_names: Sequence[str], identity: np.ndarray | None = None
) -> dict[str, Metric]:
    """The same label by label: `iou_<label>`, IoU with the part matched to it.

    Args:
      tables: `[N, P, L]`, from `contingency`.
      label_names: L names of the true labels.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      A metric for each true label; absent for a label that no image has.

    Raises:
      ValueError: not L names.
    """
    if len(label_names) != tables.shape[2]:
        raise ValueError(f"{len(label_names)} names for {tables.shape[2]} true labels")
    tables, identity = _with_ground_truth(tables, identity)
    matching = match(tables.sum(0))
    return {
        f"iou_{name}": bootstrap_weighted(
            _on_sum(functools.partial(_iou_of_label, matching, index), tables),
            len(tables),
            identity=identity,
        )
        for index, name in enumerate(label_names)
    }


def part_areas(labels: np.ndarray, parts: int) -> np.ndarray:
    """Pixels of each part in each image: labels `[N, H, W]` to `[N, parts]` int64."""
    return contingency(labels, np.zeros_like(labels), parts, 1)[..., 0]


def evaluate_existence(areas: np.ndarray, identity: np.ndarray | None = None) -> dict[str, Metric]:
    """In which share of the images each part exists, and how much it covers; needs no ground truth.

    Args:
      areas: `[N, P]` pixels, from `part_areas`.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      `exists_part_<m>` and `area_part_<m>_percent`, of the picture.
    """
    exists = (areas > 0).astype(np.float64)
    percent = 100.0 * areas / np.maximum(areas.sum(1, keepdims=True), 1)
    metrics = {}
    for part in range(areas.shape[1]):
        metrics[f"exists_part_{part}"] = bootstrap(exists[:, part], identity=identity)
        metrics[f"area_part_{part}_percent"] = bootstrap(percent[:, part], "%", identity=identity)
    return metrics


def label_map(true: np.ndarray, labels: int) -> np.ndarray:
    """The most frequent true label of each pixel: the segmentation of a method that sees no image.

    Args:
      true: `[K, H, W]` integers in 0..labels-1, of the train split.
      labels: number of true labels.

    Returns:
      `[H, W]` uint8; the first of equally frequent labels.

    Raises:
      ValueError: no picture, or not `[K, H, W]`.
    """
    if true.ndim != 3 or not len(true):
        raise ValueError(f"true labels must be [K >= 1, H, W], got shape {true.shape}")
    return np.argmax([(true == label).sum(0) for label in range(labels)], axis=0).astype(np.uint8)


def nearest_landmark(landmarks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Which landmark of a face each pixel is nearest to: parts of a method that sees no image.

    Args:
      landmarks: `[L, 2]` (x, y) pixels, the mean face of the train split.
      size: (height, width).

    Returns:
      `[height, width]` uint8 in 0..L-1.
    """
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    x_mark, y_mark = landmarks.T[..., np.newaxis, np.newaxis]
    return np.argmin(np.hypot(x - x_mark, y - y_mark), axis=0).astype(np.uint8)


def _iou_of_label(matching: np.ndarray, label: int, summed: np.ndarray) -> np.ndarray:
    return matched_iou(summed, matching)[..., label]


def _on_sum(
    function: Callable[[np.ndarray], np.ndarray], tables: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """A statistic of weights: the function on the weighted sum of the images' tables."""
    flat = tables.reshape(len(tables), np.prod(tables.shape[1:])).astype(np.float64)
    return lambda weights: function((weights @ flat).reshape(-1, *tables.shape[1:]))


def _with_ground_truth(
    tables: np.ndarray, identity: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    if tables.ndim != 3:
        raise ValueError(f"tables must be [N, P, L], got shape {tables.shape}")
    known = tables.sum((1, 2)) > 0
    return tables[known], None if identity is None else identity[known]


def _shares(tables: np.ndarray) -> np.ndarray:
    total = tables.sum((-1, -2), keepdims=True)
    return np.where(total > 0, tables / np.where(total > 0, total, 1), np.nan)


def _iou(tables: np.ndarray) -> np.ndarray:
    tables = np.asarray(tables, np.float64)
    union = tables.sum(-1, keepdims=True) + tables.sum(-2, keepdims=True) - tables
    return tables / np.where(union > 0, union, 1.0)
