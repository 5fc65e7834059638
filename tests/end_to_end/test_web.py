"""The page in web/, built and used in a browser: it finds and renders what Python does."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import trimesh
from PIL import Image

import igc_tf
from igc_tf.datasets import crops
from igc_tf.structures import Light, Pose

pytestmark = pytest.mark.slow

CHECKOUT = pathlib.Path(__file__).parents[2]
WEB = CHECKOUT / "web"
DIST = WEB / "dist"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SIDE = 64


@pytest.fixture(scope="module")
def model():
    return igc_tf.load("photos")


@pytest.fixture(scope="module")
def browser():
    """Its path; skips where something is missing."""
    if not shutil.which("node"):
        pytest.skip("no node, to drive a browser with: apt-get install nodejs npm")
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if not found:
        pytest.skip("no browser to use the page in: apt-get install chromium")
    if not (DIST / "page.js").exists() or not (WEB / "node_modules" / "playwright-core").exists():
        pytest.skip("the page is not built: make web")
    return found


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory, model):
    """The folder with what the driver of the browser wrote, and that it read photos from."""
    if not _shows(model):
        pytest.skip("the page holds another model: remove web/public/model, then make web")
    folder = tmp_path_factory.mktemp("page")
    photos = folder / "photos"
    photos.mkdir()
    _write_photos(photos)
    subprocess.run(
        ["node", str(WEB / "test" / "drive.mjs"), str(photos), str(folder)],
        env={**os.environ, "CHROMIUM": browser},
        check=True,
        timeout=300,
    )
    return folder


@pytest.fixture(scope="module")
def seen(page):
    return json.loads((page / "seen.json").read_text())


def _shows(model):
    """Whether the page's model is this one: its pose of a gray picture is."""
    content = gzip.decompress((DIST / "model" / "capsules.tflite.gz").read_bytes())
    run = tf.lite.Interpreter(model_content=content).get_signature_runner()
    details = run.get_input_details()["images"]
    gray = np.full(details["shape"], 128, np.uint8)
    if gray.shape[1] != _SIDE:
        return False
    live = model.network(gray / np.float32(255)).pose.rotation.numpy()
    return np.allclose(np.degrees(live), run(images=gray)["rotation_degrees"], atol=0.1)


def _write_photos(folder):
    astronaut = Image.open(CHECKOUT / "docs" / "images" / "astronaut.jpg").convert("RGB")
    astronaut.save(folder / "astronaut.png")
    shutil.copy(WEB / "public" / "samples" / "synthetic_1.jpg", folder / "synthetic.jpg")
    lying = Image.Exif()
    lying[0x0112] = 6  # to be turned clockwise
    turned = astronaut.transpose(Image.Transpose.ROTATE_90)
    turned.save(folder / "exif.jpg", quality=98, exif=lying)
    large = Image.new("RGB", (6000, 4000), (90, 120, 90))
    tilted = astronaut.resize((1424, 1744)).rotate(-25, Image.Resampling.BICUBIC)
    large.paste(tilted, (3800, 900))
    large.save(folder / "large.jpg")
    Image.new("RGB", (320, 240), (90, 120, 90)).save(folder / "empty.png")
    whole = (CHECKOUT / "docs" / "images" / "astronaut.jpg").read_bytes()
    (folder / "bad_cut.jpg").write_bytes(whole[:300])
    (folder / "bad_text.jpg").write_text("no photo")


def _psnr(one, other):
    return 10 * np.log10(255.0**2 / np.mean((one - other) ** 2))


