"""What a run is evaluated on: pictures of one split, their ground truth, and pictures to fit on."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from igc_tf.config import DataConfig
from igc_tf.datasets import catalog, image_store, labels, photo_folder
from igc_tf.datasets.photo_folder import ALL
from igc_tf.evaluation import score
from igc_tf.metrics import geometry, segmentation
from igc_tf.metrics.recognition import Condition, bins, yaw_condition

#: Degrees: Yale B's four usual subsets and the rest.
LIGHT_BINS = (0, 12, 25, 50, 77, 180)
#: Steps of a turning head between two views [choice].
VIEW_BINS = (1, 4, 7, 10, 13, 1000)


class EvalSet(NamedTuple):
    """Pictures, their ground truth, and what may be learned from the train split."""

    images: np.ndarray  #: [N, H, W, 3] uint8
    names: list[str]  #: N
    ground_truth: score.GroundTruth
    ground_truth_size: int  #: S, side of the ground truth's maps and pictures, px
    fit_images: np.ndarray  #: [K, H, W, 3] uint8
    fit_landmarks: np.ndarray | None  #: [K, 5, 2] px of an S x S picture
    fit_mean_depth: np.ndarray | None  #: [S, S]
    fit_label_map: np.ndarray | None  #: [S, S]
    fit_mean_view_depth: np.ndarray | None  #: [S, S]
    description: str  #: one line: which pictures, which of them are fitted on


def load_eval_set(
    data: DataConfig,
    image_size: int,
    label_source: str = "",
    whole: bool = False,
    images: int = 0,
    fit_images: int = 2000,
    gallery_view: float | None = None,
    fit_dir: str = "",
) -> EvalSet:
    """Opens a data set to be measured on.

    Args:
      data: which, and how its photos are cut.
      image_size: side of the pictures, px.
      label_source: of a folder of photos, see `labels.read`.
      whole: measure on every photo of the folder, for a folder that was not trained on; what is
        fitted (the landmark regression) is still fitted on its train split and scored on its test split
        only.
      images: at most so many of the split's first pictures; 0 for all.
      fit_images: at most so many of the train split's first; 0 for all.
      gallery_view: the `view` label of the gallery; by default the greatest there is.
      fit_dir: another folder of photos, labeled and cut alike, to fit on: its first photos, of any
        split. Then landmarks are scored on every photo that is measured.

    Returns:
      The eval_set.

    Raises:
      FileNotFoundError, ValueError: the data, or the labels, are missing or damaged.
    """
    if data.dataset != "photo_folder" and (label_source or whole or fit_dir):
        raise ValueError(
            "--labels, --whole_folder and --fit_data_dir are for --dataset=photo_folder."
        )
    if fit_dir and pathlib.Path(fit_dir).resolve() == pathlib.Path(data.data_dir).resolve():
        raise ValueError(
            f"--fit_data_dir={fit_dir} is the folder that is measured: nothing may be fitted on what is "
            "scored. Give another folder, or leave the flag out to fit on the train split."
        )
    if data.dataset in catalog.PHOTOS:
        return _of_photos(
            data, image_size, label_source, whole, images, fit_images, gallery_view, fit_dir
        )
    test = catalog.open_split(data, image_size, "test")
    train = catalog.open_split(data, image_size, "train")
    names, fit_names = test.names[: images or None], train.names[: fit_images or None]
    known = catalog.ground_truth(data, "test", names)
    fit = catalog.ground_truth(
        data,
        "train",
        fit_names,
        ("parts", "landmarks", "depth", "canonical_depth", "canonical_parts"),
    )
    ground_truth = score.GroundTruth(
        parts=known["parts"],
        landmarks=known["landmarks"],
        rotation_degrees=known["rotation_degrees"],
        depth=known["canonical_depth"],
        depth_mask=known["canonical_parts"] > 0,
        view_depth=known["depth"],
        view_mask=known["parts"] > 0,
        fov_degrees=catalog.field_of_view_degrees(data),
        depth_regions=score.relief_regions(known["canonical_parts"], score.LABELS),
        identity=known["identity"],
        condition=yaw_condition(known["rotation_degrees"]),
    )
    return EvalSet(
        images=np.asarray(test.images[: images or None]),
        names=names,
        ground_truth=ground_truth,
        ground_truth_size=known["parts"].shape[1],
        fit_images=np.asarray(train.images[: fit_images or None]),
        fit_landmarks=fit["landmarks"],
        fit_mean_depth=geometry.mean_depth(fit["canonical_depth"], fit["canonical_parts"] > 0),
        fit_label_map=segmentation.label_map(fit["parts"], len(score.LABELS)),
        fit_mean_view_depth=geometry.mean_depth(fit["depth"], fit["parts"] > 0),
        description=(
            f"{len(names)} pictures of {data.dataset}/{data.data_config}, test split (people not in "
            f"training); landmarks, mean depth and majority labels fitted on {len(fit_names)} of its "
            "train split"
        ),
    )


def _of_photos(
    data: DataConfig,
    image_size: int,
    label_source: str,
    whole: bool,
    images: int,
    fit_images: int,
    gallery_view: float | None,
    fit_dir: str,
) -> EvalSet:
    measured = _some(catalog.open_split(data, image_size, ALL if whole else "test"), images)
    fit_data = dataclasses.replace(data, data_dir=fit_dir) if fit_dir else data
    train = _some(catalog.open_split(fit_data, image_size, ALL if fit_dir else "train"), fit_images)
    ground_truth, fit_landmarks, described = score.GroundTruth(), None, "no labels"
    own = catalog.read_labels(data, "test", measured, label_source)
    if own is not None:
        if own.landmarks is not None:
            if whole and not fit_dir:  # what was fitted on is not scored
                own.landmarks[[_split(data, name) != "test" for name in measured.names]] = np.nan
            fit = catalog.read_labels(fit_data, "train", train, label_source)
            fit_landmarks = None if fit is None else fit.landmarks
        ground_truth = score.GroundTruth(
            landmarks=own.landmarks,
            landmark_depth=own.landmark_depth,
            rotation_degrees=own.rotation_degrees,
            pseudo=own.pseudo,
            identity=own.identity,
            condition=_condition(own, gallery_view),
        )
        described = _described(own)
    which = "every photo" if whole else "test split"
    if data.dataset == "photo_folder" and not whole:
        which = f"{which}, a share of {data.test_fraction:g} by path"
    fitted = f"{len(train.names)} of the train split, landmarks are scored on the test split"
    if fit_dir:
        fitted = f"{len(train.names)} photos of {fit_dir}"
    return EvalSet(
        images=np.asarray(measured.images),
        names=measured.names,
        ground_truth=ground_truth,
        ground_truth_size=image_size,
        fit_images=np.asarray(train.images),
        fit_landmarks=fit_landmarks,
        fit_mean_depth=None,
        fit_label_map=None,
        fit_mean_view_depth=None,
        description=(
            f"{len(measured.names)} photos of {data.dataset} ({which}); {described}; fitted on "
            f"{fitted}"
        ),
    )


def _some(store: image_store.ImageStore, count: int) -> image_store.ImageStore:
    """The first so many of a store's pictures; all for 0."""
    count = count or len(store.names)
    return store._replace(
        images=store.images[:count],
        names=store.names[:count],
        transforms=store.transforms[:count],
    )


