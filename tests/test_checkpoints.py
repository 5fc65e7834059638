"""Checkpoints are found by their files, read past damaged ones, and written in folders of any name."""

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import checkpoints

DATA = ".data-00000-of-00001"


def state(value=0.0):
    """A checkpoint of one variable, and the variable."""
    variable = tf.Variable(np.full(50, value, np.float32))
    return tf.train.Checkpoint(variable=variable), variable


def write(folder, numbers, keep=2):
    """Saves one checkpoint after the other; each holds its own number."""
    saved, variable = state()
    saver = checkpoints.Checkpoints(saved, folder, keep)
    for number in numbers:
        variable.assign(np.full(50, number, np.float32))
        saver.save(checkpoint_number=number)
    return saver


def value_of(prefix):
    """What a checkpoint written by `write` holds."""
    restored, variable = state(-1.0)
    checkpoints.restore(restored, prefix)
    assert len(set(variable.numpy())) == 1
    return variable.numpy()[0]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def names(*numbers):
    """Of the files of a folder with these checkpoints."""
    suffixes = (".index", DATA)
    return sorted(["checkpoint", *(f"ckpt-{n}{suffix}" for n in numbers for suffix in suffixes)])


def test_the_newest_are_kept_and_found_by_number(tmp_path):
    write(tmp_path / "run", [8, 9, 10])
    assert files(tmp_path / "run") == names(9, 10)
    assert checkpoints.newest(tmp_path / "run") == str(tmp_path / "run" / "ckpt-10")
    assert tf.train.latest_checkpoint(str(tmp_path / "run")) == str(tmp_path / "run" / "ckpt-10")
    assert value_of(checkpoints.newest(tmp_path / "run")) == 10


def test_a_missing_state_file_hides_nothing(tmp_path):
    write(tmp_path, [3, 5])
    (tmp_path / "checkpoint").unlink()
    assert value_of(checkpoints.newest(tmp_path)) == 5
    write(tmp_path, [7])  # another process goes on
    assert files(tmp_path) == names(5, 7)


def test_what_tensorflows_manager_wrote_is_restored_whole(tmp_path):
    saved, _ = state(4.0)
    tf.train.CheckpointManager(saved, str(tmp_path), max_to_keep=2).save(checkpoint_number=12)
    assert checkpoints.number_of(checkpoints.newest(tmp_path)) == 12
    restored, variable = state(-1.0)
    checkpoints.Checkpoints(restored, tmp_path, keep=2)
    checkpoints.restore(restored, checkpoints.newest(tmp_path))
    np.testing.assert_array_equal(variable, np.full(50, 4.0))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def alter(path):
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)


def remove(path):
    path.unlink()


HARMS = [(".index", harm) for harm in (cut, empty)]
HARMS += [(DATA, harm) for harm in (cut, empty, alter, remove)]


@pytest.mark.parametrize(("suffix", "harm"), HARMS)
def test_before_a_damaged_one_the_one_before_is_used(tmp_path, caplog, suffix, harm):
    write(tmp_path, [3, 5])
    harm(tmp_path / f"ckpt-5{suffix}")
    with caplog.at_level("WARNING", logger="absl"):
        assert value_of(checkpoints.newest(tmp_path)) == 3
    assert f"Damaged: {tmp_path / 'ckpt-5'}" in caplog.text
    assert f"{tmp_path / 'ckpt-3'}" in caplog.text


@pytest.mark.parametrize(("suffix", "harm"), HARMS)
def test_where_none_is_good_each_is_named(tmp_path, suffix, harm):
    write(tmp_path, [3, 5])
    for number in (3, 5):
        harm(tmp_path / f"ckpt-{number}{suffix}")
    with pytest.raises(ValueError, match=r"No checkpoint in .*ckpt-5 \(.*ckpt-3 \("):
        checkpoints.newest(tmp_path)


def test_no_checkpoint_is_another_matter(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
            checkpoints.newest(folder)


def test_going_on_from_before_a_damaged_one_replaces_it(tmp_path):
    saver = write(tmp_path, [10, 20])
    cut(tmp_path / f"ckpt-20{DATA}")
    saver.save(checkpoint_number=15)
    assert checkpoints.newest(tmp_path) == str(tmp_path / "ckpt-15")
    assert not [name for name in files(tmp_path) if name.startswith("ckpt-20")]
    assert [name for name in files(tmp_path) if name.startswith("ckpt-10")]


@pytest.mark.parametrize("name", ["a[b]", "a]b[", "a\\b", "a*b", "a?b", "ä ö'\""])
def test_a_folder_may_have_any_name(tmp_path, name):
    # A folder that the name matches as a pattern must stay as it is.
    write(tmp_path / "aXb", [1, 2, 3], keep=3)
    neighbor = files(tmp_path / "aXb")
    folder = tmp_path / name / "checkpoints"
    write(folder, [1, 2, 3])
    assert files(folder) == names(2, 3)
    assert value_of(checkpoints.newest(folder)) == 3
    cut(folder / f"ckpt-3{DATA}")
    assert value_of(checkpoints.newest(folder)) == 2
    assert files(tmp_path / "aXb") == neighbor
