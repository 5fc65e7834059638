"""Predictions as an NPZ file of plain arrays, so that any method can be scored.

N pictures, S x S the ground truth's size, K pictures of another split to fit on. All arrays are
optional, but something must be predicted; a method without parts gives neither `labels` nor
`part_maps`:

    names                  [N] text; by them a data set's ground truth is found
    labels                 [N, S, S] integers 0..M-1, the part at each pixel, 0 the background
    part_maps              [N, M, S, S] >= 0, soft parts, instead of labels or beside them
    parts                  M, if labels do not reach M - 1
    part_centers, whole_center   [N, M - 1, 2] and [N, 1, 2] (x, y) px of the parts but the background and
                           of all of them together, NaN where empty; else they are made of the above
    image                  [N, H, W, 3] uint8, or floats in [0, 1]
    reconstruction         [N, H, W, 3] the same
    mask                   [N, H, W] 1 where it claims to reconstruct
    rotation_degrees       [N, 3] (pitch, yaw, roll)
    depth                  [N, S, S] > 0, in the view of true_depth, the canonical one
    view_depth             [N, S, S] > 0, in the photo's own view, the background's too
    view_mask              [N, S, S] 1 where view_depth is rendered; by default everywhere
    view_normals           [N, S, S, 3] unit (x right, y up, z to the viewer), in the photo's own view, if
                           not those of view_depth
    fov_degrees            horizontal field of view of the camera that the depths are of; 10 by default
    descriptor_<name>      [N, D] for recognition; `descriptor_object` is the main one
    fit_labels, fit_part_maps, fit_part_centers, fit_whole_center   as above, of K pictures to fit on
    fit_landmarks          [K, 5, 2] px, pixel centers at +0.5
    fit_mean_depth, fit_mean_view_depth   [S, S] mean of the train split's true_depth, true_view_depth
    fit_label_map          [S, S] most frequent true label of each pixel in the train split
    true_parts             [N, S, S] integers; true_label_names [L] text, their names
    true_landmarks         [N, 5, 2] px of an S x S picture, CelebA's order, NaN where unknown
    true_landmark_depth    [N, 5] their depth, any unit, larger is farther, NaN where unknown
    true_rotation_degrees  [N, 3], NaN where unknown
    true_is_pseudo         true: a network predicted landmarks, their depth and rotation
    true_depth, true_depth_mask   [N, S, S], canonical view
    true_view_depth, true_view_mask   [N, S, S], the photo's own view
    true_fov_degrees       as fov_degrees, of the true depths
    true_identity          [N] integers, who is in each picture, below 0 where unknown: for recognition,
                           and because all intervals resample people where they are known
    true_condition         [N] >= 0, how far from frontal; else the size of the true yaw
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from igc_tf.disk import written
from igc_tf.evaluation import score
from igc_tf.metrics import geometry, landmarks, recognition

_DESCRIPTOR = "descriptor_"
_PREDICTED = (
    "labels", "part_maps", "part_centers", "reconstruction", "rotation_degrees", "depth", "view_depth",
)  # fmt: skip
_LEADING = {
    "labels": 1, "part_maps": 2, "depth": 1, "view_depth": 1, "view_mask": 1,
}  # axes before S x S  # fmt: skip
_WRITTEN = (
    "labels", "image", "reconstruction", "mask", "rotation_degrees", "depth", "view_depth",
    "view_mask", "view_normals", "fov_degrees",
)  # fmt: skip
_FITTED = ("landmarks", "mean_depth", "label_map", "mean_view_depth")  # of `score.Fit`
_SINGLE = (
    "parts", "fov_degrees", "true_label_names", "true_is_pseudo", "true_fov_degrees",
    "fit_mean_depth", "fit_mean_view_depth", "fit_label_map",
)  # fmt: skip
_NAMES = frozenset(
    "names labels part_maps parts part_centers whole_center image reconstruction mask "
    "rotation_degrees depth view_depth view_mask view_normals fov_degrees fit_labels fit_part_maps "
    "fit_part_centers fit_whole_center fit_landmarks fit_mean_depth fit_mean_view_depth "
    "fit_label_map true_parts true_label_names true_landmarks true_landmark_depth "
    "true_rotation_degrees true_is_pseudo true_depth true_depth_mask true_view_depth "
    "true_view_mask true_fov_degrees true_identity true_condition".split()
)


class PredictionFile(NamedTuple):
    """What `read` finds in a file."""

    names: list[str]  #: N
    predictions: score.Predictions
    ground_truth: score.GroundTruth  #: what the file itself knows
    fit: score.Fit | None  #: None if nothing was learned from other pictures


def read(path: str | os.PathLike[str]) -> PredictionFile:
    """Reads and checks a file of predictions.

    Raises:
      FileNotFoundError: no such file.
      ValueError: no NPZ file, an unknown name, nothing predicted, or unlike numbers of pictures.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"--predictions={path}: no such file.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (ValueError, OSError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"--predictions={path} is no NPZ file of plain arrays: {error}") from error
    unknown = sorted(n for n in arrays if n not in _NAMES and not n.startswith(_DESCRIPTOR))
    if unknown:
        raise ValueError(
            f"--predictions={path}: no array is called {', '.join(unknown)}; igc_tf.evaluation.files "
            "lists the names."
        )
    predicted = [name for name in _PREDICTED if name in arrays]
    predicted += [name for name in arrays if name.startswith(_DESCRIPTOR)]
    if not predicted:
        raise ValueError(
            f"--predictions={path} predicts nothing: it needs one of {', '.join(_PREDICTED)} or "
            f"{_DESCRIPTOR}<name>."
        )
    labels = arrays.get("labels")
    if labels is None and "part_maps" in arrays:
        labels = arrays["part_maps"].argmax(1)
    pictures = len(np.atleast_1d(arrays[predicted[0]]))
    for name, array in arrays.items():
        fitted = name.startswith("fit_")
        count = len(arrays.get("fit_landmarks", array)) if fitted else pictures
        single = name in _SINGLE
        if not single and (not array.ndim or len(array) != count):
            raise ValueError(
                f"--predictions={path}: {name} has shape {array.shape}, but there are {count} pictures."
            )
    _check_sizes(path, arrays)
    parts = 0 if labels is None else _count_parts(arrays, labels)
    predictions = score.Predictions(
        labels=labels,
        parts=parts,
        centers=_centers(arrays, "", parts),
        image=_picture(arrays.get("image")),
        reconstruction=_picture(arrays.get("reconstruction")),
        mask=arrays.get("mask"),
        rotation_degrees=arrays.get("rotation_degrees"),
        depth=arrays.get("depth"),
        view_depth=arrays.get("view_depth"),
        view_mask=arrays.get("view_mask"),
        view_normals=arrays.get("view_normals"),
        fov_degrees=_fov(arrays, "fov_degrees"),
        descriptors={
            name.removeprefix(_DESCRIPTOR): array
            for name, array in arrays.items()
            if name.startswith(_DESCRIPTOR)
        },
    )
    fit, fit_centers = None, _centers(arrays, "fit_", parts)
    fitted = {name: arrays.get(f"fit_{name}") for name in _FITTED}
    if fit_centers is not None or any(array is not None for array in fitted.values()):
        fit = score.Fit(fit_centers, **fitted)
    names = [str(name) for name in arrays.get("names", np.arange(pictures))]
    return PredictionFile(names, predictions, _ground_truth(arrays), fit)


