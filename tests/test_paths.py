"""Paths are known for patterns as TensorFlow itself takes them."""

import pytest
import tensorflow as tf

from igc_tf import paths


@pytest.mark.parametrize("name", ["a[b]", "a\\\\b", "a*b", "a?b"])
def test_what_matches_another_folder_is_a_pattern(tmp_path, name):
    for folder in (name, "ab", "a\\b", "aXb"):
        (tmp_path / folder).mkdir(exist_ok=True)
    found = tf.io.gfile.glob(str(tmp_path / name))
    assert found != [str(tmp_path / name)] and paths.is_pattern(tmp_path / name)


@pytest.mark.parametrize("name", ["ab", "a b", "a'b", "ä#%{}()$", "猫"])
def test_what_matches_itself_alone_is_none(tmp_path, name):
    (tmp_path / name).mkdir()
    assert tf.io.gfile.glob(str(tmp_path / name)) == [str(tmp_path / name)]
    assert not paths.is_pattern(tmp_path / name)
