"""Metrics to a JSON file, and to tables for the terminal and the page.

Beside the JSON lie the samples (NPZ): each metric's bootstrap replicates and the values of single
images, from which runs are compared.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table
from rich.text import Text

from igc_tf.disk import write_text, written
from igc_tf.evaluation.score import PSEUDO, Scores
from igc_tf.metrics import recognition
from igc_tf.metrics.metric import NO_GROUND_TRUTH, PEOPLE, Metric, units

#: The baselines of each metric, as (label, name of their metric).
BASELINES: dict[str, tuple[tuple[str, str], ...]] = {
    "nme_percent": (
        ("mean face", "nme_mean_face_percent"),
        ("centroid", "nme_centroid_percent"),
        ("true centers", "nme_true_centers_percent"),
    ),
    "nme_no_bias_percent": (
        ("mean face", "nme_mean_face_percent"),
        ("centroid", "nme_no_bias_centroid_percent"),
        ("true centers", "nme_no_bias_true_centers_percent"),
    ),
    "nmi_landmarks": (("mean face", "nmi_landmarks_mean_face"),),
    "ari_landmarks": (("mean face", "ari_landmarks_mean_face"),),
    "nmi": (("majority label", "nmi_label_map"),),
    "ari": (("majority label", "ari_label_map"),),
    "miou": (("majority label", "miou_label_map"),),
    "position_spread_percent": (("fixed point", "position_spread_fixed_point_percent"),),
    **{
        f"{kind}_{unit}": tuple(
            (line, f"{kind}_{line.replace(' ', '_')}_{unit}") for line in ("constant", "mean depth")
        )
        for kind, unit in (
            ("side_view", "e2"),
            ("mad_view", "degrees"),
            ("side_canonical", "e2"),
            ("mad_canonical", "degrees"),
            ("depth_error_canonical", "percent"),
        )
    },
    **{
        f"landmark_depth_correlation{name}": (
            ("mean depth", f"landmark_depth_correlation{name}_mean_depth"),
        )
        for name in ("", "_sum")
    },
    "pitch_mae_degrees": (("constant", "pitch_mae_constant_degrees"),),
    "yaw_mae_degrees": (("constant", "yaw_mae_constant_degrees"),),
    "roll_mae_degrees": (("constant", "roll_mae_constant_degrees"),),
    "rank1": (("pixels", "rank1_pixels"), ("chance", "rank1_chance")),
    "verification_auc": (("pixels", "verification_auc_pixels"),),
    "verification_eer_percent": (("pixels", "verification_eer_pixels_percent"),),
    "rotation_yaw_error_degrees": (("unchanged", "rotation_yaw_error_unchanged_degrees"),),
    "relighting_light_error_degrees": (("unchanged", "relighting_light_error_unchanged_degrees"),),
    **{
        f"{change}_{name}": (("other face", f"other_face_{name}"),)
        for change in ("rotation", "relighting")
        for name in ("albedo_l1", "side_e2", "parts_agreement_percent")
    },
}
BASELINES.update(
    {
        PSEUDO + name: tuple((label, PSEUDO + line) for label, line in lines)
        for name, lines in BASELINES.items()
    }
)

#: Names of metrics of single parts: part 3 of one run is not part 3 of another.
OF_A_PART = re.compile(r"part_\d+")

UP, DOWN = "↑", "↓"

_LOWER_IS_BETTER = ("l1", "nme", "side", "mad", "mae", "error", "spread", "eer")
_HIGHER_IS_BETTER = (
    "psnr", "ssim", "nmi", "ari", "miou", "iou", "correlation", "share", "rank1", "rank5", "rank10",
    "auc", "agreement", "exists",
)  # fmt: skip


def write_json(metrics: Mapping[str, Metric], path: str | os.PathLike[str]) -> None:
    """Writes `{name: {"value", "low", "high", "unit", "n"}}`; the file is whole or not there.

    Args:
      metrics: of `Scores`.
      path: file to write; its folder must exist. An older file is replaced.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: a number is NaN or infinite.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent}; make it before writing metrics there")
    contents = {name: metric.to_json() for name, metric in metrics.items()}
    text = json.dumps(contents, indent=2, allow_nan=False) + "\n"
    write_text(path, text)


def read_json(path: str | os.PathLike[str]) -> dict[str, Metric]:
    """Reads what `write_json` wrote; metrics under their names of today."""
    with open(path, encoding="utf-8") as stream:
        return {_renamed(name): Metric(**fields) for name, fields in json.load(stream).items()}


