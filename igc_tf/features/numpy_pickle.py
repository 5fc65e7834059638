"""Reads the arrays of a pickle that holds nothing else, without running what a pickle may hold.

A pickle is a program. Here only the names that a NumPy array is made of may occur in it; anything else is
refused before it is called.
"""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.core.multiarray import _reconstruct

#: What reading a damaged or foreign pickle may raise.
UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    ImportError,
    UnicodeDecodeError,
    OverflowError,
    MemoryError,
)
_NAMES = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows arrays alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return _NAMES[module, name]


def read(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a pickled, perhaps nested, dictionary of arrays.

    Args:
      path: the file.

    Returns:
      `{path through the dictionaries, joined by '/': array of numbers}`.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no pickle, it is cut short, or it holds anything but arrays of numbers.
    """
    path = pathlib.Path(path)
    with path.open("rb") as file:
        try:
            return dict(_flat(_Reader(file).load()))
        except UNREADABLE as error:
            raise ValueError(f"{path} is no pickle of arrays that can be read: {error}") from error


def _flat(found: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(found, np.ndarray) and found.dtype.kind in "fiu" and name:
        yield name.removeprefix("/"), found
    elif isinstance(found, Mapping):
        for key, value in found.items():
            yield from _flat(value, f"{name}/{key}")
    else:
        raise ValueError(f"{name.removeprefix('/') or 'it'} is no array of numbers")
