"""Weight files of PyTorch: arrays come out as they went in, and nothing else does."""

import pickle

import numpy as np
import pytest

from igc_tf.features import torch_file
from tests.weight_files import write_torch

ARRAYS = {
    "kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "turned": np.arange(30, dtype=np.float32).reshape(5, 3, 2),
    "steps": np.array([7], np.int64),
}


@pytest.fixture
def path(tmp_path):
    return write_torch(tmp_path / "weights.pth", ARRAYS, transposed=["turned"])


def test_arrays_come_back_with_their_strides_honored(path):
    found = torch_file.read(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize("item", [Malicious(), {"kernel": Malicious()}])
def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path, item):
    file = tmp_path / "bad.pth"
    with file.open("wb") as stream:
        for part in (0x1950A86A20F9469CFC6C, 1001, {}, item):
            pickle.dump(part, stream, protocol=2)
    with pytest.raises(ValueError, match=r"builtins\.exec|__builtin__\.exec"):
        torch_file.read(file)


@pytest.mark.parametrize("kept", [0, 1, 40, 200, -1, -40])
def test_a_file_cut_short_is_refused(path, kept):
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[:kept])
    with pytest.raises(ValueError, match="weights.pth is no weight file"):
        torch_file.read(path)


def test_every_damaged_byte_is_an_error_or_an_array(path):
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= int(random.integers(1, 256))
        with open(path, "wb") as file:
            file.write(damaged)
        try:
            found = torch_file.read(path)
        except ValueError:
            continue
        assert all(isinstance(array, np.ndarray) for array in found.values())


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="first number"):
        torch_file.read(file)
