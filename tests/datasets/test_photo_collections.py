"""Collections by name: pictures cut from them, labels, what is left out, what is said when they lack."""

import csv
import logging
import pathlib
import shutil

import numpy as np
import pytest

from igc_tf.config import Config, DataConfig
from igc_tf.datasets import catalog, labels, photo_collections, reading
from igc_tf.datasets.collections import multi_pie
from igc_tf.evaluation import eval_set
from tests import fake_collections

pytestmark = pytest.mark.usefixtures("own_cache")

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def celeba(tmp_path):
    fake_collections.celeb_a(tmp_path / "celeba", train=12)
    return DataConfig(dataset="celeb_a", data_dir=str(tmp_path / "celeba"), crop="landmarks")


def test_aligned_pictures_have_their_eyes_in_place(celeba):
    store = catalog.open_split(celeba, 64, "train")
    known = catalog.read_labels(celeba, "train", store)
    assert store.images.shape == (12, 64, 64, 3) and not known.pseudo
    eyes = known.landmarks[:, :2].mean(axis=(0, 1)) / 64
    np.testing.assert_allclose(eyes, [0.5, celeba.align_eye_line], atol=0.02)
    assert len(np.unique(known.identity)) == 6
    # In the order of the pictures, whatever TFDS' order is.
    again = catalog.read_labels(celeba, "train", store._replace(
        names=store.names[::-1], transforms=store.transforms[::-1]
    ))  # fmt: skip
    np.testing.assert_allclose(again.landmarks, known.landmarks[::-1])


def test_unsup3ds_boxes(celeba):
    data = DataConfig(dataset="celeb_a", data_dir=celeba.data_dir, crop="box")
    store = catalog.open_split(data, 70, "train")
    row = store.names.index("img_celeba/000005.jpg")
    photo, _ = fake_collections.face(4)
    expected = np.asarray(photo)[12:82, 14:84]
    np.testing.assert_allclose(store.images[row].astype(int), expected, atol=60)
    assert np.abs(store.images[row].astype(int) - expected).mean() < 4


def test_the_second_opening_makes_nothing(celeba, monkeypatch):
    first = catalog.open_split(celeba, 32, "test")
    monkeypatch.setattr(photo_collections, "_pictures", None)
    second = catalog.open_split(celeba, 32, "test")
    assert second.names == first.names
    np.testing.assert_array_equal(second.images, first.images)


def test_unreadable_photos_are_counted_and_named(celeba, tmp_path, caplog):
    (tmp_path / "celeba/img_align_celeba/000003.jpg").write_bytes(b"")
    with caplog.at_level(logging.WARNING, logger="absl"):
        for _ in range(2):
            caplog.clear()
            store = catalog.open_split(celeba, 32, "train")
            assert len(store.images) == 11
            assert store.skipped == {"img_align_celeba/000003.jpg": "the file is empty"}
            assert caplog.text.count("000003.jpg: the file is empty") == 1


@pytest.mark.parametrize("harm", ["cut", "empty", "gone"])
@pytest.mark.parametrize("file", ["dataset_info.json", "*-test.tfrecord-*"])
def test_a_damaged_data_set_is_named_and_made_again_once_it_is_deleted(
    celeba, own_cache, file, harm
):
    store = catalog.open_split(celeba, 32, "test")
    folder = photo_collections.prepare(celeba).data_path
    (path,) = pathlib.Path(folder).glob(file)
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if harm == "cut" else 0])
    shutil.rmtree(own_cache / "images-2")
    for read in (
        lambda: catalog.open_split(celeba, 32, "test"),
        lambda: catalog.read_labels(celeba, "test", store),
    ):
        with pytest.raises(
            ValueError, match="is damaged .*Delete it, and it is made again"
        ) as caught:
            read()
        named = pathlib.Path(str(caught.value).split(" is damaged")[0])
        assert named == folder or named in folder.parents and own_cache in named.parents
    shutil.rmtree(named)
    again = catalog.open_split(celeba, 32, "test")
    np.testing.assert_array_equal(again.images, store.images)


def test_a_changed_folder_is_read_again(tmp_path):
    data = DataConfig(dataset="cat_faces", data_dir=str(tmp_path / "cats"), crop="none")
    fake_collections.photos(tmp_path / "cats", 231)  # plain photos serve as cats
    before = {split: len(catalog.open_split(data, 8, split).names) for split in catalog.SPLITS}
    fake_collections.photos(tmp_path / "cats", 240)
    after = {split: len(catalog.open_split(data, 8, split).names) for split in catalog.SPLITS}
    assert sum(before.values()) == 231 and sum(after.values()) == 240


def test_a_collection_is_examined(celeba):
    measured = eval_set.load_eval_set(celeba, 32, fit_images=10)
    assert len(measured.names) == 2 and measured.ground_truth.landmarks.shape == (2, 5, 2)
    assert measured.fit_landmarks.shape == (10, 5, 2) and not measured.ground_truth.pseudo
    assert "2 photos of celeb_a (test split)" in measured.description


