"""The page of a folder of photos: all in it, nothing loaded, nobody else's file overwritten."""

import base64
import html.parser
import io
import os

import pytest
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.viewing import gallery, result_folder
from tests.viewing.conftest import PARTS, make_face

NAMES = ("background", "hair & forehead", "eyes", "nose", "mouth", "<cheeks>")


class Page(html.parser.HTMLParser):
    """What is on a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.pictures, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag == "img":
            kind, _, content = attributes["src"].partition(";base64,")
            assert kind == "data:image/webp"
            self.pictures.append((attributes["alt"], base64.b64decode(content)))

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
    assert sizes[0] == sizes[1] == (160, 160)
    for text in ("people & co", "a <b>.jpg", "\\xe4.jpg", *NAMES):
        assert text in page.text
    assert page.tags.count("figure") == 2 and page.tags.count("li") == PARTS
    assert {"script", "link", "iframe"}.isdisjoint(page.tags) and "http" not in path.read_text()[
        :2000
    ]


def test_a_gallery_is_replaced_and_nothing_else(folders, tmp_path):
    path = tmp_path / "gallery.html"
    for number in (2, 1):
        gallery.write(path, "people", folders[:number], NAMES)
        assert path.read_text().count("<figure>") == number
    path.write_text("my own page")
    with pytest.raises(FileExistsError, match="is there and is no gallery; move it away"):
        gallery.write(path, "people", folders, NAMES)
    assert path.read_text() == "my own page"
