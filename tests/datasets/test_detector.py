"""The optional face detector: what it finds in real faces, and what is said where it is missing."""

import importlib.util
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crop_transforms, crops, detector, labels, photo_folder, reading
from tests import fake_collections

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def opencv():
    return pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")


@pytest.fixture
def cascades(opencv, monkeypatch):
    """OpenCV's cascades, whatever else is installed."""
    monkeypatch.setattr(detector, "has_key_points", lambda: False)


@pytest.fixture
def key_points(opencv):
    if not detector.has_key_points():
        pytest.skip(
            f"MediaPipe, which is optional, is not installed: {detector.KEY_POINTS_PACKAGE}"
        )


@pytest.fixture(params=["cascades", "key_points"])
def either(request):
    """Each of the two detectors."""
    request.getfixturevalue(request.param)
    return request.param


def on_canvas(number, left, top):
    """A face of 96 px in a gray photo of 300 x 200 px, and its landmarks there."""
    face, landmarks = fake_collections.face(number)
    photo = Image.new("RGB", (300, 200), (120, 120, 120))
    photo.paste(face, (left, top))
    return photo, landmarks + [left, top]


def test_a_face_is_found_where_it_is(either):
    found = 0
    for number in range(6):
        photo, landmarks = on_canvas(number, 40 * (number % 3), 30 * (number // 3))
        faces = detector.find(photo)
        if not faces:
            continue
        found += 1
        (face,) = faces
        assert (landmarks > face.box[:2]).all() and (landmarks < face.box[2:]).all()
        assert face.box[2] - face.box[0] < 110
        # The eyes of these drawings are 30 px apart.
        far = {"cascades": 12, "key_points": 6}[either]
        assert np.hypot(*(face.anchors - crops.anchors(landmarks)).T).max() < far
    assert found >= 4


def test_every_face_is_found_the_largest_first(key_points):
    photo = Image.new("RGB", (700, 400), (120, 120, 120))
    portrait = Image.open("docs/images/astronaut.jpg")
    photo.paste(portrait, (20, 60))
    photo.paste(portrait.resize((240, 294)), (420, 60))
    faces = detector.find(photo)
    assert [face.anchors[2, 0] > 350 for face in faces] == [True, False]
    small, large = faces[1].anchors - [20, 60], (faces[0].anchors - [420, 60]) * 178 / 240
    np.testing.assert_allclose(small, large, atol=3)


def test_small_faces_of_a_group_are_found(key_points):
    portrait = Image.open("docs/images/astronaut.jpg").resize((89, 109))
    photo = Image.new("RGB", (1000, 500), (120, 120, 120))
    corners = [(left, top) for left in (15, 260, 505, 750) for top in (20, 270)]
    for corner in corners:
        photo.paste(portrait, corner)
    mouths = np.array([face.anchors[2] for face in detector.find(photo)])
    for left, top in corners:  # the mouth lies at (45, 78) of the portrait
        assert np.hypot(*(mouths - [left + 45, top + 78]).T).min() < 8
    assert len(mouths) == len(corners)


def test_a_turned_face_is_seen_upright(key_points):
    portrait = Image.open("docs/images/astronaut.jpg")
    (upright,) = detector.find(portrait)
    (turned,) = detector.find(portrait.rotate(30, Image.Resampling.BICUBIC, fillcolor="gray"))
    center = np.array(portrait.size) / 2
    turn = np.array([[np.cos(0.5236), np.sin(0.5236)], [-np.sin(0.5236), np.cos(0.5236)]])
    np.testing.assert_allclose(turned.anchors, (upright.anchors - center) @ turn.T + center, atol=4)


def test_there_is_no_face_in_noise(either):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8))
    assert detector.find(noise) == [] == detector.find(noise, "cat")


def test_mediapipe_says_nothing_and_leaves_the_terminal_as_it_was(key_points, capfd):
    import threading

    found = []  # in threads of their own, each of which starts the networks
    photo = Image.open("docs/images/astronaut.jpg").convert("RGB")  # read here, not by both
    threads = [threading.Thread(target=lambda: found.append(detector.find(photo))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(faces) for faces in found] == [1, 1]
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_photos_without_a_face_are_counted_and_listed(cascades, own_cache, tmp_path, caplog):
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


def test_without_a_detector_it_is_said_how_to_get_one(monkeypatch, own_cache, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    data = DataConfig(
        dataset="photo_folder", data_dir=str(tmp_path), crop="detect", test_fraction=0.99999
    )
    message = "needs OpenCV, which is not installed: pip install opencv-python-headless==4.11"
    with pytest.raises(ValueError, match=message):
        photo_folder.open_split(data, 32, "test")
    with pytest.raises(ValueError, match=message):
        crops.require(data)


def photos_of(name, count):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no photos to test on: {folder} is not there")
    paths = reading.find(folder)
    return {
        path.as_posix(): reading.read_photo(folder / path) for path in paths[:: len(paths) // count]
    }


@pytest.mark.parametrize(
    ("name", "kind", "least"), [("lfw", "face", 0.9), ("cat_faces", "cat", 0.6)]
)
def test_real_photos(cascades, name, kind, least):
    photos = photos_of(name, 30)
    found = sum(bool(detector.find(photo, kind)) for photo in photos.values())
    assert found > least * len(photos)


def test_real_faces_are_found_and_aligned(key_points):
    """tools.prepare measures it on all of them, see docs/data.md."""
    photos = photos_of("aflw", 150)
    known = labels.read_landmarks(SHARED / "aflw")
    wanted = crops.template(DataConfig(crop="landmarks"))
    off = []
    for name, photo in photos.items():
        faces = detector.find(photo)
        if faces:
            points = crops.anchors(known[name])
            places = [
                crop_transforms.apply(crop_transforms.of_anchors(one, wanted, 1), points)
                for one in (faces[0].anchors, points)
            ]
            off.append(np.hypot(*(places[0] - places[1])[:2].T))
    assert len(off) >= 0.97 * len(photos)
    assert np.median(off) < 0.05
