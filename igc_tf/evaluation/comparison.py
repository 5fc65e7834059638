"""Methods side by side: differences with their paired bootstrap intervals.

A difference is called beyond noise where its 95 % interval leaves out 0: noise of the choice of test
people (of test pictures, where it is not known who is in them) only, for one training each. Of many
metrics that do not differ, one in twenty is called so by chance; and another seed of the same recipe may
differ too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.table import Table
from rich.text import Text

from igc_tf.disk import shown
from igc_tf.evaluation import report
from igc_tf.evaluation.report import Samples
from igc_tf.metrics.metric import Metric, difference

#: Baselines: no achievement of a method.
_BASELINES = {line for lines in report.BASELINES.values() for _, line in lines}


class Line(NamedTuple):
    """One metric of all methods."""

    name: str
    metrics: list[Metric]  #: of each method
    differences: list[Metric]  #: of the second and later methods to the first
    verdicts: list[str]  #: of the same: 'better', 'worse', 'differs', or '' for within noise


class Comparison(NamedTuple):
    """All metrics of all methods."""

    titles: list[str]
    lines: list[Line]
    left_out: list[str]  #: metrics of single parts


def compare(titles: Sequence[str], samples: Sequence[Samples]) -> Comparison:
    """Compares methods that were measured on the same pictures.

    Args:
      titles: names of the methods.
      samples: of each, two at least.

    Returns:
      The metrics that any of them has; those of numbered parts are left out.

    Raises:
      ValueError: they were measured on different pictures, or resampled differently.
    """
    first = samples[0]
    for title, other in zip(titles[1:], samples[1:], strict=True):
        if other.names != first.names:
            raise ValueError(
                f"{title} was measured on other pictures than {titles[0]} ({len(other.names)} and "
                f"{len(first.names)}); measure both on the same data set and split."
            )
        if not np.array_equal(other.drawn_with, first.drawn_with):
            raise ValueError(
                f"{title} was measured with other identities than {titles[0]}: "
                f"{len(np.unique(other.drawn_with))} and {len(np.unique(first.drawn_with))} people or "
                "single pictures are resampled; measure both with the same --labels."
            )
    names = list(dict.fromkeys(name for one in samples for name in one.metrics))
    lines, left_out = [], []
    for name in names:
        if report.OF_A_PART.search(name):
            left_out.append(name)
            continue
        metrics = [one.metrics.get(name, Metric.absent()) for one in samples]
        try:
            differences = [difference(metric, metrics[0]) for metric in metrics[1:]]
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        lines.append(Line(name, metrics, differences, [verdict(name, d) for d in differences]))
    return Comparison(list(titles), lines, left_out)


def verdict(name: str, change: Metric) -> str:
    """'better', 'worse', or 'differs' where neither is better; '' if 0 is in the interval."""
    value, low, high = change.value, change.low, change.high
    if value is None or low is None or high is None or low <= 0.0 <= high:
        return ""
    direction = report.direction(name)
    if not direction:
        return "differs"
    return "better" if (value > 0) == (direction == report.UP) else "worse"


def table(comparison: Comparison, everything: bool = False) -> Table:
    """A rich table: a metric a row, a column for each method, differences under the values.

    Args:
      comparison: from `compare`.
      everything: also the baselines, and metrics that no method has.
    """
    result = Table(
        title="Differences are to the first; in brackets 95 % intervals", show_lines=True
    )
    result.add_column("metric", overflow="fold")
    for title in comparison.titles:
        result.add_column(Text(shown(title)), overflow="fold")  # a path is no markup
    for line in comparison.lines:
        absent = all(metric.is_absent for metric in line.metrics)
        if not everything and (absent or line.name in _BASELINES):
            continue
        cells = [report.number(line.metrics[0])]
        for metric, change, word in zip(
            line.metrics[1:], line.differences, line.verdicts, strict=True
        ):
            cells.append(f"{report.number(metric)}\n{_change(change, word)}")
        result.add_row(Text(f"{line.name} {report.direction(line.name)}"), *cells)
    return result


def summary(comparison: Comparison) -> str:
    """Which metrics differ beyond noise, method by method; those of the baselines are left out."""
    sentences = []
    for index, title in enumerate(comparison.titles[1:]):
        counts: dict[str, list[str]] = {"better": [], "worse": [], "differs": []}
        for line in comparison.lines:
            if line.verdicts[index] and line.name not in _BASELINES:
                counts[line.verdicts[index]].append(line.name)
        found = "; ".join(f"{word}: {', '.join(names)}" for word, names in counts.items() if names)
        sentences.append(
            f"{title} against {comparison.titles[0]}, beyond noise: {found or 'nothing'}."
        )
    if comparison.left_out:
        sentences.append(
            f"Left out: {len(comparison.left_out)} metrics of numbered parts, for a part's number "
            "means nothing in another run."
        )
    metrics = {line.name: line.metrics[0] for line in comparison.lines}
    sentences.append(
        f"{report.resampling(metrics)} Noise is that of the test pictures, for these very runs: about "
        "one in twenty metrics that do not differ is named by chance, and another seed may differ too."
    )
    return "\n".join(sentences)


def to_json(comparison: Comparison) -> dict[str, dict]:
    """`{metric: {"values": [...], "differences": [...], "verdicts": [...]}}`, in the methods' order."""
    return {
        line.name: {
            "values": [metric.to_json() for metric in line.metrics],
            "differences": [metric.to_json() for metric in line.differences],
            "verdicts": line.verdicts,
        }
        for line in comparison.lines
    }


def _change(change: Metric, word: str) -> str:
    if change.is_absent:
        return ""
    interval = f"{change.value:+.3g} [{change.low:+.3g}, {change.high:+.3g}]"
    return f"[bold]{interval} {word}[/bold]" if word else f"[dim]{interval}[/dim]"
