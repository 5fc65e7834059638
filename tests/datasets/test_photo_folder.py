"""A folder of photos, good and bad ones, all made here."""

import logging
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crops, photo_folder, reading

pytestmark = pytest.mark.usefixtures("own_cache")

#: Almost everything into one split, whatever its name.
ALL_TEST = 0.99999


def pixels(height=20, width=20, seed=0):
    """A smooth color picture, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([200 * x, 200 * y, np.full_like(x, 40.0 + 20 * seed)], -1).astype(np.uint8)


def data(folder, **values):
    return DataConfig(
        dataset="photo_folder", data_dir=str(folder), **{"test_fraction": ALL_TEST, **values}
    )


# ---- splitting -----------------------------------------------------------------------------------


def splits_of(names, fraction=0.2):
    return {name: photo_folder.split_of(pathlib.PurePosixPath(name), fraction) for name in names}


def test_splits_have_their_shares():
    found = list(splits_of([f"{number}.jpg" for number in range(5000)]).values())
    # 0.2, a tenth of it, the rest; standard deviations of 28, 10 and 29.
    assert abs(found.count("test") - 1000) < 120
    assert abs(found.count("validation") - 100) < 45
    assert len(found) == sum(found.count(split) for split in photo_folder.SPLITS)


def test_validation_gets_a_hundredth_at_least():
    found = list(splits_of([f"{number}.jpg" for number in range(5000)], 0.01).values())
    assert 20 < found.count("validation") < 85


def test_a_photo_keeps_its_split_on_any_system():
    # `printf a/b.jpg | sha256sum` begins with 4a516362: of 16^8 that is 0.290304.
    for path in (pathlib.PurePosixPath("a/b.jpg"), pathlib.PureWindowsPath("a\\b.jpg")):
        assert photo_folder.split_of(path, 0.29031) == "test"
        assert photo_folder.split_of(path, 0.29029) == "validation"
        assert photo_folder.split_of(path, 0.1) == "train"


def test_splits_are_disjoint_complete_and_stable_when_photos_are_added(tmp_path, save):
    def opened():
        return {
            split: photo_folder.open_split(data(tmp_path, test_fraction=0.4), 8, split).names
            for split in photo_folder.SPLITS
        }

    for number in range(60):
        save(tmp_path, f"{number}.png", pixels(8, 8))
    before = opened()
    assert sorted(sum(before.values(), [])) == sorted(f"{number}.png" for number in range(60))
    for number in range(60, 70):
        save(tmp_path, f"more/{number}.png", pixels(8, 8))
    after = opened()
    assert sum(map(len, after.values())) == 70
    for split in photo_folder.SPLITS:
        assert set(before[split]) <= set(after[split])


@pytest.mark.parametrize(
    ("count", "fraction", "split", "message"),
    [
        (
            1,
            0.1,
            "test",
            "1 fell.* 10 % .*: about 30 are needed. A larger --test_fr.*--whole_folder",
        ),
        (5, 0.1, "validation", "5 fell.* 1 % .*: about 300 are needed. A larger --test_fraction"),
        (
            5,
            0.7,
            "train",
            "5 fell.* 23 % .*: about 14 are needed. A smaller --test_.*--fit_data_dir",
        ),
        (1, ALL_TEST, "train", "1 fell.* 0 % of them by chance: no number is enough. A smaller"),
    ],
)
def test_too_few_photos_for_a_split_says_how_many_are_needed(
    tmp_path, save, count, fraction, split, message
):
    names = (f"{number}.png" for number in range(1000))
    chosen = [
        name
        for name in names
        if photo_folder.split_of(pathlib.PurePosixPath(name), fraction) != split
    ]
    for name in chosen[:count]:
        save(tmp_path, name)
    with pytest.raises(ValueError, match=message):
        photo_folder.open_split(data(tmp_path, test_fraction=fraction), 8, split)


def test_an_unknown_split_raises(tmp_path):
    with pytest.raises(ValueError, match="split='dev': it must be one of train, validation, test"):
        photo_folder.open_split(data(tmp_path), 8, "dev")


# ---- the whole folder ----------------------------------------------------------------------------


def test_good_photos_are_used_and_bad_ones_named_once_with_their_cause(
    tmp_path, caplog, save, bad_photos
):
    save(tmp_path, "one.png")
    save(tmp_path, "nested/two.jpg")
    save(tmp_path, "gray.jpg", pixels()[..., 0])
    save(tmp_path, "deep.png", np.full([9, 9], 40000, np.uint16))
    save(tmp_path, "alpha.png", np.full([9, 9, 4], 100, np.uint8))
    Image.fromarray(pixels()).convert("CMYK").save(tmp_path / "print.jpg")
    for name, content in bad_photos.items():
        (tmp_path / name).write_bytes(content)
    with caplog.at_level(logging.WARNING, logger="absl"):
        store = photo_folder.open_split(data(tmp_path), 8, "test")
    good = ["alpha.png", "deep.png", "gray.jpg", "nested/two.jpg", "one.png", "print.jpg"]
    assert sorted(store.names) == good and store.images.shape == (6, 8, 8, 3)
    np.testing.assert_array_equal(
        store.images[store.names.index("deep.png")], np.full([8, 8, 3], 40000 >> 8)
    )
    assert set(store.skipped) == set(bad_photos) and all(store.skipped.values())
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert message.startswith("10 of 16 photos of the test split could not be read or cut")
    for name, cause in store.skipped.items():
        assert message.count(f"  {name}: {cause}") == 1


def test_what_was_not_looked_into_is_named_once(tmp_path, caplog, save):
    photos = tmp_path / "photos"
    for number in range(60):
        save(photos, f"{number}.png", pixels(8, 8))
    save(tmp_path, "more/a.png")
    (photos / "people [b]").symlink_to(tmp_path / "more")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    with caplog.at_level(logging.WARNING, logger="absl"):
        for split in photo_folder.SPLITS:
            photo_folder.open_split(data(photos, test_fraction=0.4), 8, split)
    assert [record.getMessage() for record in caplog.records] == [
        f"Not looked into, in {photos}:\n  gone.jpg: a broken link, to nowhere.jpg\n"
        "  people [b]: a link to a folder, which is not followed"
    ]


def test_a_photo_that_may_be_read_at_last_is_read(tmp_path, save, ordinary_user):
    save(tmp_path, "a.png")
    save(tmp_path, "b.png").chmod(0)
    store = photo_folder.open_split(data(tmp_path), 8, "test")
    assert store.skipped == {"b.png": "Permission denied"}
    (tmp_path / "b.png").chmod(0o600)
    store = photo_folder.open_split(data(tmp_path), 8, "test")
    assert store.names == ["a.png", "b.png"] and not store.skipped


def test_a_folder_of_only_bad_photos_raises(tmp_path, bad_photos):
    (tmp_path / "text.jpg").write_bytes(bad_photos["text.jpg"])
    with pytest.raises(ValueError, match="Not one picture could be read.*text.jpg: no picture"):
        photo_folder.open_split(data(tmp_path), 8, "test")


def test_names_that_are_no_text_are_read_too(tmp_path, save):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"))  # Latin-1
    try:
        Image.fromarray(pixels()).save(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes Unicode names only")
    (name,) = photo_folder.open_split(data(tmp_path), 8, "test").names
    assert os.fsencode(name) == b"caf\xe9.png"


def counted_reading(monkeypatch):
    """Counts the files that are decoded."""
    read, original = [], reading.read_photo

    def counted(path):
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(reading, "read_photo", counted)
    return read


def test_the_second_opening_decodes_nothing(tmp_path, monkeypatch, save):
    folder = tmp_path / "photos"
    save(folder, "a.png")
    save(folder, "b.png")
    (folder / "bad.jpg").write_bytes(b"")
    read = counted_reading(monkeypatch)
    first = photo_folder.open_split(data(folder), 8, "test")
    assert sorted(read) == ["a.png", "b.png", "bad.jpg"]
    second = photo_folder.open_split(data(folder), 8, "test")
    assert len(read) == 3
    np.testing.assert_array_equal(first.images, second.images)
    assert second.skipped == first.skipped  # and so it is warned of again


def test_a_photo_that_changes_is_read_again(tmp_path, monkeypatch, save):
    folder = tmp_path / "photos"
    path = save(folder, "a.png", np.zeros([8, 8, 3], np.uint8))
    read = counted_reading(monkeypatch)
    before = photo_folder.open_split(data(folder), 8, "test").images
    save(folder, "a.png", np.full([8, 8, 3], 255, np.uint8))
    after = photo_folder.open_split(data(folder), 8, "test").images
    assert len(read) == 2
    np.testing.assert_array_equal(before, np.zeros([1, 8, 8, 3]))
    np.testing.assert_array_equal(after, np.full([1, 8, 8, 3], 255))
    # The time alone tells too, where the size stays the same.
    os.utime(path, ns=(1, 1))
    photo_folder.open_split(data(folder), 8, "test")
    assert len(read) == 3


@pytest.mark.parametrize(
    "size, values",
    [
        (16, {}),
        (8, {"crop": "none"}),
        (8, {"crop_scale": 0.5}),
        (8, {"crop_center_y": 0.0}),
    ],
)
def test_each_size_and_crop_has_a_store_of_its_own(tmp_path, size, values, save):
    save(tmp_path, "a.png", pixels(20, 40))
    first = photo_folder.open_split(data(tmp_path, crop_scale=0.8), 8, "test").images
    values = {"crop_scale": 0.8, **values}
    other = photo_folder.open_split(data(tmp_path, **values), size, "test").images
    expected = crops.crop(
        reading.read_photo(tmp_path / "a.png"), data(tmp_path, **values), size
    ).image
    np.testing.assert_array_equal(other[0], expected)
    assert other.shape != first.shape or (np.asarray(other) != first).any()


def test_two_folders_do_not_mix(tmp_path, save):
    for number in (1, 2):
        save(tmp_path / f"{number}", "a.png", np.full([8, 8, 3], number, np.uint8))
    for number in (1, 2, 1):
        images = photo_folder.open_split(data(tmp_path / f"{number}"), 8, "test").images
        np.testing.assert_array_equal(images, np.full([1, 8, 8, 3], number))
