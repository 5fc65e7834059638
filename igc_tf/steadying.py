"""The one-euro filter: steady while little moves, quick while much does.

Casiez, Roussel, Vogel: "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012.
"""

from __future__ import annotations

import math

import numpy as np


class OneEuro:
    """A low-pass filter whose cutoff rises with the speed of what it filters."""

    def __init__(self, rate: float, cutoff: float, quickness: float, speed_cutoff: float = 1.0):
        """Makes a filter that has seen nothing yet.

        Args:
          rate: samples a second.
          cutoff: Hz, of what stands still; lower is steadier.
          quickness: Hz by which the cutoff rises for each unit a second of speed; higher lags less.
          speed_cutoff: Hz, of the speed itself.
        """
        self._rate, self._cutoff, self._quickness = rate, cutoff, quickness
        self._speed_cutoff = speed_cutoff
        self._last: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def __call__(self, value: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """The next sample, filtered; all its numbers share the cutoff of the fastest.

        Args:
          value: an array, of one shape always.
          seconds: since the last sample, where they do not come at the rate.
        """
        value = np.asarray(value, np.float64)
        if seconds is not None:
            self._rate = 1.0 / max(seconds, 1e-3)
        if self._last is None or self._speed is None:
            self._last, self._speed = value, np.zeros_like(value)
            return value
        speed = (value - self._last) * self._rate
        self._speed = self._speed + self._share(self._speed_cutoff) * (speed - self._speed)
        cutoff = self._cutoff + self._quickness * float(np.abs(self._speed).max())
        self._last = self._last + self._share(cutoff) * (value - self._last)
        return self._last

    def _share(self, cutoff: float) -> float:
        """Of the new sample."""
        step = 2.0 * math.pi * cutoff / self._rate
        return step / (1.0 + step)
