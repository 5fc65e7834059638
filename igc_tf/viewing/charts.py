"""Small charts as SVG text, for a page: they scale, need no script, and take the page's colours.

Colours are the CSS variables `--series-1` to `--series-6` and `currentColor`, so that a page can be light
or dark.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

SERIES = 6  #: colours there are; more series begin anew
_WIDTH, _HEIGHT = 360, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 12, 44


def lines(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    diagonal: bool = False,
) -> str:
    """Curves over one another, with a legend.

    Args:
      series: `{name: (x [n], y [n])}`.
      x_label: under the axis.
      y_label: beside the axis.
      x_range: ends of the axis.
      y_range: ends of the axis.
      diagonal: draw the line from corner to corner, which knows nothing.

    Returns:
      A `<figure>`.
    """
    frame = _Frame(x_range, y_range)
    drawn = [frame.axes(x_label, y_label)]
    if diagonal:
        ends = np.array(x_range), np.array(y_range)
        drawn.append(f'<path class="guide" d="{frame.path(*ends)}"/>')
    for index, (x, y) in enumerate(series.values()):
        drawn.append(f'<path class="curve" style="{_stroke(index)}" d="{frame.path(x, y)}"/>')
    return _figure(drawn, list(series))


def scatter(
    x: np.ndarray, y: np.ndarray, x_label: str, y_label: str, fit: tuple[float, float] | None = None
) -> str:
    """Points `[n]`, and the straight line y = fit[0] x + fit[1]; a `<figure>`."""
    frame = _Frame(_padded(x), _padded(y))
    dots = "".join(f"M{frame.x(a):.1f} {frame.y(b):.1f}h0" for a, b in zip(x, y, strict=True))
    drawn = [frame.axes(x_label, y_label), f'<path class="dots" style="{_stroke(0)}" d="{dots}"/>']
    if fit is not None:
        ends = np.array(frame.x_range)
        drawn.append(f'<path class="guide" d="{frame.path(ends, fit[0] * ends + fit[1])}"/>')
    return _figure(drawn, [])


def intervals(
    names: Sequence[str], values: np.ndarray, lows: np.ndarray, highs: np.ndarray, x_label: str
) -> str:
    """A row for each name, with a dot at its value and a bar over its interval; a `<figure>`."""
    height, left = 22, 138
    total = len(names) * height + _TOP + _BOTTOM
    frame = _Frame(_padded(np.concatenate([lows, highs])), (0, 1), left, total)
    drawn = [frame.axes(x_label, "", rows=True)]
    for row, (name, value, low, high) in enumerate(zip(names, values, lows, highs, strict=True)):
        y = _TOP + (row + 0.5) * height
        drawn.append(
            f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(name)}</text>'
            f'<path class="curve" style="{_stroke(0)}" d="M{frame.x(low):.1f} {y:.1f}'
            f'H{frame.x(high):.1f}"/>'
            f'<circle cx="{frame.x(value):.1f}" cy="{y:.1f}" r="4" fill="var(--series-1)"/>'
        )
    return _figure(drawn, [], total)


class _Frame:
    """The place of values within a picture."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        left: int = _LEFT,
        height: int = _HEIGHT,
    ) -> None:
        self.x_range, self.y_range, self.left, self.height = x_range, y_range, left, height

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * (_WIDTH - self.left - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _TOP - _BOTTOM)

    def path(self, x: np.ndarray, y: np.ndarray) -> str:
        """A line through the points, cut off at the frame."""
        y = np.clip(y, *sorted(self.y_range))
        points = (f"{self.x(a):.1f} {self.y(b):.1f}" for a, b in zip(x, y, strict=True))
        return "M" + "L".join(points)

    def axes(self, x_label: str, y_label: str, rows: bool = False) -> str:
        """Frame, ticks and names of the axes; `rows` leaves out the y axis' ticks."""
        right, bottom = _WIDTH - _RIGHT, self.height - _BOTTOM
        drawn = [f'<path class="axis" d="M{self.left} {_TOP}V{bottom}H{right}"/>']
        for value in _ticks(*self.x_range):
            x = self.x(value)
            drawn.append(
                f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
                f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'
            )
        for value in () if rows else _ticks(*self.y_range):
            y = self.y(value)
            drawn.append(
                f'<path class="grid" d="M{self.left} {y:.1f}H{right}"/>'
                f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
        middle = (_TOP + bottom) / 2
        drawn.append(
            f'<text class="name" x="{(self.left + right) / 2}" y="{bottom + 36}" '
            f'text-anchor="middle">{html.escape(x_label)}</text>'
            f'<text class="name" transform="translate(13 {middle}) rotate(-90)" '
            f'text-anchor="middle">{html.escape(y_label)}</text>'
        )
        return "".join(drawn)


def _ticks(low: float, high: float) -> list[float]:
    """Four to seven round values in the range."""
    step = 10.0 ** np.floor(np.log10((high - low) / 2.0))
    step = next(step * k for k in (0.5, 1.0, 2.0, 5.0, 10.0) if (high - low) / (step * k) <= 6.5)
    first = int(np.ceil(low / step - 1e-9))
    return [round(k * step, 10) for k in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def _padded(values: np.ndarray) -> tuple[float, float]:
    """The values' range and a twentieth more on each side."""
    low, high = float(values.min()), float(values.max())
    more = 0.05 * (high - low) if high > low else 0.5
    return low - more, high + more


def _stroke(index: int) -> str:
    return f"stroke:var(--series-{index % SERIES + 1})"


def _figure(drawn: Sequence[str], legend: Sequence[str], height: int = _HEIGHT) -> str:
    keys = "".join(
        f'<span><i style="background:var(--series-{index % SERIES + 1})"></i>{html.escape(name)}</span>'
        for index, name in enumerate(legend)
    )
    caption = f'<figcaption class="legend">{keys}</figcaption>' if legend else ""
    return (
        f'<figure class="chart"><svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(drawn)}</svg>'
        f"{caption}</figure>"
    )
