"""Recipes trained with several seeds each, side by side: means, and intervals over the trainings.

The intervals are those of trainings, not of test pictures: they say how far another seed of the same
recipe may lie. Student's t, for there are few seeds [choice].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from igc_tf.evaluation import report
from igc_tf.evaluation.score import PSEUDO
from igc_tf.metrics.metric import Metric

CONFIDENCE = 0.95

#: What the table tells, and how it calls it.
ROWS = {
    "psnr_db": "PSNR",
    "nmi": "NMI",
    "miou": "mIoU",
    "nme_percent": "NME",
    "yaw_correlation": "yaw r",
    "pitch_correlation": "pitch r",
    "side_view_e2": "SIDE",
    "mad_view_degrees": "MAD",
    "mad_canonical_degrees": "MAD, canonical",
    "rank1": "rank-1",
    "position_spread_percent": "part-center dispersion",
    "rotation_parts_agreement_percent": "turned: parts agree",
    "rotation_albedo_l1": "turned: albedo L1",
    "rotation_side_e2": "turned: depth SIDE",
    "rotation_yaw_error_degrees": "turned: yaw error",
    "relighting_parts_agreement_percent": "relit: parts agree",
    "relighting_albedo_l1": "relit: albedo L1",
    "relighting_side_e2": "relit: depth SIDE",
    "relighting_light_error_degrees": "relit: light error",
}

#: Metrics of one training, by name.
Measured = Mapping[str, Metric]


class Spread(NamedTuple):
    """A metric over the seeds of one recipe."""

    mean: float
    half_width: float | None  #: of the 95 % t interval of the mean; None for a single seed
    n: int  #: seeds


class Change(NamedTuple):
    """The difference of two recipes' means."""

    value: float
    low: float | None  #: Welch's 95 % t interval; None where a side has a single seed
    high: float | None
    verdict: str  #: 'better', 'worse', 'differs'; '' for within the interval, or without one


def spread(values: Sequence[float]) -> Spread:
    """Mean over seeds, and the t interval of it.

    Args:
      values: of each seed, one at least.

    Raises:
      ValueError: no value.
    """
    n = len(values)
    if not n:
        raise ValueError("a mean over seeds needs a seed")
    mean = float(np.mean(values))
    if n == 1:
        return Spread(mean, None, n)
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    return Spread(mean, error * float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)), n)


def change(name: str, ours: Sequence[float], theirs: Sequence[float]) -> Change:
    """`ours - theirs`, and whether it is beyond the interval.

    Args:
      name: of the metric; it says which way is better.
      ours: values of the seeds of one recipe.
      theirs: of the other. Seeds are not paired: with other losses, or another architecture, one
        seed's trainings have nothing to do with each other.
    """
    value = float(np.mean(ours) - np.mean(theirs))
    if min(len(ours), len(theirs)) < 2:
        return Change(value, None, None, "")
    if np.ptp(ours) == np.ptp(theirs) == 0:
        low = high = value
    else:
        test = stats.ttest_ind(ours, theirs, equal_var=False)
        low, high = map(float, test.confidence_interval(CONFIDENCE))
    if low <= 0.0 <= high:
        return Change(value, low, high, "")
    direction = report.direction(name)
    if not direction:
        return Change(value, low, high, "differs")
    return Change(
        value, low, high, "better" if (value > 0) == (direction == report.UP) else "worse"
    )


def values_of(name: str, trainings: Sequence[Measured]) -> list[float]:
    """A metric's values over trainings; those without it are left out."""
    found = [measured[name].value for measured in trainings if name in measured]
    return [value for value in found if value is not None]


def rows(recipes: Mapping[str, Sequence[Measured]]) -> list[str]:
    """Which metrics there are to tell: those of `ROWS`, or their pseudo ones, that any training has."""
    found = []
    for name in ROWS:
        for own in (name, PSEUDO + name):
            if any(values_of(own, trainings) for trainings in recipes.values()):
                found.append(own)
    return found


def table(recipes: Mapping[str, Sequence[Measured]]) -> str:
    """A Markdown table: a metric a row, a recipe a column.

    Args:
      recipes: the trainings of each, by the recipe's name; the first is what the others are
        compared with.

    Returns:
      The table, and under it what its signs mean.
    """
    names = list(recipes)
    lines = ["| metric | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    first = next(iter(recipes.values()))
    for name in rows(recipes):
        base = values_of(name, first)
        cells = []
        for index, trainings in enumerate(recipes.values()):
            values = values_of(name, trainings)
            cell = _cell(values, len(trainings))
            if index and values and base:
                cell = f"{cell} {change(name, values, base).verdict}".rstrip()
            cells.append(cell)
        lines.append(f"| {_label(name, recipes)} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_legend(recipes)]) + "\n"


def to_json(recipes: Mapping[str, Sequence[Measured]]) -> dict[str, dict]:
    """`{metric: {recipe: {"values", "mean", "half_width", "difference", "low", "high", "verdict"}}}`."""
    first = next(iter(recipes.values()))
    found: dict[str, dict] = {}
    for name in rows(recipes):
        base = values_of(name, first)
        for recipe, trainings in recipes.items():
            values = values_of(name, trainings)
            if not values:
                continue
            entry = {"values": values, **spread(values)._asdict()}
            if base and trainings is not first:
                against = change(name, values, base)._asdict()
                entry.update(difference=against.pop("value"), **against)
            found.setdefault(name, {})[recipe] = entry
    return found


def _legend(recipes: Mapping[str, Sequence[Measured]]) -> list[str]:
    name = next(iter(recipes))
    counts = ", ".join(f"{recipe} {len(trainings)}" for recipe, trainings in recipes.items())
    return [
        f"Trainings: {counts}. Mean over the seeds ± half of the 95 % t interval of that mean "
        "(degrees of freedom: seeds - 1). *better*, *worse*: the 95 % interval of the difference from "
        f"*{name}* (Welch's t, unpaired) leaves out 0; no word: it does not, or there is a single seed. "
        "Intervals are over trainings, all measured on the same test pictures; of twenty metrics that do "
        "not differ about one is called so by chance.",
    ]


def _label(name: str, recipes: Mapping[str, Sequence[Measured]]) -> str:
    units = [one[name].unit for trainings in recipes.values() for one in trainings if name in one]
    unit = {"degrees": "°", "x 1e-2": "10⁻²"}.get(units[0], units[0])
    plain = name.removeprefix(PSEUDO)
    label = ("pseudo-" if plain != name else "") + ROWS[plain]
    return f"{label}{f', {unit}' if unit else ''} {report.direction(name)}".rstrip()


def _cell(values: Sequence[float], trainings: int) -> str:
    if not values:
        return "–"
    found = spread(values)
    decimals = 4 if abs(found.mean) < 1 else 3 if abs(found.mean) < 10 else 2
    text = f"{found.mean:.{decimals}f}"
    if found.half_width is not None:
        text += f" ± {found.half_width:.{decimals}f}"
    return text if found.n == trainings else f"{text} ({found.n} of {trainings})"
