"""Pickles of arrays: they come out as they went in, and nothing else does."""

import pickle

import numpy as np
import pytest

from igc_tf.features import numpy_pickle

ARRAYS = {"a": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}, "b": np.array([1, 2])}


def written(path, item, protocol=4):
    path.write_bytes(pickle.dumps(item, protocol))
    return path


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_come_back_by_their_path(tmp_path, protocol):
    found = numpy_pickle.read(written(tmp_path / "a.ckpt", ARRAYS, protocol))
    assert list(found) == ["a/kernel", "b"]
    np.testing.assert_array_equal(found["a/kernel"], ARRAYS["a"]["kernel"])
    assert found["a/kernel"].dtype == np.float32


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize(
    "item",
    [
        Malicious(),
        {"a": Malicious()},
        np.array([Malicious()], object),
        [np.zeros(2)],
        {"a": "text"},
    ],
)
def test_anything_else_is_refused_unrun(tmp_path, item):
    with pytest.raises(ValueError, match="bad.ckpt is no pickle of arrays"):
        numpy_pickle.read(written(tmp_path / "bad.ckpt", item))


@pytest.mark.parametrize("kept", [0, 1, 40, -1, -40])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = written(tmp_path / "a.ckpt", ARRAYS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="a.ckpt is no pickle"):
        numpy_pickle.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.ckpt"):
        numpy_pickle.read(tmp_path / "nowhere.ckpt")
