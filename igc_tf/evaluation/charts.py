"""Small charts as SVG, by matplotlib: no background, and grays that fit a light and a dark page."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import rcsetup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SERIES = 6  #: colors there are on the page; more series begin anew
_COLORS = ("#3987e5", "#d95926", "#199e70", "#c98500", "#d55181", "#9085e9")
_GRAY = "#828282"
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "igc_tf",  # the same chart is the same text
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.prop_cycle": rcsetup.cycler(color=_COLORS),
    "axes.edgecolor": _GRAY,
    "axes.labelcolor": _GRAY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _GRAY,
    "grid.alpha": 0.25,
    "xtick.color": _GRAY,
    "ytick.color": _GRAY,
    "legend.frameon": False,
    "legend.labelcolor": _GRAY,
}


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
      diagonal: plot the line from corner to corner, chance level.

    Returns:
      A `<figure>`.
    """

    def plot(axes: Axes) -> None:
        if diagonal:
            axes.plot(x_range, y_range, color=_GRAY, linestyle="--", linewidth=1)
        for name, (x, y) in series.items():
            axes.plot(x, y, label=name)
        axes.set(xlim=x_range, ylim=y_range)
        if series:
            axes.legend()

    return _figure(plot, x_label, y_label)


def scatter(
    x: np.ndarray, y: np.ndarray, x_label: str, y_label: str, fit: tuple[float, float] | None = None
) -> str:
    """Points `[n]`, and the straight line y = fit[0] x + fit[1]; a `<figure>`."""

    def plot(axes: Axes) -> None:
        axes.scatter(x, y, s=9, alpha=0.4, linewidths=0)
        if fit is not None:
            axes.axline((0, fit[1]), slope=fit[0], color=_GRAY, linestyle="--", linewidth=1)

    return _figure(plot, x_label, y_label)


def intervals(
    names: Sequence[str], values: np.ndarray, lows: np.ndarray, highs: np.ndarray, x_label: str
) -> str:
    """A row for each name, with a dot at its value and a bar over its interval; a `<figure>`."""
    rows = np.arange(len(names))

    def plot(axes: Axes) -> None:
        axes.errorbar(values, rows, xerr=[values - lows, highs - values], fmt="o", markersize=4)
        axes.set_yticks(rows, names)
        axes.set_ylim(len(names) - 0.5, -0.5)

    return _figure(plot, x_label, "", height=0.7 + 0.24 * len(names))


def _figure(plot: Callable[[Axes], None], x_label: str, y_label: str, height: float = 3.0) -> str:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(4.0, height), layout="tight")
        axes = figure.subplots()
        plot(axes)
        axes.set(xlabel=_literal(x_label), ylabel=_literal(y_label))
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    label = html.escape(y_label or x_label)
    svg = text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return f'<figure class="chart">{svg}</figure>'


def _literal(text: str) -> str:
    """A dollar sign begins no formula."""
    return text.replace("$", r"\$")
