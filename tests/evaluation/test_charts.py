"""Charts: valid XML, with the values where they belong."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from igc_tf.evaluation import charts


def parsed(figure):
    return ElementTree.fromstring(figure)


def paths(figure, color):
    """(x, y) of the corners of every path of a color."""
    found = [e for e in parsed(figure).iter() if e.tag.endswith("path")]
    found = [e.get("d") for e in found if f"stroke: {color}" in e.get("style", "")]
    return [np.array(re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", d), float) for d in found]


def markers(figure):
    """(x, y) of every marker of the first color."""
    uses = [e for e in parsed(figure).iter() if e.tag.endswith("use")]
    uses = [e for e in uses if charts._COLORS[0] in e.get("style", "")]
    return np.array([(float(e.get("x")), float(e.get("y"))) for e in uses])


def words(figure):
    return " ".join(parsed(figure).itertext())


def test_a_line_is_drawn_over_the_diagonal_it_equals():
    ends = np.array([0.0, 1.0])
    figure = charts.lines({"a & b": (ends, ends)}, "x $1", "y <", (0, 1), (0, 1), True)
    dashed = [p for p in paths(figure, charts._GRAY) if len(p) == 2]
    curves = paths(figure, charts._COLORS[0])
    assert any(np.allclose(curves[0], other, atol=0.01) for other in dashed)
    assert curves[0][1, 0] > curves[0][0, 0] and curves[0][1, 1] < curves[0][0, 1]  # up
    assert "a & b" in words(figure) and "y <" in words(figure) and "x $1" in words(figure)


def test_scatter_draws_every_point_on_its_line():
    x = np.array([0.0, 1.0, 2.0])
    figure = charts.scatter(x, 2 * x + 1, "predicted", "true", (2.0, 1.0))
    places = markers(figure)
    line = next(p for p in paths(figure, charts._GRAY) if len(p) == 2 and np.ptp(p, axis=0).all())
    slope = np.diff(line[:, 1]) / np.diff(line[:, 0])
    np.testing.assert_allclose(
        places[:, 1], line[0, 1] + slope * (places[:, 0] - line[0, 0]), atol=0.2
    )


def test_one_point_and_equal_values_have_a_place():
    figure = charts.scatter(np.array([3.0]), np.array([5.0]), "x", "y")
    assert "nan" not in figure and "inf" not in figure
    parsed(figure)


def test_intervals_hold_their_value():
    figure = charts.intervals(
        ["one", "two"], np.array([0.5, 0.8]), np.array([0.4, 0.7]), np.array([0.6, 0.9]), "AUC"
    )
    dots = markers(figure)
    bars = [p for p in paths(figure, charts._COLORS[0]) if len(p) == 2]
    for (x, y), bar in zip(dots, bars, strict=True):
        assert bar[:, 0].min() < x < bar[:, 0].max()
        np.testing.assert_allclose(bar[:, 1], y)
    assert dots[0, 0] < dots[1, 0] and dots[0, 1] < dots[1, 1]
    assert "one" in words(figure) and "AUC" in words(figure)


def test_the_same_chart_is_the_same_text():
    one, other = (charts.scatter(np.arange(3.0), np.arange(3.0), "x", "y") for _ in range(2))
    assert one == other