def _split(data: DataConfig, name: str) -> str:
    return photo_folder.split_of(pathlib.PurePosixPath(name), data.test_fraction)


def light_condition(light_degrees: np.ndarray) -> Condition:
    """The distance is the angle between light and optical axis; of `[N, 2]` (azimuth, elevation)."""
    azimuth, elevation = np.radians(light_degrees).T
    angle = np.degrees(np.arccos(np.clip(np.cos(azimuth) * np.cos(elevation), -1.0, 1.0)))
    return Condition(angle, bins("light", LIGHT_BINS))


def view_condition(view: np.ndarray, gallery_view: float | None = None) -> Condition:
    """The distance is in views, from the gallery's (by default the greatest there is)."""
    gallery = np.nanmax(view) if gallery_view is None else gallery_view
    return Condition(np.abs(view - gallery), bins("view", VIEW_BINS))


def _condition(found: labels.Labels, gallery_view: float | None) -> Condition | None:
    if found.view is not None:
        return view_condition(found.view, gallery_view)
    if found.rotation_degrees is not None:
        return yaw_condition(found.rotation_degrees)
    if found.light_degrees is not None:
        return light_condition(found.light_degrees)
    return None


def _described(found: labels.Labels) -> str:
    """Which labels there are, in words."""
    marks = "landmarks" if found.landmark_depth is None else "landmarks with depth"
    estimated = [
        name
        for name, values in (("pose", found.rotation_degrees), (marks, found.landmarks))
        if values is not None
    ]
    given = [
        name
        for name, values in (
            ("identity", found.identity), ("view", found.view), ("light", found.light_degrees),
        )
        if values is not None
    ]  # fmt: skip
    if estimated and found.pseudo:
        given.append(f"pseudo-{' and '.join(estimated)} (predicted by a network)")
    else:
        given += estimated
    return f"labels: {', '.join(given) or 'none of these photos'}"


def ground_truth_of(measured: EvalSet, names: list[str]) -> score.GroundTruth:
    """The ground truth of some of the set's pictures, in the order of `names`.

    Raises:
      ValueError: a name is none of the evaluation set's pictures.
    """
    row = {name: index for index, name in enumerate(measured.names)}
    missing = [name for name in names if name not in row]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(names)} predicted pictures are not in the data set's test split, "
            f"e.g. {missing[0]!r}."
        )
    rows = [row[name] for name in names]
    ground_truth = measured.ground_truth
    changed = {
        field.name: getattr(ground_truth, field.name)[rows]
        for field in dataclasses.fields(ground_truth)
        if isinstance(getattr(ground_truth, field.name), np.ndarray)
    }
    if ground_truth.condition is not None:
        distance = ground_truth.condition.distance[rows]
        changed["condition"] = ground_truth.condition._replace(distance=distance)
    return dataclasses.replace(ground_truth, **changed)


def ground_truth_and_fit(
    measured: EvalSet, names: list[str], predictions: score.Predictions, fit: score.Fit
) -> tuple[score.GroundTruth, score.Fit]:
    """What stored predictions are scored against.

    Args:
      measured: the data set.
      names: of the predicted pictures.
      predictions: of these pictures.
      fit: what the predictions bring along.

    Returns:
      The ground truth of the pictures, and `fit` with what the data set knows beside.

    Raises:
      ValueError: a picture that the data set does not have, or maps of another size.
    """
    ground_truth = ground_truth_of(measured, names)
    for maps in (predictions.labels, predictions.depth, predictions.view_depth):
        if maps is not None and maps.shape[1] != measured.ground_truth_size:
            raise ValueError(
                f"the predictions have parts of {maps.shape[1]} px, the ground truth "
                f"{measured.ground_truth_size}."
            )
    return ground_truth, fit._replace(
        mean_depth=measured.fit_mean_depth if fit.mean_depth is None else fit.mean_depth,
        label_map=measured.fit_label_map if fit.label_map is None else fit.label_map,
        mean_view_depth=(
            measured.fit_mean_view_depth if fit.mean_view_depth is None else fit.mean_view_depth
        ),
    )
