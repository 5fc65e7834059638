"""Timings: medians, turns, ratios."""

import time

import numpy as np

from igc_tf.benchmarks import timing
from igc_tf.benchmarks.timing import Timing


def test_timing_preset():
    taken = Timing(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    assert (taken.low, taken.median, taken.high) == (2.0, 3.0, 4.0)


def test_ratio_is_taken_call_by_call():
    # The machine slows down fourfold half way: each pair still says 2.
    slower, faster = Timing(np.array([2.0, 2.0, 8.0])), Timing(np.array([1.0, 1.0, 4.0]))
    np.testing.assert_array_equal(timing.ratio(slower, faster).seconds, [2.0, 2.0, 2.0])


def test_alternate_takes_turns_after_a_warm_up():
    calls = []
    found = timing.alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 0.0)
    warm = 2 * timing.WARM_UP
    assert calls[:warm] == ["a", "a", "b", "b"]
    assert calls[warm:] == ["a", "b"] * timing.FEWEST
    assert len(found["a"].seconds) == len(found["b"].seconds) == timing.FEWEST


def test_measure_sees_how_long_a_call_takes():
    taken = timing.measure(lambda: time.sleep(0.01), seconds=0.1)
    assert 0.01 <= taken.median < 0.05
    assert len(taken.seconds) >= timing.FEWEST