def write(
    path: str | os.PathLike[str],
    names: Sequence[str],
    predictions: score.Predictions,
    fit: score.Fit | None = None,
) -> None:
    """Writes predictions, and what is fitted on, for `read`; not the ground truth to score against.

    Args:
      path: file to write, ending in .npz; its folder must exist.
      names: N names of the pictures.
      predictions: of the N pictures; a rerendered is not written.
      fit: of the train split.

    Raises:
      ValueError: the name does not end in .npz.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"the name must end in .npz, got {path}")
    arrays = {"names": np.array(names)}
    if predictions.centers is not None:
        arrays["parts"] = np.array(predictions.parts)
        arrays["part_centers"], arrays["whole_center"] = predictions.centers
    for name in _WRITTEN:
        arrays[name] = getattr(predictions, name)
    if fit is not None:
        if fit.centers is not None:
            arrays["fit_part_centers"], arrays["fit_whole_center"] = fit.centers
        arrays.update({f"fit_{name}": getattr(fit, name) for name in _FITTED})
    for name, vectors in predictions.descriptors.items():
        arrays[_DESCRIPTOR + name] = vectors
    with written(path) as stream:
        np.savez_compressed(stream, **{name: a for name, a in arrays.items() if a is not None})


def _check_sizes(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    sizes = {name: arrays[name].shape[axes:] for name, axes in _LEADING.items() if name in arrays}
    if len(set(sizes.values())) > 1 or any(len(size) != 2 for size in sizes.values()):
        found = ", ".join(f"{name} {arrays[name].shape}" for name in sizes)
        raise ValueError(f"--predictions={path}: parts and depth must be S x S alike, got {found}.")
    for name in ("view_mask", "view_normals"):
        if name in arrays and "view_depth" not in arrays:
            raise ValueError(f"--predictions={path}: {name} needs view_depth beside it.")
    wanted = (*arrays.get("view_depth", np.zeros(0)).shape, 3)
    if "view_normals" in arrays and arrays["view_normals"].shape != wanted:
        raise ValueError(
            f"--predictions={path}: view_normals must be {wanted}, got "
            f"{arrays['view_normals'].shape}."
        )


def _fov(arrays: Mapping[str, np.ndarray], name: str) -> float:
    return float(arrays.get(name, geometry.FOV_DEGREES))


def _count_parts(arrays: Mapping[str, np.ndarray], labels: np.ndarray) -> int:
    if "parts" in arrays:
        return int(arrays["parts"])
    if "part_maps" in arrays:
        return arrays["part_maps"].shape[1]
    return int(labels.max(initial=0)) + 1


def _centers(
    arrays: Mapping[str, np.ndarray], prefix: str, parts: int
) -> landmarks.PartCenters | None:
    """The centers given, or those of the soft maps, or of the labels."""
    if prefix + "part_centers" in arrays and prefix + "whole_center" in arrays:
        return landmarks.PartCenters(
            arrays[prefix + "part_centers"], arrays[prefix + "whole_center"]
        )
    if prefix + "part_maps" in arrays:
        return landmarks.part_centers(arrays[prefix + "part_maps"])
    if prefix + "labels" in arrays:
        return landmarks.part_centers(landmarks.one_hot(arrays[prefix + "labels"], parts))
    return None


def _picture(picture: np.ndarray | None) -> np.ndarray | None:
    """Floats in [0, 1]."""
    if picture is None or np.issubdtype(picture.dtype, np.floating):
        return picture
    return picture.astype(np.float32) / 255.0


def _ground_truth(arrays: Mapping[str, np.ndarray]) -> score.GroundTruth:
    condition, rotation = None, arrays.get("true_rotation_degrees")
    if "true_condition" in arrays:
        condition = recognition.Condition(arrays["true_condition"], ())
    elif rotation is not None:
        condition = recognition.yaw_condition(rotation)
    names: tuple[str, ...] = ()
    parts = arrays.get("true_parts")
    if "true_label_names" in arrays:
        names = tuple(str(name) for name in arrays["true_label_names"])
    elif parts is not None:
        names = tuple(f"label_{label}" for label in range(int(parts.max(initial=0)) + 1))
    return score.GroundTruth(
        parts=parts,
        label_names=names or score.LABELS,
        landmarks=arrays.get("true_landmarks"),
        landmark_depth=arrays.get("true_landmark_depth"),
        rotation_degrees=rotation,
        pseudo=bool(arrays.get("true_is_pseudo", False)),
        depth=arrays.get("true_depth"),
        depth_mask=arrays.get("true_depth_mask"),
        view_depth=arrays.get("true_view_depth"),
        view_mask=arrays.get("true_view_mask"),
        fov_degrees=_fov(arrays, "true_fov_degrees"),
        identity=arrays.get("true_identity"),
        condition=condition,
    )
