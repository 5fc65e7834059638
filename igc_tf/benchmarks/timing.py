"""Wall-clock times as medians with their spread, and comparisons that a drifting machine cannot tilt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

#: Calls before the first that counts: the first traces and compiles, the second fills caches.
WARM_UP = 2
#: Calls that count, at least, however long they take.
FEWEST = 5


class Timing(NamedTuple):
    """Seconds a call took."""

    seconds: np.ndarray  #: [n], in the order of the calls

    @property
    def median(self) -> float:
        """Half the calls were faster."""
        return float(np.median(self.seconds))

    @property
    def low(self) -> float:
        """The first quartile."""
        return float(np.percentile(self.seconds, 25))

    @property
    def high(self) -> float:
        """The third quartile."""
        return float(np.percentile(self.seconds, 75))


def measure(function: Callable[[], object], seconds: float = 1.0) -> Timing:
    """Times calls of a function until `seconds` have passed, after a warm-up."""
    return alternate({"": function}, seconds)[""]


def alternate(
    functions: Mapping[str, Callable[[], object]], seconds: float = 1.0
) -> dict[str, Timing]:
    """Times functions in turn, A B A B, so that a machine that slows down slows all of them.

    Args:
      functions: by name. What they start on a device is waited for.
      seconds: for all calls of all functions together, not counting the warm-up.

    Returns:
      Timings by name, each of the same number of calls, at least `FEWEST`.
    """
    for function in functions.values():
        for _ in range(WARM_UP):
            function()
    tf.test.experimental.sync_devices()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < FEWEST or time.perf_counter() < end:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            tf.test.experimental.sync_devices()
            taken[name].append(time.perf_counter() - start)
        rounds += 1
    return {name: Timing(np.array(values)) for name, values in taken.items()}


def ratio(slower: Timing, faster: Timing) -> Timing:
    """Call by call, how many times as long `slower` took; both from one `alternate`."""
    return Timing(slower.seconds / faster.seconds)
