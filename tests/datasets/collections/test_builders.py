"""The builders of the collections under TFDS' own test, on folders laid out as the collections ship."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds

from igc_tf.datasets import photo_folder, reading
from igc_tf.datasets.collections import bp4d, cat_faces, celeb_a, multi_pie
from tests import fake_collections


class _Collection(tfds.testing.DatasetBuilderTestCase):
    """Makes its fake folder once a class."""

    __test__ = False
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False  # the collections lie on local disks

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory):
        kind = type(self)
        if kind.EXAMPLE_DIR is None:
            folder = tmp_path_factory.mktemp(kind.__name__)
            self.make(folder)
            kind.EXAMPLE_DIR = str(folder)


class TestCelebA(_Collection):
    __test__ = True
    DATASET_CLASS = celeb_a.CelebAFaces
    SPLITS = {"train": 6, "validation": 2, "test": 2}

    def make(self, folder):
        assert fake_collections.celeb_a(folder) == self.SPLITS


class TestBP4D(_Collection):
    __test__ = True
    DATASET_CLASS = bp4d.BP4D
    SPLITS = {"train": 12, "validation": 4, "test": 4}
    BUILDER_CONFIG_NAMES_TO_TEST = ["tenth"]
    # The fake frames repeat.
    OVERLAPPING_SPLITS = []

    def make(self, folder):
        assert fake_collections.bp4d(folder) == self.SPLITS


class TestMultiPIE(_Collection):
    __test__ = True
    DATASET_CLASS = multi_pie.MultiPIE
    SPLITS = {"train": 60, "validation": 30, "test": 30}
    BUILDER_CONFIG_NAMES_TO_TEST = ["all"]

    def make(self, folder):
        assert fake_collections.multi_pie(folder) == self.SPLITS


class TestMultiPIEViews(_Collection):
    __test__ = True
    DATASET_CLASS = multi_pie.MultiPIE
    SPLITS = {"train": 26, "validation": 13, "test": 13}
    BUILDER_CONFIG_NAMES_TO_TEST = ["views"]

    def make(self, folder):
        fake_collections.multi_pie(folder)


class _Cats(_Collection):
    DATASET_CLASS = cat_faces.CatFaces

    def count(self, folder, paths):
        splits = [photo_folder.split_of(path, 0.1) for path in paths]
        type(self).SPLITS = {split: splits.count(split) for split in photo_folder.SPLITS}
        assert min(self.SPLITS.values()) > 0, self.SPLITS


class TestCatDataSet(_Cats):
    __test__ = True

    def make(self, folder):
        fake_collections.cats(folder)
        self.count(folder, reading.find(folder))


class TestOxfordPets(_Cats):
    __test__ = True

    def make(self, folder):
        fake_collections.oxford_pets(folder)
        paths = [path for path in reading.find(folder) if path.name.startswith("Persian")]
        assert len(paths) == 167
        self.count(folder, paths)


def prepared(builder, folder):
    config = tfds.download.DownloadConfig(manual_dir=str(folder))
    builder.download_and_prepare(download_config=config)
    return builder


def examples(builder, split):
    found = tfds.as_numpy(builder.as_dataset(split=split))
    return sorted(found, key=lambda example: example["name"])


def test_celeb_a_tells_landmarks_identity_and_boxes(tmp_path):
    fake_collections.celeb_a(tmp_path / "celeba")
    kinds = {
        name: examples(
            prepared(
                celeb_a.CelebAFaces(config=name, data_dir=str(tmp_path / "tfds")),
                tmp_path / "celeba",
            ),
            "train",
        )
        for name in ("aligned", "in_the_wild")
    }
    photo, landmarks = fake_collections.face(3)
    known = kinds["aligned"][3]
    assert known["name"] == b"img_align_celeba/000004.jpg" and known["identity"] == b"2881"
    np.testing.assert_array_equal(known["landmarks"], landmarks.round())
    np.testing.assert_allclose(known["anchors"][2], landmarks[3:].round().mean(axis=0))
    assert np.isnan(known["box"]).all()
    np.testing.assert_allclose(known["image"], np.asarray(photo), atol=60)
    wild = kinds["in_the_wild"][3]
    np.testing.assert_array_equal(wild["box"], [13, 12, 83, 82])
    assert np.isnan(wild["landmarks"]).all() and wild["identity"] == b""


def test_celeb_a_of_tfds(tmp_path):
    # TFDS' real celeb_a is a download; its features are filled at random here.
    config = celeb_a.CelebAConfig(name=celeb_a.TFDS_CONFIG)
    with tfds.testing.mock_data(num_examples=4):
        source = tfds.builder("celeb_a", data_dir=str(tmp_path / "none"))
        decoded = list(tfds.as_numpy(source.as_dataset(split="train")))
    encoded = []
    for example in decoded:
        image = tfds.features.Image(shape=(218, 178, 3), encoding_format="jpeg")
        encoded.append({**example, "image": image.encode_example(example["image"])})

    class Source:
        def as_dataset(self, split, decoders):
            import tensorflow as tf

            assert split == "train" and isinstance(decoders["image"], tfds.decode.SkipDecoding)
            stacked = tf.nest.map_structure(lambda *values: np.stack(values), *encoded)
            return tf.data.Dataset.from_tensor_slices(stacked)

    found = dict(celeb_a._from_tfds(Source(), "train"))
    assert list(found) == [b"train/%06d.jpg" % number for number in range(4)]
    builder = celeb_a.CelebAFaces(config=config, data_dir=str(tmp_path))
    for made, theirs in zip(found.values(), decoded, strict=True):
        stored = builder.info.features.encode_example(made)
        assert set(stored) == set(builder.info.features)
        assert made["landmarks"][1].tolist() == [
            theirs["landmarks"]["righteye_x"],
            theirs["landmarks"]["righteye_y"],
        ]


def test_a_failed_download_is_said_in_words(tmp_path, monkeypatch):
    def fails(self, **_):
        raise ConnectionError("no route to host")

    celeb_a_of_tfds = tfds.builder_cls("celeb_a")
    monkeypatch.setattr(celeb_a_of_tfds, "download_and_prepare", fails)
    config = celeb_a.CelebAConfig(name=celeb_a.TFDS_CONFIG, source_dir=str(tmp_path / "tfds"))
    builder = celeb_a.CelebAFaces(config=config, data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="could not download CelebA .*no route.*--data_dir"):
        builder.download_and_prepare()


def test_bp4d_tells_subject_task_expression_and_frame(tmp_path):
    fake_collections.bp4d(tmp_path / "BP4D" / "Sequences", people=3, frames=11)
    builder = prepared(
        bp4d.BP4D(config="tenth", data_dir=str(tmp_path / "tfds")), tmp_path / "BP4D"
    )
    found = [example for split in photo_folder.SPLITS for example in examples(builder, split)]
    assert len(found) == 3 * 2 * 2  # frames 1 and 11 of two tasks
    for example in found:
        _, subject, task, file = example["name"].decode().split("/")
        assert example["identity"].decode() == subject and example["task"].decode() == task
        assert example["expression"].decode() == {"T1": "happiness", "T8": "disgust"}[task]
        assert example["frame"] == int(file[:4]) and example["frame"] in (1, 11)
    people = [{e["identity"] for e in examples(builder, split)} for split in photo_folder.SPLITS]
    assert [len(some) for some in people] == [1, 1, 1] and len(set.union(*people)) == 3


def test_multi_pie_tells_camera_yaw_and_light(tmp_path):
    fake_collections.multi_pie(tmp_path / "data")
    builder = prepared(multi_pie.MultiPIE(data_dir=str(tmp_path / "tfds")), tmp_path)
    found = examples(builder, "test")
    assert {example["identity"] for example in found} == {b"201"}
    by_camera = {example["camera"].decode(): float(example["yaw_deg"]) for example in found}
    assert len(by_camera) == 15 and by_camera["05_1"] == 0
    assert sorted(by_camera[c] for c in by_camera if c not in multi_pie.ABOVE) == list(
        range(-90, 91, 15)
    )
    assert {int(example["illumination"]) for example in found} == {6, 7}
    assert {example["expression"] for example in found} == {b"neutral"}
    assert {int(example["session"]) for example in found} == {1}


def test_cats_have_eyes_left_first_and_mouth(tmp_path):
    fake_collections.cats(tmp_path / "cats")
    # One whose eyes are given the other way round.
    swapped = tmp_path / "cats" / "CAT_00" / "00000000_000.jpg.cat"
    _, marks = fake_collections.face(0)
    swapped.write_text("3 70 40 30 40 50 70")
    builder = prepared(cat_faces.CatFaces(data_dir=str(tmp_path / "tfds")), tmp_path / "cats")
    found = {e["name"]: e for split in photo_folder.SPLITS for e in examples(builder, split)}
    np.testing.assert_array_equal(
        found[b"CAT_00/00000000_000.jpg"]["anchors"], [[30, 40], [70, 40], [50, 70]]
    )
    _, marks = fake_collections.face(7)
    np.testing.assert_allclose(
        found[b"CAT_01/00000007_000.jpg"]["anchors"][:2], marks[:2], atol=0.5
    )
    assert all(np.isnan(example["landmarks"]).all() for example in found.values())


def test_pets_have_boxes_and_no_dogs(tmp_path):
    fake_collections.oxford_pets(tmp_path / "pets")
    builder = prepared(cat_faces.CatFaces(data_dir=str(tmp_path / "tfds")), tmp_path / "pets")
    found = [example for split in photo_folder.SPLITS for example in examples(builder, split)]
    assert {example["identity"] for example in found} == {b"Persian"}
    given = [example["box"] for example in found if not np.isnan(example["box"]).any()]
    assert len(given) == sum(n % 2 == 0 for n in range(250) if n % 3 != 2)
    np.testing.assert_array_equal(given[0], [10, 8, 80, 78])


@pytest.mark.parametrize(
    ("kind", "make", "remove", "missing"),
    [
        (celeb_a.CelebAFaces, None, None, "img_align_celeba"),
        (celeb_a.CelebAFaces, "celeb_a", "identity_CelebA.txt", "identity_CelebA.txt"),
        (celeb_a.CelebAFaces, "celeb_a", "list_eval_partition.txt", "list_eval_partition.txt"),
        (bp4d.BP4D, None, None, "F001"),
        (multi_pie.MultiPIE, None, None, "session01/multiview"),
    ],
)
def test_what_is_missing_is_named(tmp_path, kind, make, remove, missing):
    if make:
        getattr(fake_collections, make)(tmp_path)
        (tmp_path / remove).unlink()
    with pytest.raises(FileNotFoundError, match=f"looked for {tmp_path / missing}, which is not"):
        kind(data_dir=str(tmp_path / "tfds")).photos(tmp_path)


def test_damaged_annotations_are_named(tmp_path):
    fake_collections.celeb_a(tmp_path)
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 5\n")
    with pytest.raises(ValueError, match="list_eval_partition.txt is damaged: a split is '5'"):
        celeb_a.CelebAFaces(data_dir=str(tmp_path / "tfds")).photos(tmp_path)
    (tmp_path / "list_landmarks_align_celeba.txt").write_text("nothing")
    with pytest.raises(ValueError, match="list_landmarks.*is damaged: no line has 11 words"):
        celeb_a.CelebAFaces(data_dir=str(tmp_path / "tfds")).photos(tmp_path)
    with pytest.raises(ValueError, match="2 people cannot be split"):
        fake_collections.bp4d(tmp_path, people=2, frames=1)
        bp4d.BP4D(data_dir=str(tmp_path / "tfds")).photos(tmp_path)
