"""Photos, good and bad ones, all made here: found, decoded, turned upright."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from igc_tf.datasets import reading

pytestmark = pytest.mark.usefixtures("own_cache")

ORIENTATION = 0x0112  # the EXIF tag


def pixels(height=20, width=20, seed=0):
    """A smooth colour picture, which JPEG keeps well."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    return np.stack([200 * x, 200 * y, np.full_like(x, 40.0 + 20 * seed)], -1).astype(np.uint8)


def jpeg_bytes():
    buffer = io.BytesIO()
    Image.fromarray(pixels(64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


# ---- finding -------------------------------------------------------------------------------------


def test_find_searches_nested_folders_for_photos(tmp_path, save):
    for name in ("b.png", "a.JPG", "deep/er/c.jpeg", "deep/d.Png", "f.webp"):
        save(tmp_path, name)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "folder.png").mkdir()
    save(tmp_path, "e.gif")
    found = [path.as_posix() for path in reading.find(tmp_path)]
    assert found == ["a.JPG", "b.png", "deep/d.Png", "deep/er/c.jpeg", "f.webp"]


def test_find_without_a_folder_or_photos_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="--data_dir=.*nowhere: no such folder"):
        reading.find(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("no photo")
    with pytest.raises(
        ValueError, match=r"holds no photo: looked for \.bmp, \.jpeg, \.jpg, .*\.webp"
    ):
        reading.find(tmp_path)


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", {"quality": 95})])
def test_read_photo_gives_the_colours_of_the_file(tmp_path, name, options, save):
    path = save(tmp_path, name, **options)
    photo = reading.read_photo(path)
    assert photo.mode == "RGB"
    np.testing.assert_allclose(np.asarray(photo, int), pixels(), atol=0 if name == "a.png" else 10)


def test_read_photo_gray_becomes_three_equal_colours(tmp_path, save):
    gray = pixels()[..., 0]
    for name in ("gray.png", "gray.jpg"):
        found = np.asarray(reading.read_photo(save(tmp_path, name, gray)), int)
        np.testing.assert_allclose(found, np.repeat(gray[..., None], 3, -1), atol=3)


def test_read_photo_16_bit_gray_keeps_its_upper_byte(tmp_path, save):
    gray = np.array([[0, 255, 256], [32768, 65279, 65535]], np.uint16)
    found = np.asarray(reading.read_photo(save(tmp_path, "deep.png", gray)))
    np.testing.assert_array_equal(found[..., 0], [[0, 0, 1], [128, 254, 255]])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_read_photo_lays_alpha_over_white(tmp_path, save):
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 128]]], np.uint8)
    found = np.asarray(reading.read_photo(save(tmp_path, "a.png", rgba)), int)
    # 128 of 255 is half: (200 + 255) / 2, (100 + 255) / 2, 255 / 2.
    np.testing.assert_allclose(found, [[[200, 100, 0], [255, 255, 255], [227, 177, 127]]], atol=1)


def test_read_photo_lays_a_transparent_palette_colour_over_white(tmp_path, save):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.save(tmp_path / "p.png", transparency=0)
    found = np.asarray(reading.read_photo(tmp_path / "p.png"))
    np.testing.assert_array_equal(found, [[[255, 255, 255], [200, 100, 0]]])


def test_read_photo_cmyk_becomes_rgb(tmp_path, save):
    cmyk = Image.fromarray(pixels(), "RGB").convert("CMYK")
    cmyk.save(tmp_path / "print.jpg", quality=95)
    assert Image.open(tmp_path / "print.jpg").mode == "CMYK"
    found = np.asarray(reading.read_photo(tmp_path / "print.jpg"), int)
    np.testing.assert_allclose(found, pixels(), atol=12)


@pytest.mark.parametrize(
    "orientation, turns, mirror",
    [(1, 0, False), (2, 0, True), (3, 2, False), (6, 3, False), (8, 1, False)],
)
def test_read_photo_turns_upright_by_exif(tmp_path, orientation, turns, mirror, save):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = pixels(16, 32)
    path = save(tmp_path, "turned.jpg", stored, quality=95, exif=exif.tobytes())
    # 6: the picture must go a quarter turn clockwise; 8: a quarter turn the other way.
    expected = np.rot90(stored, turns)
    expected = expected[:, ::-1] if mirror else expected
    found = np.asarray(reading.read_photo(path), int)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=8)


def test_read_photo_of_a_bad_file_says_why(tmp_path, bad_photos):
    causes = {}
    for name, content in bad_photos.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=".+") as error:
            reading.read_photo(tmp_path / name)
        causes[name] = str(error.value)
    assert causes["empty.jpg"] == "the file is empty" and "truncated" in causes["late.jpg"]
    assert causes["text.jpg"] == "no picture, or its header is damaged"


def test_read_photo_says_that_a_file_is_cut_off(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(jpeg_bytes()[:-40])
    with pytest.raises(ValueError, match="truncated"):
        reading.read_photo(tmp_path / "cut.jpg")


def test_read_photo_of_no_file_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        reading.read_photo(tmp_path / "nowhere.jpg")


def test_read_photo_refuses_a_huge_photo_before_decoding_it(tmp_path, monkeypatch, save):
    monkeypatch.setattr(reading, "MAX_PIXELS", 399)
    with pytest.raises(ValueError, match="20x20 px are more than 399; make it smaller"):
        reading.read_photo(save(tmp_path, "huge.png"))


def test_read_photo_of_any_damaged_file_raises_nothing_else(tmp_path, bad_photos):
    # Pillow answers damage with many kinds of error; whatever it is, a training must not end by it.
    rng = np.random.default_rng(0)
    path, seeds = tmp_path / "damaged", [jpeg_bytes(), bad_photos["exif.jpg"]]
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
            reading.read_photo(path)
            outcomes["read"] += 1
        except ValueError as error:
            assert str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


def test_names_are_shown_on_one_line_of_plain_text():
    assert reading.shown("schön/猫.jpg") == "schön/猫.jpg"
    assert reading.shown("a\nb\x1b[31m.jpg") == "a\\nb\\x1b[31m.jpg"
    assert reading.shown(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
