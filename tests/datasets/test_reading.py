"""Photos, good and bad ones, all made here: found, decoded, turned upright."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from igc_tf.datasets import reading
from tests.fake_collections import jpeg_of_bad_exif

pytestmark = pytest.mark.usefixtures("own_cache")

ORIENTATION = 0x0112  # the EXIF tag


def pixels(height=20, width=20, seed=0):
    """A smooth color picture, which JPEG keeps well."""
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
    found = [path.as_posix() for path in reading.find(tmp_path)]
    assert found == ["a.JPG", "b.png", "deep/d.Png", "deep/er/c.jpeg", "f.webp"]


def test_find_without_a_folder_or_photos_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match="--data_dir=.*nowhere: no such folder"):
        reading.find(tmp_path / "nowhere")


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", [("a.png", {}), ("a.jpg", {"quality": 95})])
def test_read_photo_gives_the_colors_of_the_file(tmp_path, name, options, save):
    path = save(tmp_path, name, **options)
    photo = reading.read_photo(path)
    assert photo.mode == "RGB"
    np.testing.assert_allclose(np.asarray(photo, int), pixels(), atol=0 if name == "a.png" else 10)


def test_read_photo_gray_becomes_three_equal_colors(tmp_path, save):
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


def test_read_photo_lays_a_transparent_palette_color_over_white(tmp_path, save):
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
            reading.read_photo(path)
            outcomes["read"] += 1
        except ValueError as error:
            assert str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


# ---- what is a photo -----------------------------------------------------------------------------


def everything(save, folder):
    """A picture of every format that Pillow writes and reads, by the ending it has there."""
    written = {}
    for ending in sorted(reading.extensions()):
        for options in ({}, {"format": "PNG"}):  # a format that Pillow only reads: a wrong name
            try:
                save(folder, f"a{ending}", pixels(32, 32), **options)
            except Exception:
                continue
            written[f"a{ending}"] = options
            break
    return written


def test_a_picture_of_any_format_is_found_and_read(tmp_path, save):
    written = everything(save, tmp_path)
    assert {"a.jfif", "a.gif", "a.avif", "a.jp2", "a.tga", "a.jpe", "a.qoi"} <= set(written)
    found = reading.find(tmp_path)
    assert [path.name for path in found] == sorted(written)
    for path in found:
        try:
            photo = reading.read_photo(tmp_path / path)
        except ValueError as error:
            raise AssertionError(f"{path} was not read: {error}") from error
        assert photo.mode == "RGB"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("name", ["IMG_0001", "at 12.30", "photo.jpg_large"])
def test_a_name_without_a_known_ending_is_looked_into(tmp_path, save, kind, name):
    save(tmp_path, name, pixels(32, 32), format=kind)
    (tmp_path / "README").write_text("BM is how some pictures begin, II* others.")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "film").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(50))
    np.save(tmp_path / "array.npy", pixels())
    assert [path.name for path in reading.find(tmp_path)] == [name]
    assert reading.read_photo(tmp_path / name).size == (32, 32)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC, which Pillow cannot read here; con"),
        ("IMG_1", b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC, which Pillow cannot read here; con"),
        ("a.jxl", b"\xff\x0a\0\0\0\0\0\0\0\0\0\0", "JPEG XL, which Pillow cannot read here; conv"),
        ("b.jxl", b"\0\0\0\x0cJXL \r\n\x87\n\0\0", "JPEG XL, which Pillow cannot read here; conv"),
        ("a.dng", b"II*\0\x08\0\0\0\0\0", "a camera's raw data; export it as JPEG or PNG"),
        ("a.NEF", b"MM\0*\0\0\0\x08\0\0", "a camera's raw data; export it as JPEG or PNG"),
    ],
)
def test_photos_that_pillow_does_not_read_are_found_and_told_what_to_do(
    tmp_path, name, content, why
):
    (tmp_path / name).write_bytes(content)
    assert [path.name for path in reading.find(tmp_path)] == [name]
    with pytest.raises(ValueError, match=why):
        reading.read_photo(tmp_path / name)


def test_avif_without_its_library_is_told_what_to_do(tmp_path, save, monkeypatch):
    save(tmp_path, "a.avif", pixels(32, 32))
    monkeypatch.delitem(Image.OPEN, "AVIF")
    monkeypatch.setattr(Image, "ID", [kind for kind in Image.ID if kind != "AVIF"])
    reading.extensions.cache_clear()
    try:
        assert [path.name for path in reading.find(tmp_path)] == ["a.avif"]
    finally:
        reading.extensions.cache_clear()
    with pytest.raises(ValueError, match="AVIF, which Pillow cannot read here; convert it to JPEG"):
        reading.read_photo(tmp_path / "a.avif")


def test_the_first_picture_of_an_animation_is_read(tmp_path, save):
    white, black = (np.full([8, 8, 3], value, np.uint8) for value in (255, 0))
    save(tmp_path, "a.gif", white, save_all=True, append_images=[Image.fromarray(black)])
    assert (np.asarray(reading.read_photo(tmp_path / "a.gif")) == 255).all()


def test_what_systems_and_we_put_beside_photos_is_left_out(tmp_path, save):
    save(tmp_path, "good.png")
    for name in (
        ".hidden.png", "._good.png", "@eaDir/good.png/THUMB_M.png", ".thumbnails/good.png",
        "__MACOSX/._good.png", "#recycle/old.png", "good.png.igc/panel.png", "deep/x.igc/panel.png",
    ):  # fmt: skip
        save(tmp_path, name)
    found = reading.search(tmp_path)
    assert [path.name for path in found.photos] == ["good.png"] and not found.left_out


def test_links_are_told(tmp_path, save):
    photos = tmp_path / "photos"
    save(photos, "real.png")
    save(tmp_path, "elsewhere/b.png")
    (photos / "linked.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (photos / "people").symlink_to(tmp_path / "elsewhere")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "self").symlink_to("self")
    found = reading.search(photos)
    assert [path.name for path in found.photos] == ["linked.png", "real.png"]
    assert found.left_out == {
        "gone.jpg": "a broken link, to nowhere.jpg",
        "people": "a link to a folder, which is not followed",
        "self": "a broken link, to self",
    }


def test_what_may_not_be_read_is_told(tmp_path, save, ordinary_user):
    save(tmp_path, "good.png")
    save(tmp_path, "closed/a.png")
    (tmp_path / "closed").chmod(0)
    save(tmp_path, "secret.png").chmod(0)
    save(tmp_path, "nameless", format="PNG").chmod(0)
    save(tmp_path, "locked/b.png")
    (tmp_path / "locked").chmod(0o400)  # its names may be read, nothing else
    found = reading.search(tmp_path)
    names = [path.as_posix() for path in found.photos]
    assert names == ["good.png", "locked/b.png", "secret.png"]
    assert found.left_out == {
        "closed": "the folder cannot be read: Permission denied",
        "nameless": "the file cannot be read: Permission denied",
    }
    for name in names[1:]:
        with pytest.raises(ValueError, match="^Permission denied$"):
            reading.read_photo(tmp_path / name)
    for name in ("closed", "locked"):
        (tmp_path / name).chmod(0o700)
    (tmp_path / "locked").chmod(0)
    with pytest.raises(PermissionError):
        reading.search(tmp_path / "locked")
    (tmp_path / "locked").chmod(0o700)


def test_a_folder_without_photos_says_what_it_holds(tmp_path):
    (tmp_path / "people").symlink_to("nowhere")
    (tmp_path / "a.mpg").write_bytes(b"\0\0\1\xba")
    with pytest.raises(ValueError) as error:
        reading.search(tmp_path, "--input")
    assert str(error.value) == (
        f"--input={tmp_path} holds no photo, however deep; of its 1 files none is a picture, such as "
        "JPEG or PNG; left out: people, a broken link, to nowhere."
    )


# ---- more than 8 bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_gray_of_any_depth_in_16_bits_keeps_its_range(tmp_path, save, bits, ending):
    gray = np.array([[0, 1 << (bits - 1), (1 << bits) - 1]], np.uint16)
    found = np.asarray(reading.read_photo(save(tmp_path, f"a{ending}", gray)))
    np.testing.assert_array_equal(found[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 2048, 4095]], np.int32), [0, 128, 255]),
        (np.array([[0, 1 << 23, (1 << 24) - 1]], np.int32), [0, 128, 255]),
        (np.array([[0, 1 << 30, (1 << 31) - 1]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 0.25, 0.5]], np.float32), [0, 64, 128]),
        (np.array([[0, 51, 255]], np.float32), [0, 51, 255]),
        (np.array([[0, 2, 10]], np.float32), [0, 51, 255]),
    ],
)
def test_integers_and_floats_are_scaled_by_their_range(tmp_path, save, values, shown):
    found = np.asarray(reading.read_photo(save(tmp_path, "a.tif", values)))
    np.testing.assert_array_equal(found[0, :, 0], shown)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, -1]], np.int32),
        np.array([[0, -0.5]], np.float32),
        np.array([[0, np.nan]], np.float32),
        np.array([[0, np.inf]], np.float32),
    ],
)
def test_measurements_are_refused(tmp_path, save, values):
    with pytest.raises(ValueError, match="negative or no numbers; save it with 8 bits"):
        reading.read_photo(save(tmp_path, "a.tif", values))


def png_of_16_bit_colors(values):
    """A PNG file of `[H, W, 3]` uint16, which Pillow does not write."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x10\2\0\0\0"
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_12_bit_colors_in_16_are_refused_instead_of_black(tmp_path):
    values = np.array([[[4095, 2048, 0], [100, 4000, 4095]]], np.uint16)
    (tmp_path / "dark.png").write_bytes(png_of_16_bit_colors(values))
    (tmp_path / "good.png").write_bytes(png_of_16_bit_colors(values * 16))
    found = np.asarray(reading.read_photo(tmp_path / "good.png"))
    np.testing.assert_array_equal(found, values >> 4)
    with pytest.raises(ValueError, match="its 16 bits hold 12 or fewer.*save it with 8 bits"):
        reading.read_photo(tmp_path / "dark.png")


