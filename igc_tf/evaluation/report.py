"""Metrics to a JSON file and to a table for the terminal."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from igc_tf.evaluation.metric import NO_TRUTH, Metric

#: The lines each metric must beat, as (label, name of their metric).
BASELINES: dict[str, tuple[tuple[str, str], ...]] = {
    "nme_percent": (
        ("mean face", "nme_mean_face_percent"),
        ("centroid", "nme_centroid_percent"),
    ),
    "side_e2": (("constant", "side_constant_e2"), ("mean depth", "side_mean_depth_e2")),
    "mad_degrees": (("constant", "mad_constant_degrees"), ("mean depth", "mad_mean_depth_degrees")),
    "pitch_mae_degrees": (("constant", "pitch_mae_constant_degrees"),),
    "yaw_mae_degrees": (("constant", "yaw_mae_constant_degrees"),),
    "roll_mae_degrees": (("constant", "roll_mae_constant_degrees"),),
}

_LOWER_IS_BETTER = ("l1", "nme", "side", "mad", "mae")
_HIGHER_IS_BETTER = ("psnr", "ssim", "nmi", "ari", "miou", "iou", "correlation", "share")


def write_json(metrics: Mapping[str, Metric], path: str | os.PathLike[str]) -> None:
    """Writes `{name: {"value", "low", "high", "unit", "n"}}`; the file is whole or not there.

    Args:
      metrics: from the `evaluate` functions.
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
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_json(path: str | os.PathLike[str]) -> dict[str, Metric]:
    """Reads what `write_json` wrote."""
    with open(path, encoding="utf-8") as stream:
        return {name: Metric(**fields) for name, fields in json.load(stream).items()}


def table(metrics: Mapping[str, Metric], title: str = "") -> Table:
    """A rich table: a metric a row, and beside it the lines that it must beat.

    Args:
      metrics: from the `evaluate` functions. Baselines whose metric is there stand in its row and
        have none of their own.
      title: printed above.

    Returns:
      For `rich.console.Console().print`.
    """
    result = Table(title=title or None, title_justify="left")
    result.add_column("metric", no_wrap=True)  # a name cut short could not be looked up
    result.add_column("", justify="center")
    result.add_column("value", justify="right")
    result.add_column("95 % interval", justify="right")
    result.add_column("images", justify="right")
    result.add_column("to beat")
    beside = {name for own, lines in BASELINES.items() if own in metrics for _, name in lines}
    for name, metric in metrics.items():
        if name in beside:
            continue
        lines = [
            f"{label} {_number(metrics[line])}"
            for label, line in BASELINES.get(name, ())
            if line in metrics
        ]
        if metric.is_absent:
            cells = (f"[dim]{NO_TRUTH}[/dim]", "", "0")
        else:
            interval = f"{_short(metric.low)} to {_short(metric.high)}"
            cells = (f"[bold]{_number(metric)}[/bold]", interval, str(metric.n))
        result.add_row(name, _direction(name), *cells, ", ".join(lines))
    return result


def _direction(name: str) -> str:
    words = name.split("_")
    if any(word in words for word in _LOWER_IS_BETTER):
        return "↓"
    return "↑" if any(word in words for word in _HIGHER_IS_BETTER) else ""


def _number(metric: Metric) -> str:
    if metric.is_absent:
        return NO_TRUTH
    unit = {"degrees": "°", "%": " %", "": "", "x 1e-2": "e-2"}.get(metric.unit, f" {metric.unit}")
    return f"{_short(metric.value)}{unit}"


def _short(value: float) -> str:
    decimals = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2
    return f"{value:.{decimals}f}"
