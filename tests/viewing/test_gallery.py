"""The page of a folder of photos: all in it, nothing loaded, nobody else's file overwritten."""

import base64
import html.parser
import io
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.viewing import gallery, meshes, result_folder, turntable
from tests.viewing.conftest import PARTS, make_face

NAMES = ("background", "hair & forehead", "eyes", "nose", "mouth", "<cheeks>")


def content_of(uri):
    kind, _, content = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return base64.b64decode(content)


class Page(html.parser.HTMLParser):
    """What is on a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.pictures, self.text, self.views = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append((attributes["alt"], content_of(attributes["src"])))
        if tag == "canvas":
            face = json.loads(attributes["data-face"])
            self.views.append((face, content_of(attributes["data-texture"]), attributes))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two results, the second moves."""
    root = tmp_path_factory.mktemp("results")
    moving = result_folder.Animations(ModelConfig(static_background=True), ["relight"])
    small = make_face(16)
    return [
        result_folder.write(root, "a <b>.jpg", "file:///a", small),
        result_folder.write(root, os.fsdecode(b"\xe4.jpg"), "file:///b", small, animations=moving),
    ]


def test_each_photo_is_on_the_page_with_what_it_has(folders, tmp_path):
    path = tmp_path / "gallery.html"
    gallery.write(path, "people & co", folders, NAMES)
    page = Page(path.read_text())
    assert [name for name, _ in page.pictures] == ["photo", "parts", "photo", "parts", "relight"]
    sizes = []
    for name, content in page.pictures:
        with Image.open(io.BytesIO(content)) as picture:
            assert (getattr(picture, "n_frames", 1) > 1) == (name == "relight")
            sizes.append(picture.size)
    assert sizes[0] == sizes[1] == (192, 192)
    for text in ("people & co", "a <b>.jpg", "\\xe4.jpg", *NAMES):
        assert text in page.text
    assert page.tags.count("figure") == 2 and page.tags.count("li") == PARTS
    assert {"link", "iframe"}.isdisjoint(page.tags) and page.tags.count("script") == 1
    assert "http:" not in path.read_text() and "https:" not in path.read_text()
    assert sum("pitch -6°, yaw 18°, roll 3°; light 29° from the" in one for one in page.text) == 2


def test_a_face_can_be_turned(folders, tmp_path):
    path = tmp_path / "gallery.html"
    gallery.write(path, "people", folders[:1], NAMES, 12.0)
    ((face, texture, attributes),) = Page(path.read_text()).views
    assert attributes["aria-label"] == "turn a <b>.jpg" and attributes["tabindex"] == "0"
    levels = np.frombuffer(base64.b64decode(face["depth"]), "<u2").reshape(16, 16)
    depth = face["low"] + (face["high"] - face["low"]) * levels / 65535
    result = make_face(16)
    assert np.abs(depth - result.depth).mean() < 0.005 and face["fov"] == 12.0
    inside = np.frombuffer(base64.b64decode(face["inside"]), np.int8).reshape(16, 16)
    np.testing.assert_array_equal(
        inside > 0, meshes.inside(result.canonical_visibility[0] < 0.5) > 0
    )
    np.testing.assert_allclose(face["rotation"], result.rotation_degrees)
    np.testing.assert_allclose(face["light"], result.light, atol=1e-4)
    with Image.open(io.BytesIO(texture)) as picture:
        off = np.asarray(picture) / 255 - result.albedo
    assert np.abs(off[inside > 0]).mean() < 0.06


def test_a_browser_shows_it_as_the_renderer_does(tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser is None:
        pytest.skip("neither chromium nor google-chrome is installed")
    result = make_face()
    folder = result_folder.write(tmp_path, "a.jpg", "file:///a", result)
    gallery.write(tmp_path / "gallery.html", "people", [folder], NAMES)
    flags = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    flags += [
        f"--user-data-dir={tmp_path}/profile",
        "--virtual-time-budget=9000",
        "--window-size=400,900",
        "--hide-scrollbars",
    ]
    shot = tmp_path / "shot.png"
    command = [browser, *flags, f"--screenshot={shot}", (tmp_path / "gallery.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(shot) as picture:
        page = np.asarray(picture.convert("RGB")) / 255.0
    view = turntable.View(tuple(result.rotation_degrees), tuple(result.light))
    model = ModelConfig(static_background=True)
    (frame,) = turntable.render(result, model, [view], 346) / 255.0
    middle = frame[123:223, 123:223]
    off = [
        np.abs(page[top : top + 100, 150:250] - middle).mean() for top in range(300, 700)
    ]  # the view is as wide as the page, but for its margins
    assert min(off) < 0.03 < np.median(off)


def test_a_gallery_is_replaced_and_nothing_else(folders, tmp_path):
    path = tmp_path / "gallery.html"
    for number in (2, 1):
        gallery.write(path, "people", folders[:number], NAMES)
        assert path.read_text().count("<figure>") == number
    path.write_text("my own page")
    with pytest.raises(FileExistsError, match="is there and is no gallery; move it away"):
        gallery.write(path, "people", folders, NAMES)
    assert path.read_text() == "my own page"