def test_multi_pie_is_examined_by_yaw(tmp_path):
    fake_collections.multi_pie(tmp_path)
    data = DataConfig(
        dataset="multi_pie", data_dir=str(tmp_path), data_config="views", crop="center"
    )
    measured = eval_set.load_eval_set(data, 32)
    assert len(measured.names) == 13
    assert sorted(measured.ground_truth.condition.distance) == sorted(
        abs(a) for a in range(-90, 91, 15)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": "bp4d"}, "--dataset=bp4d needs --data_dir"),
        ({"dataset": "multi_pie", "data_dir": "x", "crop": "box"}, "multi_pie tells no boxes"),
        ({"align_eye_line": 0.8}, "must lie above"),
        ({"box_scale": 0.0}, "--box_scale=0.0"),
    ],
)
def test_flags_that_do_not_fit(values, message):
    with pytest.raises(ValueError, match=message):
        Config().replace(**values)


def test_what_is_missing_is_said(tmp_path):
    data = DataConfig(dataset="multi_pie", data_dir=str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        catalog.open_split(data, 32, "train")
    fake_collections.bp4d(tmp_path / "bp4d", people=3, frames=1)
    data = DataConfig(dataset="bp4d", data_dir=str(tmp_path / "bp4d"), data_config="fifth")
    with pytest.raises(ValueError, match="--data_config=fifth: bp4d has tenth, all"):
        catalog.open_split(data, 32, "train")
    with pytest.raises(FileNotFoundError, match="looked for .*session01/multiview"):
        catalog.open_split(
            DataConfig(dataset="multi_pie", data_dir=str(tmp_path / "bp4d")), 32, "train"
        )


# ---- real photos ---------------------------------------------------------------------------------


def real(name):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no photos to test on: {folder} is not there")
    return folder


def linked(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def test_real_celeb_a(tmp_path):
    folder = real("celeba_aligned")
    with (folder / "labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))[:200]
    marks, splits, people = [], [], []
    for number, row in enumerate(rows):
        linked(folder / row["file"], tmp_path / "img_align_celeba" / row["file"])
        values = " ".join(str(round(float(row[name]))) for name in labels._LANDMARKS)
        marks.append(f"{row['file']} {values}")
        splits.append(f"{row['file']} {number % 10 // 8 + number % 10 // 9}")
        people.append(f"{row['file']} {row['identity']}")
    for name, lines in (
        ("list_landmarks_align_celeba.txt", marks),
        ("list_eval_partition.txt", splits),
        ("identity_CelebA.txt", people),
    ):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    data = DataConfig(dataset="celeb_a", data_dir=str(tmp_path), crop="landmarks")
    stores = {split: catalog.open_split(data, 32, split) for split in catalog.SPLITS}
    assert [len(store.names) for store in stores.values()] == [160, 20, 20]
    known = catalog.read_labels(data, "train", stores["train"])
    spread = known.landmarks.std(axis=0) / 32
    assert spread[[0, 1]].max() < 0.03  # aligned: the eyes lie still


def test_real_cats(tmp_path):
    folder = real("cat_faces")
    for path in reading.find(folder)[::8]:
        linked(folder / path, tmp_path / "cats" / path)
    data = DataConfig(dataset="cat_faces", data_dir=str(tmp_path / "cats"), crop="none")
    stores = {split: catalog.open_split(data, 32, split) for split in catalog.SPLITS}
    assert sum(len(store.names) for store in stores.values()) == 564
    assert not any(store.skipped for store in stores.values())


def test_real_faces_as_a_multi_view_set(tmp_path):
    folder = real("umist")
    cameras = [name for name in multi_pie.CAMERAS if name not in multi_pie.ABOVE]
    paths = sorted(folder.glob("*.jpg"))
    people = sorted({path.stem.split("_")[0] for path in paths})
    subjects = dict(zip(people, (1, 2, 3, 4, 5, 6, 191, 192, 201, 202), strict=True))
    for path in paths:
        person, view = path.stem.split("_")
        subject = subjects[person]
        if int(view) <= len(cameras):
            camera = cameras[int(view) - 1]
            name = f"{subject:03d}_01_01_{camera.replace('_', '')}_07.jpg"
            linked(path, tmp_path / f"session01/multiview/{subject:03d}/01/{camera}/{name}")
    data = DataConfig(dataset="multi_pie", data_dir=str(tmp_path), data_config="views")
    stores = {split: catalog.open_split(data, 32, split) for split in catalog.SPLITS}
    assert [len(store.names) for store in stores.values()] == [78, 26, 26]
    known = catalog.read_labels(data, "test", stores["test"])
    assert len(np.unique(known.identity)) == 2
    assert len(np.unique(known.rotation_degrees[:, 1])) == 13
