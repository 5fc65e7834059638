"""A number with its unit, its 95 % interval and the count of samples behind it.

Images of one person are alike: ten of them say little more than one. So where it is known who is in
the images, people are drawn, each with all of their images (a cluster bootstrap); where it is not, images
are. What was drawn stands with each metric.

The resamples depend on the seed and on which images belong together alone. So two methods measured on the
same images are resampled alike, and the difference of their replicates, one by one, is a paired
bootstrap of the difference: `difference`, whatever the statistic is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

#: What `Metric.value` stands for when nothing could be measured; see `Metric.absent`.
NO_GROUND_TRUTH = "no ground truth"

#: What `Metric.resampled` may be.
PEOPLE, IMAGES = "people", "images"

_CHUNK = 1 << 22  # resampled weights held at a time: 32 MiB of float64


@dataclasses.dataclass(frozen=True)
class Metric:
    """One measured number. Either `value`, `low` and `high` are all finite, or all are None."""

    value: float | None  #: None where there was no ground truth to measure against
    low: float | None  #: lower end of the 95 % interval
    high: float | None  #: upper end of the 95 % interval
    unit: str  #: "%", "degrees", "dB", or "" for a pure number
    n: int  #: images (or pairs of images) that counted
    resampled: str | None = dataclasses.field(default=None, compare=False)
    """What the interval draws: `PEOPLE` or `IMAGES`; None for an absent metric."""
    drawn: int | None = dataclasses.field(default=None, compare=False)
    """How many people, or images, there are to draw from; None for an absent metric."""
    replicates: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)
    """[samples] values on the resamples, NaN where it does not exist there; not in the JSON."""

    @classmethod
    def absent(cls, unit: str = "") -> Metric:
        """The metric nothing could be measured for: "no ground truth", n = 0. Never NaN."""
        return cls(None, None, None, unit, 0)

    @property
    def is_absent(self) -> bool:
        """Whether there was no ground truth to measure against."""
        return self.value is None

    def to_json(self) -> dict[str, object]:
        """`{"value", "low", "high", "unit", "n", "resampled", "drawn"}`; what is absent is null."""
        names = ("value", "low", "high", "unit", "n", "resampled", "drawn")
        return {name: getattr(self, name) for name in names}


class Units(NamedTuple):
    """What a resample draws, of n images."""

    of_image: np.ndarray  #: [n] int64 in 0..count-1, what each image is drawn with
    count: int  # type: ignore[assignment]  # tuple's method of that name is not used
    resampled: str  #: `PEOPLE` or `IMAGES`


def units(n: int, identity: np.ndarray | None = None) -> Units:
    """Which images are drawn together: those of one person.

    Units are numbered in the order of the images, so that the draws do not depend on how people are
    called.

    Args:
      n: number of images.
      identity: `[n]` integers, below 0 where unknown; such an image is drawn alone, as if it were of
        one more person [choice]. None if nobody is known.

    Returns:
      The people; the images where nobody is known, or all images are of one person: nothing can
      be said of other people then, and the interval is that of this person's images [choice].

    Raises:
      ValueError: not n identities.
    """
    images = Units(np.arange(n), n, IMAGES)
    if identity is None:
        return images
    identity = np.asarray(identity)
    if identity.shape != (n,):
        raise ValueError(f"identities must be [{n}], got shape {identity.shape}")
    alone = -1 - np.arange(n)
    person = np.where(identity < 0, alone, identity)
    _, first, unit = np.unique(person, return_index=True, return_inverse=True)
    if len(first) < 2 or (identity < 0).all():
        return images
    return Units(np.argsort(np.argsort(first))[unit], len(first), PEOPLE)


def bootstrap_weighted(
    statistic: Callable[[np.ndarray], np.ndarray],
    n: int,
    unit: str = "",
    *,
    identity: np.ndarray | None = None,
    counted: int | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Metric:
    """Percentile bootstrap of a statistic that takes how often each image was drawn.

    The fast way for whatever can be written with weights: one call serves many resamples.

    Args:
      statistic: `[S, n]` float64 counts to `[S]` values. A row of ones is the set itself. NaN says
        that the statistic does not exist on that resample; such resamples are left out.
      n: number of images.
      unit: unit of the value.
      identity: `[n]` who is in each image; people are drawn then, see `units`.
      counted: `Metric.n`, if it is not `n`.
      samples: resamples; the interval runs from their 2.5th to their 97.5th percentile.
      seed: the same seed gives the same interval.

    Returns:
      The metric; absent if `n` is 0 or the statistic does not exist on the set itself.
    """
    if n == 0:
        return Metric.absent(unit)
    value = float(statistic(np.ones((1, n)))[0])
    if np.isnan(value):
        return Metric.absent(unit)
    of_image, count, resampled = units(n, identity)
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK // n)
    found = []
    for start in range(0, samples, rows):
        drawn = generator.integers(count, size=(min(rows, samples - start), count))
        weights = np.stack([np.bincount(row, minlength=count) for row in drawn])
        found.append(statistic(weights.astype(np.float64)[:, of_image]))
    values = np.concatenate(found)
    low, high = _interval(values, value)
    n = n if counted is None else counted
    return Metric(value, low, high, unit, n, resampled, count, values)


def bootstrap(
    per_image: np.ndarray,
    unit: str = "",
    *,
    identity: np.ndarray | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Metric:
    """Mean over images with its 95 % percentile interval.

    Args:
      per_image: `[n]` values, NaN where an image has no ground truth (left out, and not counted in `n`).
      unit: unit of the value.
      identity: `[n]` who is in each image; people are drawn then, see `units`.
      samples: resamples.
      seed: the same seed gives the same interval.

    Returns:
      The metric; absent if no image has ground truth.

    Raises:
      ValueError: an infinite value, or not a vector.
    """
    values = np.asarray(per_image, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"per-image values must be a vector, got shape {values.shape}")
    if np.isinf(values).any():
        raise ValueError(
            "per-image values hold infinity; use NaN for an image without ground truth"
        )
    known = ~np.isnan(values)
    # Drawn from all images, those without ground truth too, so that the draws do not depend on the
    # metric.
    counts, values = known.astype(np.float64), np.where(known, values, 0.0)

    def mean(weights: np.ndarray) -> np.ndarray:
        total = weights @ counts
        return np.where(total > 0, weights @ values / np.where(total > 0, total, 1.0), np.nan)

    return bootstrap_weighted(
        mean,
        len(values),
        unit,
        identity=identity,
        counted=int(known.sum()),
        samples=samples,
        seed=seed,
    )


def means(
    per_image: Mapping[str, np.ndarray],
    units: Mapping[str, str],
    identity: np.ndarray | None = None,
) -> dict[str, Metric]:
    """`bootstrap` of several metrics, in the units of their names; "" of one that has none."""
    return {
        name: bootstrap(values, units.get(name, ""), identity=identity)
        for name, values in per_image.items()
    }


def difference(ours: Metric, theirs: Metric) -> Metric:
    """`ours - theirs` of two methods on the same images, with its paired bootstrap interval.

    Args:
      ours: with its replicates.
      theirs: the same metric of another method, measured on the same images.

    Returns:
      The difference; absent if one of the two is. Beyond noise where its interval leaves out 0.

    Raises:
      ValueError: replicates are missing, or were not drawn alike.
    """
    if ours.value is None or theirs.value is None:
        return Metric.absent(ours.unit)
    a, b = ours.replicates, theirs.replicates
    alike = (ours.resampled, ours.drawn) == (theirs.resampled, theirs.drawn)
    if a is None or b is None or a.shape != b.shape or not alike:
        raise ValueError(
            f"the two were not resampled alike: {ours.drawn} {ours.resampled} and {theirs.drawn} "
            f"{theirs.resampled}; measure both on the same images, with the same identities."
        )
    value = ours.value - theirs.value
    low, high = _interval(a - b, value)
    n = min(ours.n, theirs.n)
    return Metric(value, low, high, ours.unit, n, ours.resampled, ours.drawn, a - b)


def _interval(replicates: np.ndarray, value: float) -> tuple[float, float]:
    """2.5th and 97.5th percentile of the replicates that exist."""
    replicates = replicates[~np.isnan(replicates)]
    if not replicates.size:
        return value, value
    low, high = np.percentile(replicates, [2.5, 97.5])
    return float(low), float(high)
