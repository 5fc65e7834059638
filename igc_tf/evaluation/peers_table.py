"""Methods side by side, ours among them: a Markdown table with a metric a row, a method a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from igc_tf.evaluation import report, seeds
from igc_tf.evaluation.score import PSEUDO
from igc_tf.metrics.metric import Metric

#: Metric, label, factor and decimals of each row. Rows of `LINES` are what
#: any method must beat, no achievement of one.
ROWS: tuple[tuple[str, str, float, int], ...] = (
    ("nme_percent", "NME, SCOPS's regression, %", 1.0, 2),
    ("nme_no_bias_percent", "NME, without bias, %", 1.0, 2),
    ("nmi", "NMI of the true parts", 1.0, 3),
    ("ari", "ARI of the true parts", 1.0, 3),
    ("miou", "mIoU of the true parts", 1.0, 3),
    ("nmi_landmarks", "NMI at landmarks", 1.0, 2),
    ("exists_share", "Each part is seen, % of photos", 100.0, 1),
    ("exists_least_share", "The part seen least, % of photos", 100.0, 1),
    ("rank1", "Recognition, rank 1, %", 100.0, 1),
    ("fit_seconds", "To fit or to train, CPU seconds", 1.0, 0),
    ("photo_seconds", "A photo, CPU milliseconds", 1000.0, 1),
)
LINES: tuple[tuple[str, str, float, int], ...] = (
    ("nme_mean_face_percent", "*mean face: NME, %*", 1.0, 2),
    ("nme_centroid_percent", "*centroid of all parts: NME, %*", 1.0, 2),
    ("nme_true_centers_percent", "*true centers of eyes, nose, mouth: NME, %*", 1.0, 2),
    ("nmi_label_map", "*per-pixel majority label: NMI*", 1.0, 3),
    ("ari_label_map", "*the same: ARI*", 1.0, 3),
    ("miou_label_map", "*the same: mIoU*", 1.0, 3),
    ("rank1_pixels", "*pixels: rank 1, %*", 100.0, 1),
)
LEGEND = (
    "Each value: the mean over a method's seeds ± half of its 95 % interval (Student's t); of a method "
    "with one seed the value and, in brackets, the 95 % bootstrap interval over people, or over pictures "
    "where nobody is known. *First*: whose mean is best, in bold where it is not ours. CPU seconds are "
    "summed over cores; features of the frozen networks are counted as if made anew."
)


class Method(NamedTuple):
    """What was measured of one method with one number of parts."""

    title: str
    trainings: Sequence[Mapping[str, Metric]]  #: of each seed, see `measured`


def measured(
    metrics: Mapping[str, Metric], parts: int, seconds: Mapping[str, float]
) -> dict[str, Metric]:
    """The metrics of one seed, with those that this table adds.

    Args:
      metrics: of `score.score`.
      parts: how many there are, the background among them; 0 for a method without.
      seconds: `fit_seconds` and `photo_seconds`, as far as they are known.

    Returns:
      The metrics; pseudo ones (of landmarks that a network guessed) by their plain names.
    """
    found = {
        name.removeprefix(PSEUDO): metric
        for name, metric in metrics.items()
        if not metric.is_absent
    }
    exists = [metrics[f"exists_part_{part}"].value or 0.0 for part in range(1, parts)]
    values = {name: seconds[name] for name in ("fit_seconds", "photo_seconds") if name in seconds}
    if exists:
        values |= {"exists_share": float(np.mean(exists)), "exists_least_share": min(exists)}
    return found | {name: Metric(v, v, v, "", 0) for name, v in values.items()}


def table(methods: Sequence[Method], ours: str) -> str:
    """The Markdown table.

    Args:
      methods: in the order of the columns.
      ours: title of the one that is ours; it may be missing.

    Returns:
      The table and its legend. Metrics that no method has are left out.
    """
    titles = [method.title for method in methods]
    lines = [f"| | {' | '.join(titles)} | First |", "|---" * (len(titles) + 2) + "|"]
    for rows, compared in ((ROWS, True), (LINES, False)):
        for name, label, factor, decimals in rows:
            values = {m.title: seeds.values_of(name, m.trainings) for m in methods}
            if not any(values.values()):
                continue
            rivals = sum(map(bool, values.values())) > 1
            first = _first(name, values, ours) if compared and rivals else ""
            cells = [_cell(name, m.trainings, factor, decimals) for m in methods]
            if first == ours:
                column = titles.index(ours)
                cells[column] = f"**{cells[column]}**"
            elif first and ours in titles:
                first = f"**not ours: {first}**" if values[ours] else first
            lines.append(f"| {label} | {' | '.join(cells)} | {first} |")
    return "\n".join([*lines, "", LEGEND]) + "\n"


def _first(name: str, values: Mapping[str, Sequence[float]], ours: str) -> str:
    """The title of the best mean; ours where it is as good."""
    means = {title: float(np.mean(found)) for title, found in values.items() if found}
    up = report.direction(name) == report.UP
    best = (max if up else min)(means.values())
    return ours if means.get(ours) == best else next(t for t, mean in means.items() if mean == best)


def _cell(
    name: str, trainings: Sequence[Mapping[str, Metric]], factor: float, decimals: int
) -> str:
    """The mean over seeds with its interval, or one seed's value with its own."""
    values = seeds.values_of(name, trainings)
    if not values:
        return "–"

    def text(value: float) -> str:
        return f"{factor * value:,.{decimals}f}"

    spread = seeds.spread(values)
    if spread.half_width is not None:
        return f"{text(spread.mean)} ± {text(spread.half_width)}"
    (one,) = (training[name] for training in trainings if name in training)
    if one.low is None or one.high is None or one.low == one.high:
        return text(spread.mean)
    return f"{text(spread.mean)} ({text(one.low)} to {text(one.high)})"
