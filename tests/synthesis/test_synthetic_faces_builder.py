"""The TFDS builder for real: prepared on disk twice, by several processes and by one."""

from __future__ import annotations

import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds

from igc_tf.config import DataConfig
from igc_tf.datasets import catalog
from igc_tf.synthesis.synthetic_faces import builder as builder_lib
from igc_tf.synthesis.synthetic_faces import encoding, scene

SPLITS = {"train": 64, "validation": 16, "test": 32}


def prepare(directory, workers):
    """The tiny configuration, made by so many processes."""
    builder = builder_lib.SyntheticFaces(config="tiny", data_dir=str(directory))
    builder.workers = workers
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """Made by two processes."""
    return prepare(tmp_path_factory.mktemp("two_processes"), workers=2)


def test_a_cut_record_is_told_by_the_folder_to_delete(builder, tmp_path, own_cache):
    folder = tmp_path / "data [copy]"
    shutil.copytree(builder.data_path.parents[2], folder)
    data = DataConfig(data_config="tiny", data_dir=str(folder))
    copied = catalog.prepare_heads(data)
    assert len(catalog.open_split(data, 32, "validation").names) == SPLITS["validation"]
    (path,) = pathlib.Path(copied.data_path).glob("*-validation.tfrecord-*")
    path.write_bytes(path.read_bytes()[:-1000])
    shutil.rmtree(own_cache)
    message = re.escape(f"{copied.data_path} is damaged (truncated record")
    with pytest.raises(ValueError, match=message):
        catalog.open_split(data, 32, "validation")
    with pytest.raises(ValueError, match=message):
        builder_lib.load_ground_truth(copied, "validation", ["parts"])


@pytest.fixture(scope="module")
def ground_truth(builder):
    """All features of all splits."""
    return {split: builder_lib.load_ground_truth(builder, split) for split in SPLITS}


def test_splits(builder, ground_truth):
    assert {k: v.num_examples for k, v in builder.info.splits.items()} == SPLITS
    people = [set(ground_truth[split]["identity"]) for split in SPLITS]
    assert [len(p) for p in people] == [16, 4, 4]
    assert len(set.union(*people)) == 24  # no one is in two splits
    index = np.concatenate([ground_truth[split]["index"] for split in SPLITS])
    np.testing.assert_array_equal(np.sort(index), np.arange(112))
    assert (np.bincount(ground_truth["test"]["identity"])[20:] == 8).all()


def test_full_configurations():
    sizes = {c.name: c.image_size for c in builder_lib.SyntheticFaces.BUILDER_CONFIGS}
    assert sizes == {"px64": 64, "px32": 32, "px128": 128, "tiny": 64}
    for config in builder_lib.SyntheticFaces.BUILDER_CONFIGS[:3]:
        counts = {split: people * images for split, (people, images) in config.splits.items()}
        assert counts == {"train": 6000, "validation": 300, "test": 2000}


def test_any_number_of_processes_writes_the_same(ground_truth, tmp_path):
    alone = prepare(tmp_path, workers=1)
    for split in SPLITS:
        for name, value in builder_lib.load_ground_truth(alone, split).items():
            np.testing.assert_array_equal(value, ground_truth[split][name], err_msg=name)


def test_stored_is_what_the_scene_makes(ground_truth):
    stored = {name: value[5] for name, value in ground_truth["test"].items()}
    images_before, people_before = 64 + 16, 16 + 4
    image = (stored["index"] - images_before) - 8 * (stored["identity"] - people_before)
    made = scene.sample(builder_lib.SEED, int(stored["identity"]), int(image), 64)
    for name, value in made.items():
        tolerance = {"depth": 4e-6, "normals": 1e-3}.get(name.removeprefix("canonical_"), 0.0)
        np.testing.assert_allclose(stored[name], value, rtol=0, atol=tolerance, err_msg=name)


def test_no_two_images_are_alike(ground_truth):
    flat = (
        np.concatenate([ground_truth[s]["image"] for s in SPLITS])
        .reshape(112, -1)
        .astype(np.float32)
    )
    square = (flat**2).sum(axis=1)
    distance = square[:, None] + square[None] - 2.0 * flat @ flat.T
    assert distance[np.triu_indices(112, 1)].min() > 1e6


def test_load_ground_truth_keeps_the_order_of_as_dataset(builder, ground_truth):
    order = [int(e["index"]) for e in tfds.as_numpy(builder.as_dataset(split="test"))]
    np.testing.assert_array_equal(ground_truth["test"]["index"], order)
    some = builder_lib.load_ground_truth(builder, "test[:3]", names=["depth", "index"])
    assert set(some) == {"depth", "index"} and some["depth"].dtype == np.float32
    np.testing.assert_array_equal(some["depth"], ground_truth["test"]["depth"][:3])
    with pytest.raises(ValueError, match="No feature dept; there are"):
        builder_lib.load_ground_truth(builder, "test", names=["dept"])


def test_decoded_normals_are_unit(ground_truth):
    for name in ("normals", "canonical_normals"):
        normals = ground_truth["train"][name]
        assert normals.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0, atol=1e-6)


def test_stored_depth_has_sixteen_bits(builder):
    example = next(iter(tfds.as_numpy(builder.as_dataset(split="train"))))
    assert example["depth"].dtype == np.uint16
    background = encoding.decode_depth(example["depth"])[example["parts"] == 0]
    np.testing.assert_allclose(background, scene.BACKGROUND_DEPTH, atol=4e-6)
