"""Who, which view, which light: from a CSV file, folders, or file names."""

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crops, labels, reading

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


def folder(path, names, size=(40, 50)):
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(path / name)
    return DataConfig(dataset="photo_folder", data_dir=str(path))


def transforms(names, data, size=32):
    """Of all names, as their photos are cut."""
    return np.array(
        [
            crops.crop_transform(reading.read_photo(pathlib.Path(data.data_dir) / name), data, size)
            for name in names
        ]
    )


def read(data, names, size=32, source=""):
    return labels.read(data, names, transforms(names, data, size), source)


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")


def test_a_csv_file_by_hand(tmp_path):
    data = folder(tmp_path, ["a.png", "b.png", "c.png", "d.png"])
    write(
        tmp_path / "labels.csv",
        "file,identity,score,yaw_deg,pitch_deg,comment",
        "a.png,Ann,0.9,-20.5,3,",
        "b.png,Bob,0.4,60,1,doubtful",
        "c.png,Ann,,5,,",
        "x.png,Eve,1,0,0,not here",
    )
    found = read(data, ["c.png", "a.png", "b.png", "d.png"], 32)
    assert found.identity[0] == found.identity[1] != found.identity[2]
    assert found.identity[3] == -1 and found.pseudo
    # (pitch, yaw, roll); b's score is too low to trust its pose, d has no row.
    np.testing.assert_array_equal(
        found.rotation_degrees, [[np.nan, 5, np.nan], [3, -20.5, np.nan], *[[np.nan] * 3] * 2]
    )
    assert found.view is None and found.light_degrees is None and found.landmarks is None
    assert found.landmark_depth is None


MARKS = ",".join(labels._LANDMARKS)


def test_landmarks_are_cropped_as_the_photo(tmp_path):
    data = folder(tmp_path, ["a.png"], (40, 50))
    data = DataConfig(**{**vars(data), "crop_scale": 0.5, "crop_center_y": 0.6})
    write(tmp_path / "labels.csv", f"file,{MARKS}", "a.png,10,20,30,40,20,30,10,20,0,0")
    # The box: 20 px wide from x = 10, and from y = 0.6 * 50 - 10 = 20; 64 px over 20 is 3.2.
    found = read(data, ["a.png"], 64)
    expected = [[0, 0], [64, 64], [32, 32], [0, 0], [-32, -64]]
    np.testing.assert_allclose(found.landmarks[0], expected)
    assert not found.pseudo  # without a score they are made by hand


def test_landmark_depth_is_enlarged_as_the_photo_is(tmp_path):
    data = folder(tmp_path, ["a.png", "b.png", "c.png"], (40, 50))
    data = DataConfig(**{**vars(data), "crop_scale": 0.5})
    depths = ",".join(labels._LANDMARK_DEPTHS)
    assert depths == "left_eye_z,right_eye_z,nose_z,left_mouth_z,right_mouth_z"
    write(
        tmp_path / "labels.csv",
        f"file,score,{MARKS},{depths}",
        f"a.png,0.9,{','.join(['20'] * 10)},5,-5,-10,,0",
        f"b.png,0.1,{','.join(['20'] * 10)},1,1,1,1,1",
    )
    found = read(data, ["a.png", "b.png", "c.png"], 64)  # 64 px over 20: 3.2
    np.testing.assert_allclose(found.landmark_depth[0], [16, -16, -32, np.nan, 0], atol=1e-6)
    assert np.isnan(found.landmark_depth[1:]).all() and found.pseudo
    write(tmp_path / "labels.csv", f"file,{depths}", "a.png,5,-5,near,0,0")
    with pytest.raises(ValueError, match="line 2: nose_z is 'near', no number"):
        read(data, ["a.png"], 64)


def test_a_mark_in_the_photo_is_where_its_landmark_says(tmp_path):
    data = DataConfig(
        dataset="photo_folder", data_dir=str(tmp_path), crop_scale=0.8, crop_center_y=0.55
    )
    photo = np.zeros((109, 89, 3), np.uint8)
    photo[60:64, 30:34] = 255  # its middle is (32, 62)
    Image.fromarray(photo).save(tmp_path / "a.png")
    write(tmp_path / "labels.csv", f"file,{MARKS}", f"a.png,{','.join(['32,62'] * 5)}")
    picture = crops.crop(reading.read_photo(tmp_path / "a.png"), data, 64).image[..., 0]
    weight = picture / picture.sum()
    axis = np.arange(64) + 0.5
    middle = [(weight.sum(0) * axis).sum(), (weight.sum(1) * axis).sum()]
    found = read(data, ["a.png"], 64).landmarks
    np.testing.assert_allclose(found[0, 0], middle, atol=0.1)