def _renamed(name: str) -> str:
    """What a metric is called now: `side_e2` and the like did not say that they are canonical."""
    return re.sub(r"^(side|mad|depth_error)_(?!view_|canonical_)", r"\1_canonical_", name)


class Samples(NamedTuple):
    """What `compare` needs of an evaluation."""

    names: list[str]  #: the pictures measured
    metrics: dict[str, Metric]  #: with their replicates
    per_image: dict[str, np.ndarray]  #: [N] by metric, NaN where unknown
    drawn_with: np.ndarray  #: [N] which pictures the bootstrap draws together, `metric.units`


def samples_path(metrics_json: str | os.PathLike[str]) -> Path:
    """Where the samples of a metrics file lie: metrics.json's in metrics.samples.npz."""
    return Path(metrics_json).with_suffix(".samples.npz")


def write_samples(
    metrics: Mapping[str, Metric],
    per_image: Mapping[str, np.ndarray],
    names: Sequence[str],
    path: str | os.PathLike[str],
    identity: np.ndarray | None = None,
) -> None:
    """Writes what `read_samples` reads.

    Args:
      metrics: with their replicates, written as `replicates/<metric>` `[1000]`.
      per_image: written as `image/<metric>` `[N]`.
      names: N names of the pictures, written as `names`.
      path: file to write.
      identity: `[N]` who is in each picture; written as `drawn_with`, see `metric.units`.
    """
    arrays = {
        "names": np.array(names, dtype=str),
        "drawn_with": units(len(names), identity).of_image,
    }
    for name, metric in metrics.items():
        if metric.replicates is not None:
            arrays[f"replicates/{name}"] = metric.replicates
    arrays.update({f"image/{name}": values for name, values in per_image.items()})
    with written(path) as stream:
        np.savez_compressed(stream, **arrays)


def read_samples(metrics_json: str | os.PathLike[str]) -> Samples:
    """Reads a metrics file and the samples beside it.

    Raises:
      FileNotFoundError: one of the two is missing.
      ValueError: one is damaged, or of before people were resampled.
    """
    path = samples_path(metrics_json)
    for needed in (Path(metrics_json), path):
        if not needed.is_file():
            raise FileNotFoundError(
                f"{needed} is missing: measure first, with tools.evaluate --metrics_json={metrics_json}."
            )
    try:
        metrics = read_json(metrics_json)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {}
            for name in stored.files:
                kind, _, metric = name.partition("/")
                arrays[f"{kind}/{_renamed(metric)}" if metric else name] = stored[name]
    except (ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{metrics_json} or {path} is damaged ({error}); measure again."
        ) from error
    if "drawn_with" not in arrays:
        raise ValueError(
            f"{metrics_json} is of an older version, whose intervals resample single pictures even where "
            "a person has several; measure again."
        )
    metrics = {
        name: dataclasses.replace(metric, replicates=arrays.get(f"replicates/{name}"))
        for name, metric in metrics.items()
    }
    per_image = {
        name.removeprefix("image/"): values
        for name, values in arrays.items()
        if name.startswith("image/")
    }
    names = [str(name) for name in arrays["names"]]
    return Samples(names, metrics, per_image, arrays["drawn_with"])


class Row(NamedTuple):
    """A metric as text."""

    name: str
    direction: str  #: which way is better, an arrow or nothing
    value: str  #: or why there is none
    interval: str
    images: str  #: how many counted, and in brackets how many people are resampled, if people are
    to_beat: str
    absent: bool


def rows(metrics: Mapping[str, Metric], reasons: Mapping[str, str] | None = None) -> list[Row]:
    """Metrics as text, those with a baseline's name beside the one that must beat them.

    Args:
      metrics: of `Scores`. Baselines whose metric is there stand in its row and
        have none of their own.
      reasons: why a metric is absent, if it is not for want of ground truth.
    """
    beside = {name for own, lines in BASELINES.items() if own in metrics for _, name in lines}
    found = []
    for name, metric in metrics.items():
        if name in beside:
            continue
        lines = [
            f"{label} {number(metrics[line])}"
            for label, line in BASELINES.get(name, ())
            if line in metrics and not metric.is_absent
        ]
        value = (reasons or {}).get(name, NO_GROUND_TRUTH) if metric.is_absent else number(metric)
        people = f" ({metric.drawn})" if metric.resampled == PEOPLE else ""
        low, high = metric.low, metric.high
        interval = "" if low is None or high is None else f"{_short(low)} to {_short(high)}"
        found.append(
            Row(
                name,
                direction(name),
                value,
                interval,
                f"{metric.n}{people}",
                ", ".join(lines),
                metric.is_absent,
            )
        )
    return found


