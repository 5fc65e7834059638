"""Reads the arrays of a PyTorch weight file, without PyTorch and without running what a pickle may hold.

Such a file is a pickle, and a pickle is a program. Here only three names may occur in it: the dictionary,
the tensor and its storage; anything else is refused before it is called.
"""

from __future__ import annotations

import collections
import pathlib
import pickle
from typing import Any, BinaryIO

import numpy as np

from igc_tf.features.numpy_pickle import UNREADABLE

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


class _Storage:
    """The name of an array that follows the pickle, and its type."""

    def __init__(self, key: str, dtype: type):
        self.key, self.dtype = key, dtype


class _Tensor:
    """A view into a storage: numbers of elements, not of bytes."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, data: dict[str, np.ndarray]) -> np.ndarray:
        """The view as an array of its own.

        Raises:
          ValueError: it reaches beyond its storage.
        """
        whole = data[self.storage.key]
        reach = self.offset + sum(
            (n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)
        )
        if 0 in self.shape or min((self.offset, *self.strides)) < 0 or reach >= whole.size:
            raise ValueError(f"a tensor of shape {self.shape} reaches beyond its data")
        steps = [s * whole.itemsize for s in self.strides]
        return np.lib.stride_tricks.as_strided(whole[self.offset :], self.shape, steps).copy()


class _Reader(pickle.Unpickler):
    """An unpickler that knows three names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key = pid[:3]
        if kind != "storage" or dtype not in _TYPES.values():
            raise pickle.UnpicklingError(f"it holds a {kind!r}, not an array")
        return _Storage(key, dtype)


def read(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a file that `torch.save(model.state_dict(), path)` of PyTorch before 1.6 wrote.

    Args:
      path: the file.

    Returns:
      `{name: array}`, float32 or int64, in C order. Strides are honored: a network ported from
      TensorFlow is often stored transposed.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no such file, it is cut short, or it holds anything but arrays.
    """
    path = pathlib.Path(path)
    with path.open("rb") as file:
        try:
            return _read(file)
        except UNREADABLE as error:
            raise ValueError(
                f"{path} is no weight file of PyTorch that can be read: {error}"
            ) from error


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Reader(file).load() != _MAGIC:
        raise ValueError("its first number is not PyTorch's")
    for _ in ("protocol", "machine"):
        _Reader(file).load()
    named = _Reader(file).load()
    if not isinstance(named, dict) or not all(isinstance(v, _Tensor) for v in named.values()):
        raise ValueError("it is not a dictionary of arrays")
    types = {tensor.storage.key: tensor.storage.dtype for tensor in named.values()}
    data = {}
    for key in _Reader(file).load():
        (count,) = np.frombuffer(file.read(8), "<i8")
        raw = file.read(int(count) * np.dtype(types[key]).itemsize)
        data[key] = np.frombuffer(raw, types[key])
        if data[key].size != count:
            raise ValueError("it is cut short")
    return {name: tensor.array(data) for name, tensor in named.items()}
