"""The optional face detector: what it finds in real faces, and what is said where it is missing."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crops, detector, photo_folder, reading
from tests import fake_collections

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def opencv():
    return pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")


def on_canvas(number, left, top):
    """A face of 96 px in a gray photo of 300 x 200 px, and its landmarks there."""
    face, landmarks = fake_collections.face(number)
    photo = Image.new("RGB", (300, 200), (120, 120, 120))
    photo.paste(face, (left, top))
    return photo, landmarks + [left, top]


def test_a_face_is_found_where_it_is(opencv):
    found = 0
    for number in range(6):
        photo, landmarks = on_canvas(number, 40 * (number % 3), 30 * (number // 3))
        box = detector.detect(np.asarray(photo), "face")
        if box is None:
            continue
        found += 1
        assert (landmarks > box[:2]).all() and (landmarks < box[2:]).all()
        assert box[2] - box[0] < 110
    assert found >= 4


def test_there_is_no_face_in_noise(opencv):
    noise = np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8)
    assert detector.detect(noise, "face") is None and detector.detect(noise, "cat") is None


def test_photos_without_a_face_are_counted_and_listed(opencv, own_cache, tmp_path, caplog):
    for number in range(3):
        on_canvas(0, 20 * number, 20)[0].save(tmp_path / f"face{number}.png")
    Image.new("RGB", (100, 100), "teal").save(tmp_path / "wall.png")
    data = DataConfig(
        dataset="photo_folder", data_dir=str(tmp_path), crop="detect", test_fraction=0.99999
    )
    store = photo_folder.open_split(data, 32, "test")
    assert sorted(store.names) == ["face0.png", "face1.png", "face2.png"]
    assert store.skipped == {"wall.png": "no face found"}
    assert "1 of 4 photos" in caplog.text and "wall.png: no face found" in caplog.text
    # The same face is cut alike, wherever it lies.
    assert np.abs(store.images[0].astype(int) - store.images[1]).mean() < 12


def test_without_opencv_it_is_said_how_to_get_it(monkeypatch, own_cache, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "cv2", None)
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    data = DataConfig(
        dataset="photo_folder", data_dir=str(tmp_path), crop="detect", test_fraction=0.99999
    )
    message = "needs OpenCV, which is not installed: pip install opencv-python-headless==4.11"
    with pytest.raises(ValueError, match=message):
        photo_folder.open_split(data, 32, "test")
    with pytest.raises(ValueError, match=message):
        crops.require(data)


@pytest.mark.parametrize(
    ("name", "kind", "least"), [("lfw", "face", 0.9), ("cat_faces", "cat", 0.6)]
)
def test_real_photos(opencv, name, kind, least):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no photos to test on: {folder} is not there")
    paths = reading.find(folder)
    chosen = paths[:: len(paths) // 30]
    boxes = [
        detector.detect(np.asarray(reading.read_photo(folder / path)), kind) for path in chosen
    ]
    assert sum(box is not None for box in boxes) > least * len(chosen)