# ---- EXIF ----------------------------------------------------------------------------------------


def test_damaged_exif_does_not_lose_a_photo(tmp_path):
    # Its orientation can be read (6), though what else it holds cannot be written again.
    (tmp_path / "a.jpg").write_bytes(jpeg_of_bad_exif())
    (tmp_path / "plain.jpg").write_bytes(jpeg_bytes())
    turned = np.asarray(reading.read_photo(tmp_path / "a.jpg"), int)
    upright = np.asarray(reading.read_photo(tmp_path / "plain.jpg"), int)
    assert np.abs(turned - np.rot90(upright, 3)).mean() < 5 < np.abs(turned - upright).mean()


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0\xff\xff\xff\x7f", b"\xff" * 30])
def test_exif_that_cannot_be_read_leaves_the_photo_as_it_is(tmp_path, content):
    block = b"Exif\0\0" + content
    whole = jpeg_bytes()
    exif = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "a.jpg").write_bytes(whole[:2] + exif + whole[2:])
    (tmp_path / "plain.jpg").write_bytes(whole)
    found = [np.asarray(reading.read_photo(tmp_path / name)) for name in ("a.jpg", "plain.jpg")]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("above", "below"), [(-1, 0), (0, 0), (-1, 1), (1, -1)])
def test_a_bad_rational_does_not_lose_a_photo(tmp_path, save, above, below):
    # Orientation 6 and an exposure bias, whose value lies behind the entries.
    entries = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0) + struct.pack(
        "<HHII", 0x9204, 10, 1, 38
    )
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2)
    exif = head + entries + bytes(4) + struct.pack("<ii", above, below)
    path = save(tmp_path, "a.jpg", pixels(16, 32), exif=exif)
    assert reading.read_photo(path).size == (16, 32)
