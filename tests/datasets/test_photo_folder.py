"""A folder of photos, good and bad ones, all made here."""

import io
import logging
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import photo_folder

pytestmark = pytest.mark.usefixtures("own_cache")

ORIENTATION = 0x0112  # the EXIF tag
#: Almost everything into one split, whatever its name.
ALL_TEST = 0.99999


def pixels(height=20, width=20, seed=0):
    """A smooth colour picture, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([200 * x, 200 * y, np.full_like(x, 40.0 + 20 * seed)], -1).astype(np.uint8)


def save(folder, name, array=None, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels() if array is None else array).save(path, **options)
    return path


def data(folder, **values):
    return DataConfig(
        dataset="photo_folder", data_dir=str(folder), **{"test_fraction": ALL_TEST, **values}
    )


def jpeg_bytes():
    buffer = io.BytesIO()
    Image.fromarray(pixels(64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


# ---- finding -------------------------------------------------------------------------------------


def test_find_searches_nested_folders_for_jpeg_and_png(tmp_path):
    for name in ("b.png", "a.JPG", "deep/er/c.jpeg", "deep/d.Png"):
        save(tmp_path, name)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "folder.png").mkdir()
    save(tmp_path, "e.gif")
    found = [path.as_posix() for path in photo_folder.find(tmp_path)]
    assert found == ["a.JPG", "b.png", "deep/d.Png", "deep/er/c.jpeg"]


def test_find_without_a_folder_or_photos_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="--data_dir=.*nowhere: no such folder"):
        photo_folder.find(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no photo")
    with pytest.raises(ValueError, match=r"holds no photo: looked for \.jpeg, \.jpg, \.png"):
        photo_folder.find(tmp_path)


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


def test_splits_are_disjoint_complete_and_stable_when_photos_are_added(tmp_path):
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


def test_a_split_without_photos_raises(tmp_path):
    save(tmp_path, "only.png")
    with pytest.raises(ValueError, match="too few photos: none fell into its train split"):
        photo_folder.open_split(data(tmp_path), 8, "train")


def test_an_unknown_split_raises(tmp_path):
    with pytest.raises(ValueError, match="split='dev': it must be one of train, validation, test"):
        photo_folder.open_split(data(tmp_path), 8, "dev")


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", {"quality": 95})])
def test_read_photo_gives_the_colours_of_the_file(tmp_path, name, options):
    path = save(tmp_path, name, **options)
    photo = photo_folder.read_photo(path)
    assert photo.mode == "RGB"
    np.testing.assert_allclose(np.asarray(photo, int), pixels(), atol=0 if name == "a.png" else 10)


def test_read_photo_gray_becomes_three_equal_colours(tmp_path):
    gray = pixels()[..., 0]
    for name in ("gray.png", "gray.jpg"):
        found = np.asarray(photo_folder.read_photo(save(tmp_path, name, gray)), int)
        np.testing.assert_allclose(found, np.repeat(gray[..., None], 3, -1), atol=3)


def test_read_photo_16_bit_gray_keeps_its_upper_byte(tmp_path):
    gray = np.array([[0, 255, 256], [32768, 65279, 65535]], np.uint16)
    found = np.asarray(photo_folder.read_photo(save(tmp_path, "deep.png", gray)))
    np.testing.assert_array_equal(found[..., 0], [[0, 0, 1], [128, 254, 255]])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_read_photo_lays_alpha_over_white(tmp_path):
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 128]]], np.uint8)
    found = np.asarray(photo_folder.read_photo(save(tmp_path, "a.png", rgba)), int)
    # 128 of 255 is half: (200 + 255) / 2, (100 + 255) / 2, 255 / 2.
    np.testing.assert_allclose(found, [[[200, 100, 0], [255, 255, 255], [227, 177, 127]]], atol=1)


def test_read_photo_lays_a_transparent_palette_colour_over_white(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.save(tmp_path / "p.png", transparency=0)
    found = np.asarray(photo_folder.read_photo(tmp_path / "p.png"))
    np.testing.assert_array_equal(found, [[[255, 255, 255], [200, 100, 0]]])


def test_read_photo_cmyk_becomes_rgb(tmp_path):
    cmyk = Image.fromarray(pixels(), "RGB").convert("CMYK")
    cmyk.save(tmp_path / "print.jpg", quality=95)
    assert Image.open(tmp_path / "print.jpg").mode == "CMYK"
    found = np.asarray(photo_folder.read_photo(tmp_path / "print.jpg"), int)
    np.testing.assert_allclose(found, pixels(), atol=12)


@pytest.mark.parametrize(
    "orientation, turns, mirror",
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, 3, False), (8, 1, False)],
)
def test_read_photo_turns_upright_by_exif(tmp_path, orientation, turns, mirror):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = pixels(16, 32)
    path = save(tmp_path, "turned.jpg", stored, quality=95, exif=exif.tobytes())
    # 6: the picture must go a quarter turn clockwise; 8: a quarter turn the other way.
    expected = np.rot90(stored, turns)
    expected = expected[:, ::-1] if mirror else expected
    found = np.asarray(photo_folder.read_photo(path), int)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=8)


def jpeg_of_bad_exif():
    """Good pixels to be turned (orientation 6) whose EXIF gives their width as text."""
    entries = b"\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\0\x01\x02\0\x02\0\0\0xx\0\0"
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + entries + b"\0\0\0\0"
    whole = jpeg_bytes()
    return whole[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + whole[2:]


BAD = {
    "empty.jpg": b"",
    "text.jpg": b"I only look like a photo.",
    "cut.jpg": jpeg_bytes()[:400],
    "head.png": b"\x89PNG\r\n\x1a\n",
    "noise.png": bytes(range(256)) * 4,
    "exif.jpg": jpeg_of_bad_exif(),  # makes Pillow raise a struct.error
}


@pytest.mark.parametrize("name", BAD)
def test_read_photo_of_a_bad_file_says_why(tmp_path, name):
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(ValueError, match=".+"):
        photo_folder.read_photo(tmp_path / name)


def test_read_photo_says_that_a_file_is_cut_off(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(jpeg_bytes()[:-40])
    with pytest.raises(ValueError, match="truncated"):
        photo_folder.read_photo(tmp_path / "cut.jpg")


def test_read_photo_of_no_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        photo_folder.read_photo(tmp_path / "nowhere.jpg")


def test_read_photo_refuses_a_huge_photo_before_decoding_it(tmp_path, monkeypatch):
    monkeypatch.setattr(photo_folder, "MAX_PIXELS", 399)
    with pytest.raises(ValueError, match="20x20 px are more than 399; make it smaller"):
        photo_folder.read_photo(save(tmp_path, "huge.png"))


def test_read_photo_of_any_damaged_file_raises_nothing_else(tmp_path):
    # Pillow answers damage with many kinds of error; whatever it is, a training must not end by it.
    rng = np.random.default_rng(0)
    path, seeds = tmp_path / "damaged", [jpeg_bytes(), jpeg_of_bad_exif()]
    for mode in ("RGBA", "P", "LA"):
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        Image.fromarray(pixels()).convert(mode).save(buffer, "PNG", exif=exif.tobytes())
        seeds.append(buffer.getvalue())
    outcomes = {"read": 0, "refused": 0}
    for number in range(400):
        broken = bytearray(seeds[number % len(seeds)])
        for position in rng.integers(0, min(len(broken), 250), size=1 + number % 4):
            broken[position] = rng.integers(256)
        path.write_bytes(broken)
        try:
            photo_folder.read_photo(path)
            outcomes["read"] += 1
        except ValueError as error:
            assert str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


# ---- cropping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, values, expected",
    [
        ((100, 60), {}, (20, 0, 80, 60)),  # the largest centre square
        ((60, 100), {}, (0, 20, 60, 80)),
        ((100, 60), {"crop_scale": 0.5}, (35, 15, 65, 45)),  # side 30 about (50, 30)
        # Side 50; centre at a quarter of 200: from 25 to 75.
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 0.25}, (25, 25, 75, 75)),
        # It would begin at -25 or end at 225: pushed back inside.
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 0.0}, (25, 0, 75, 50)),
        ((100, 200), {"crop_scale": 0.5, "crop_center_y": 1.0}, (25, 150, 75, 200)),
        # CelebA's aligned photos, flags/photo_folder.flags: side 0.85 x 178 = 151.3.
        ((178, 218), {"crop_scale": 0.85, "crop_center_y": 0.54}, (13.35, 42.07, 164.65, 193.37)),
        ((100, 60), {"crop": "none", "crop_scale": 0.5}, (0, 0, 100, 60)),
    ],
)
def test_crop_box_preset(size, values, expected):
    box = photo_folder.crop_box(*size, data("unused", **values))
    np.testing.assert_allclose(box, expected, atol=1e-9)


def test_crop_keeps_what_the_box_keeps():
    # A white square of 30 px about (50, 30) on black, exactly what is kept; the filter takes a
    # pixel or two of what lies beyond.
    array = np.zeros([60, 100, 3], np.uint8)
    array[15:45, 35:65] = 255
    photo = Image.fromarray(array)
    found = photo_folder.crop(photo, data("unused", crop_scale=0.5), 16)
    assert found.shape == (16, 16, 3) and found.dtype == np.uint8
    assert (found[3:-3, 3:-3] > 250).all() and found.min() > 200
    # The largest square, 60 px, shows it from 15 to 45 of 60.
    whole = photo_folder.crop(photo, data("unused"), 60)
    np.testing.assert_array_equal(whole, array[:, 20:80])


def test_crop_none_squeezes_the_whole_photo():
    array = np.zeros([60, 100, 3], np.uint8)
    array[:, :50] = 200  # the left half
    found = photo_folder.crop(Image.fromarray(array), data("unused", crop="none"), 20)
    assert (found[:, :8] > 180).all() and (found[:, 12:] < 20).all()


def test_crop_averages_what_it_shrinks():
    # A fine checkerboard becomes even gray; without a filter it would be black or white.
    board = (np.indices([128, 128]).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = Image.fromarray(np.repeat(board[..., None], 3, -1))
    found = photo_folder.crop(photo, data("unused"), 16)
    np.testing.assert_allclose(found[2:-2, 2:-2], np.full([12, 12, 3], 127), atol=4)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3)])
def test_crop_takes_photos_of_any_shape(size):
    photo = Image.new("RGB", size, (10, 20, 30))
    found = photo_folder.crop(photo, data("unused", crop_scale=0.3), 32)
    np.testing.assert_array_equal(found, np.tile(np.array([10, 20, 30], np.uint8), [32, 32, 1]))


# ---- the whole folder ----------------------------------------------------------------------------


def test_good_photos_are_used_and_bad_ones_named_once_with_their_cause(tmp_path, caplog):
    save(tmp_path, "one.png")
    save(tmp_path, "nested/two.jpg")
    save(tmp_path, "gray.jpg", pixels()[..., 0])
    save(tmp_path, "deep.png", np.full([9, 9], 40000, np.uint16))
    save(tmp_path, "alpha.png", np.full([9, 9, 4], 100, np.uint8))
    Image.fromarray(pixels()).convert("CMYK").save(tmp_path / "print.jpg")
    for name, content in BAD.items():
        (tmp_path / name).write_bytes(content)
    with caplog.at_level(logging.WARNING, logger="absl"):
        store = photo_folder.open_split(data(tmp_path), 8, "test")
    good = ["alpha.png", "deep.png", "gray.jpg", "nested/two.jpg", "one.png", "print.jpg"]
    assert sorted(store.names) == good and store.images.shape == (6, 8, 8, 3)
    np.testing.assert_array_equal(
        store.images[store.names.index("deep.png")], np.full([8, 8, 3], 40000 >> 8)
    )
    assert set(store.skipped) == set(BAD) and all(store.skipped.values())
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert message.startswith("6 of 12 photos of the test split could not be read")
    for name, cause in store.skipped.items():
        assert message.count(f"  {name}: {cause}") == 1


def test_a_folder_of_only_bad_photos_raises(tmp_path):
    (tmp_path / "text.jpg").write_bytes(BAD["text.jpg"])
    with pytest.raises(
        ValueError, match="Not one picture could be read.*text.jpg: no picture"
    ):
        photo_folder.open_split(data(tmp_path), 8, "test")


def test_names_that_are_no_text_are_read_too(tmp_path):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"))  # Latin-1
    try:
        Image.fromarray(pixels()).save(path)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes Unicode names only")
    (name,) = photo_folder.open_split(data(tmp_path), 8, "test").names
    assert os.fsencode(name) == b"caf\xe9.png"


def reading(monkeypatch):
    """Counts the files that are decoded."""
    read, original = [], photo_folder.read_photo

    def counted(path):
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(photo_folder, "read_photo", counted)
    return read


def test_the_second_opening_decodes_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    save(folder, "a.png")
    save(folder, "b.png")
    (folder / "bad.jpg").write_bytes(b"")
    read = reading(monkeypatch)
    first = photo_folder.open_split(data(folder), 8, "test")
    assert sorted(read) == ["a.png", "b.png", "bad.jpg"]
    second = photo_folder.open_split(data(folder), 8, "test")
    assert len(read) == 3
    np.testing.assert_array_equal(first.images, second.images)
    assert second.skipped == first.skipped  # and so it is warned of again


def test_a_photo_that_changes_is_read_again(tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    path = save(folder, "a.png", np.zeros([8, 8, 3], np.uint8))
    read = reading(monkeypatch)
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
def test_each_size_and_crop_has_a_store_of_its_own(tmp_path, size, values):
    save(tmp_path, "a.png", pixels(20, 40))
    first = photo_folder.open_split(data(tmp_path, crop_scale=0.8), 8, "test").images
    values = {"crop_scale": 0.8, **values}
    other = photo_folder.open_split(data(tmp_path, **values), size, "test").images
    expected = photo_folder.crop(
        photo_folder.read_photo(tmp_path / "a.png"), data(tmp_path, **values), size
    )
    np.testing.assert_array_equal(other[0], expected)
    assert other.shape != first.shape or (np.asarray(other) != first).any()


def test_two_folders_do_not_mix(tmp_path):
    for number in (1, 2):
        save(tmp_path / f"{number}", "a.png", np.full([8, 8, 3], number, np.uint8))
    for number in (1, 2, 1):
        images = photo_folder.open_split(data(tmp_path / f"{number}"), 8, "test").images
        np.testing.assert_array_equal(images, np.full([1, 8, 8, 3], number))