@pytest.mark.parametrize("name", ["astronaut.png", "synthetic.jpg"])
def test_it_finds_and_renders_what_python_does(seen, model, name):
    there = seen["photos"][name]
    picture = np.array(there["crop"], np.uint8).reshape(_SIDE, _SIDE, 3)
    output = model.network(picture[np.newaxis] / np.float32(255))

    rendering = output.rendering
    labels = rendering.part_visibility[0].numpy().argmax(0)
    assert np.mean(labels.ravel() == there["labels"]) >= 0.99
    np.testing.assert_allclose(there["depth"], output.object.depth[0].numpy().ravel(), atol=1e-5)
    rotation = [there["pose"][axis] for axis in ("pitch", "yaw", "roll")]
    np.testing.assert_allclose(rotation, np.degrees(output.pose.rotation[0]), atol=0.5)
    np.testing.assert_allclose(
        there["light"]["direction"], output.light.direction[0].numpy(), atol=1e-3
    )

    def shown(image):
        return np.clip(255 * image.numpy(), 0, 255).ravel()

    assert _psnr(there["picture"], shown(rendering.image)) > 40
    # As drive.mjs turns and lights it.
    turn = np.radians(np.float32([[-10, 20, 0]]))
    light = Light(*(tf.constant([value]) for value in (0.3, 0.6, [0.6, 0.0, 0.8])))
    view = Pose(output.pose.rotation + turn, output.pose.translation)
    turned = shown(model.network.render(output.object, light, view).image)
    assert _psnr(there["turned"], turned) > 40
    assert _psnr(there["picture"], turned) < 25  # so it is another picture
    # The photo's own pixels are nearer to it than what the network painted.
    error = [
        np.abs(np.subtract(there[kind], there["crop"])).mean() for kind in ("photo", "picture")
    ]
    assert error[0] < error[1]


def test_it_cuts_photos_as_python_does_turned_upright_and_of_any_size(seen, model):
    astronaut = Image.open(CHECKOUT / "docs" / "images" / "astronaut.jpg").convert("RGB")
    expected = crops.crop(astronaut, model.config.data, _SIDE).image.astype(int).ravel()
    for name, bound in (("astronaut.png", 1), ("exif.jpg", 4)):  # JPEG loses some
        assert np.abs(np.array(seen["photos"][name]["crop"]) - expected).mean() < bound, name
    assert seen["photos"]["exif.jpg"]["size"] == list(astronaut.size)
    assert seen["photos"]["large.jpg"]["size"] == [2048, 1365]


def test_it_finds_the_face_in_a_photo_wherever_it_is(seen):
    assert "No face" in seen["photos"]["empty.png"]["status"]
    there, own = seen["photos"]["large.jpg"], seen["photos"]["astronaut.png"]
    assert "No face" not in there["status"]
    # As another crop of the same face: with the eyes at the same places, upright.
    assert abs(there["pose"]["roll"] - own["pose"]["roll"]) < 6  # it was tilted by 25
    assert np.corrcoef(there["crop"], own["crop"])[0, 1] > 0.8
    assert np.mean(np.equal(there["labels"], own["labels"])) > 0.85


def test_nothing_leaves_the_page_and_nothing_fails(seen):
    assert seen["elsewhere"] == [] and seen["errors"] == []
    policy = (DIST / "index.html").read_text()
    assert "default-src 'none'" in policy and "connect-src 'self';" in policy
    texts = [path.read_text() for path in DIST.iterdir() if path.suffix in (".html", ".css")]
    assert not [text for text in texts if "//" in text]
    assert sum(path.stat().st_size for path in DIST.rglob("*") if path.is_file()) < 15e6


def test_it_turns_lights_and_mixes(seen):
    start, by_keys, by_mouse = seen["yaws"]
    assert by_keys == pytest.approx(start + 15) and by_mouse < by_keys - 20
    assert seen["different_pictures"] == 4
    assert seen["mixed"]["changed"] and not seen["wider_than_phone"]


def test_bad_files_are_named_and_the_page_goes_on(seen):
    assert set(seen["bad"]) == {"bad_cut.jpg", "bad_text.jpg"}
    assert all("damaged" in message for message in seen["bad"].values())
    assert seen["error_gone"]


def test_the_saved_mesh_is_a_face_of_named_parts(page, model):
    scene = trimesh.load(page / "face.glb")
    assert set(scene.geometry) <= set(model.part_names[1:]) and len(scene.geometry) > 3
    assert sum(len(part.faces) for part in scene.geometry.values()) > 1000
    for part in scene.geometry.values():
        facing = np.cross(*np.diff(part.triangles, axis=1).transpose(1, 0, 2))
        assert (facing[:, 2] > 0).mean() > 0.99  # counter-clockwise as the viewer sees them
        assert part.visual.material.baseColorTexture.size == (512, 512)
    low, high = scene.bounds
    assert low[2] > -1.1 and high[2] < -0.9 and 0.05 < high[0] - low[0] < 0.18
    assert Image.open(page / "face.png").size == (512, 512)
