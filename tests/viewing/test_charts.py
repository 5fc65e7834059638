"""Charts: valid XML, with the values where they belong."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from igc_tf.viewing import charts


def parsed(figure):
    return ElementTree.fromstring(figure)


def points(figure, name):
    """(x, y) of the paths of a class."""
    found = [e.get("d") for e in parsed(figure).iter("path") if e.get("class") == name]
    return [[tuple(map(float, p.split())) for p in re.split("[ML]", d)[1:]] for d in found]


def test_a_line_runs_from_corner_to_corner():
    figure = charts.lines(
        {"a & b": (np.array([0.0, 1.0]), np.array([0.0, 1.0]))}, "x", "y <", (0, 1), (0, 1), True
    )
    ((start, end),) = points(figure, "curve")
    assert start == (charts._LEFT, charts._HEIGHT - charts._BOTTOM)
    assert end == (charts._WIDTH - charts._RIGHT, charts._TOP)
    assert points(figure, "guide") == points(figure, "curve")
    assert "a & b" in "".join(parsed(figure).itertext())
    assert "y <" in "".join(parsed(figure).itertext())


def test_scatter_draws_every_point_and_its_line():
    x = np.array([0.0, 1.0, 2.0])
    figure = charts.scatter(x, 2 * x + 1, "predicted", "true", (2.0, 1.0))
    dots = next(e for e in parsed(figure).iter("path") if e.get("class") == "dots").get("d")
    places = np.array(re.findall(r"M([\d.]+) ([\d.]+)h0", dots), float)
    assert len(places) == 3
    ((a, b),) = points(figure, "guide")
    slope = (b[1] - a[1]) / (b[0] - a[0])  # all three lie on it
    np.testing.assert_allclose(places[:, 1], a[1] + slope * (places[:, 0] - a[0]), atol=0.2)


def test_one_point_and_equal_values_have_a_place():
    figure = charts.scatter(np.array([3.0]), np.array([5.0]), "x", "y")
    assert "nan" not in figure and "inf" not in figure
    parsed(figure)


def test_intervals_hold_their_value():
    figure = charts.intervals(
        ["one", "two"], np.array([0.5, 0.8]), np.array([0.4, 0.7]), np.array([0.6, 0.9]), "AUC"
    )
    circles = [float(e.get("cx")) for e in parsed(figure).iter("circle")]
    bars = [e.get("d") for e in parsed(figure).iter("path") if e.get("class") == "curve"]
    for cx, bar in zip(circles, bars, strict=True):
        low, high = (float(v) for v in re.match(r"M([\d.]+) [\d.]+H([\d.]+)", bar).groups())
        assert low < cx < high
    assert circles[0] < circles[1]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-45.0, 45.0, [-40, -20, 0, 20, 40]),
        (1, 20, [5, 10, 15, 20]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert charts._ticks(low, high) == expected