def test_landmarks_of_a_photo_that_lies_on_its_side(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)  # shown 20 wide, 40 high
    write(tmp_path / "labels.csv", f"file,{MARKS}", f"a.jpg,{','.join(['10,20'] * 5)}")
    data = DataConfig(dataset="photo_folder", data_dir=str(tmp_path), crop="none")
    found = read(data, ["a.jpg"], 32).landmarks
    np.testing.assert_allclose(found[0, 0], [16, 16])


def test_folders_and_patterns(tmp_path):
    names = ["p1/A+035E-15.jpg", "p1/A-010E+00.jpg", "p2/A+000E+90.jpg", "stray.jpg"]
    data = folder(tmp_path, names)
    by_folder = read(data, names, 8, "folders")
    np.testing.assert_array_equal(by_folder.identity, [0, 0, 1, -1])
    pattern = (
        r"(?P<identity>[^/]+)/A(?P<light_azimuth_deg>[+-]\d+)E(?P<light_elevation_deg>[+-]\d+)"
    )
    by_pattern = read(data, names, 8, pattern)
    np.testing.assert_array_equal(by_pattern.identity, [0, 0, 1, -1])
    np.testing.assert_array_equal(by_pattern.light_degrees[:3], [[35, -15], [-10, 0], [0, 90]])
    assert np.isnan(by_pattern.light_degrees[3]).all() and not by_pattern.pseudo


def test_no_labels_is_none(tmp_path):
    assert read(folder(tmp_path, ["a.png"]), ["a.png"], 8) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.csv", "no such file"),
        ("(?P<identity>", "no regular expression"),
        ("(.*)", "named groups of identity"),
        ("(?P<who>.*)", "named groups of identity"),
        ("(?P<view>[a-z]+)", "reads view = 'a' from a.png, no number"),
        ("(?P<identity>zz)", "knows none of the 1 photos"),
        ("folders", "knows none of the 1 photos"),
    ],
)
def test_bad_sources_are_named(tmp_path, source, message):
    data = folder(tmp_path, ["a.png"])
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read(data, ["a.png"], 8, source)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,identity", "a.png,Ann"], "no column 'file'"),
        (["file,yaw_deg", "a.png,left"], "line 2: yaw_deg is 'left', no number"),
        (["file,yaw_deg", "a.png,nan"], "line 2: yaw_deg is 'nan', no number"),
    ],
)
def test_bad_files_are_named(tmp_path, lines, message):
    data = folder(tmp_path, ["a.png"])
    write(tmp_path / "labels.csv", *lines)
    with pytest.raises(ValueError, match=message):
        read(data, ["a.png"], 8)


@pytest.mark.parametrize(
    ("name", "source", "people"),
    [
        ("lfw", "", 79),
        ("umist", r"(?P<identity>\d+)_(?P<view>\d+)", 10),
        ("yale_b", "folders", 19),
    ],
)
def test_real_folders(name, source, people):
    if not (SHARED / name).is_dir():
        pytest.skip(f"no photos to test on: {SHARED / name} is not there")
    data = DataConfig(dataset="photo_folder", data_dir=str(SHARED / name))
    names = sorted(os.path.relpath(path, SHARED / name) for path in (SHARED / name).rglob("*.jpg"))
    found = labels.read(data, names, np.tile(np.eye(2, 3), (len(names), 1, 1)), source)
    assert len(np.unique(found.identity)) == people and (found.identity >= 0).all()


def test_names_in_latin_1_and_other_bytes_find_their_photos(tmp_path):
    names = [os.fsdecode(b"caf\xe9.png"), "schön.png", "[b].png", 'say "hi".png', "a,b.png"]
    data = folder(tmp_path, names)
    lines = [b"file,identity", b"caf\xe9.png,Ann", "schön.png,Bob".encode(), b"[b].png,Ann"]
    lines += [b'"say ""hi"".png",Eve', b'"a,b.png",Eve']
    (tmp_path / "labels.csv").write_bytes(b"\n".join(lines) + b"\n")
    found = read(data, names)
    np.testing.assert_array_equal(found.identity, [0, 1, 0, 2, 2])