def table(
    metrics: Mapping[str, Metric], title: str = "", reasons: Mapping[str, str] | None = None
) -> Table:
    """A rich table: a metric a row, and its baselines beside it.

    Args:
      metrics: of `Scores`, see `rows`.
      title: printed above.
      reasons: see `rows`.

    Returns:
      For `rich.console.Console().print`.
    """
    result = Table(title=title or None, title_justify="left")
    result.add_column("metric", no_wrap=True)  # a name cut short could not be looked up
    result.add_column("", justify="center")
    result.add_column("value", justify="right", no_wrap=True)
    result.add_column("95 % interval", justify="right")
    result.add_column("images (people)", justify="right")
    result.add_column("baselines")
    for row in rows(metrics, reasons):
        value = f"[dim]{row.value}[/dim]" if row.absent else f"[bold]{row.value}[/bold]"
        name, to_beat = Text(row.name), Text(row.to_beat)  # names are no markup
        result.add_row(name, row.direction, value, row.interval, row.images, to_beat)
    return result


def resampling(metrics: Mapping[str, Metric]) -> str:
    """What the intervals resample, a sentence."""
    if any(metric.resampled == PEOPLE for metric in metrics.values()):
        return "Intervals resample people, each with all their images; how many stands in brackets."
    return (
        "Intervals resample single images, for it is not known of two people or more who is in them: too "
        "narrow where a person is in several."
    )


def recognition_rows(scores: Scores) -> list[list[str]]:
    """Header, then a row for each descriptor: rank-1 over all and by bin, AUC, EER; values only."""
    bins = [name.replace("_", " ", 1).replace("_", "-") for name in scores.bins]
    header = ["descriptor", "rank-1", *bins, "AUC", "EER"]
    found = [header]
    for descriptor in scores.descriptors:
        rank1, auc, eer = recognition.metric_names(descriptor)
        names = [rank1, *(f"{rank1}_{name}" for name in scores.bins), auc, eer]
        found.append([descriptor, *(number(scores.metrics[name]) for name in names)])
    return found


def part_rows(scores: Scores) -> list[list[str]]:
    """Header, then a row for each part: where it exists, area, center dispersion, match."""
    prefix = PSEUDO if f"{PSEUDO}position_spread_percent" in scores.metrics else ""
    found = [["part", "exists", "area", "dispersion", "matched with", "IoU"]]
    for part in range(scores.parts):
        spread = scores.metrics.get(f"{prefix}position_spread_part_{part}_percent")
        label = scores.matching.get(part)
        found.append(
            [
                "background" if part == 0 else f"part {part}",
                number(scores.metrics[f"exists_part_{part}"]),
                number(scores.metrics[f"area_part_{part}_percent"]),
                "" if spread is None else number(spread),
                label or "",
                "" if label is None else number(scores.metrics[f"iou_{label}"]),
            ]
        )
    return found


def section_metrics(scores: Scores, section: str) -> dict[str, Metric]:
    """A section's metrics without those that `part_rows` and `recognition_rows` show."""
    shown = {name for name in scores.metrics if OF_A_PART.search(name)}
    for descriptor in scores.descriptors:
        if descriptor != recognition.MAIN:
            rank1, auc, eer = recognition.metric_names(descriptor)
            shown |= {rank1, auc, eer, *(f"{rank1}_{name}" for name in scores.bins)}
    lines = {line for lines in BASELINES.values() for _, line in lines}
    return {n: scores.metrics[n] for n in scores.sections[section] if n not in shown or n in lines}


def direction(name: str) -> str:
    """Which way a metric is better: `UP`, `DOWN`, or '' where neither is."""
    words = name.split("_")
    if any(word in words for word in _LOWER_IS_BETTER):
        return DOWN
    return UP if any(word in words for word in _HIGHER_IS_BETTER) else ""


def number(metric: Metric) -> str:
    """A metric's value with its unit, short."""
    if metric.value is None:
        return NO_GROUND_TRUTH
    unit = {"degrees": "°", "%": " %", "": "", "x 1e-2": "e-2"}.get(metric.unit, f" {metric.unit}")
    return f"{_short(metric.value)}{unit}"


def _short(value: float) -> str:
    decimals = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2
    return f"{value:.{decimals}f}"
