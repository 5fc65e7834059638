"""train, evaluate, reconstruct, export, prepare: what users type and what they get."""

import importlib.util
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from igc_tf.datasets import clips
from igc_tf.serving import contract
from igc_tf.serving.export import custom_ops
from igc_tf.viewing import movies

pytestmark = pytest.mark.slow


def test_training_again_is_done_at_once(program, trained, tiny_flags):
    output = program("train", *tiny_flags, "--max_steps=12", f"--run_dir={trained}")
    assert "has its 12 steps already" in output


def test_another_configuration_is_refused_in_words(program, trained, tiny_flags):
    flags = [*tiny_flags, "--parts=4", "--max_steps=12", f"--run_dir={trained}"]
    output = program("train", *flags, expect=1)
    assert "--parts: 3 in the run, 4 now" in output and "Traceback" not in output


def test_evaluate(program, trained, evaluated, tmp_path):
    output = (evaluated / "output.txt").read_text()
    metrics = json.loads((evaluated / "metrics.json").read_text())
    for name in (
        "l1", "psnr_db", "nmi", "miou", "yaw_correlation", "pitch_correlation", "nme_percent",
        "nme_mean_face_percent", "nme_centroid_percent",
    ):  # fmt: skip
        metric = metrics[name]
        assert set(metric) == {"value", "low", "high", "unit", "n", "resampled", "drawn"}
        assert metric["low"] <= metric["value"] <= metric["high"] and metric["n"] == 32
        assert name in output or name in ("nme_mean_face_percent", "nme_centroid_percent")
    assert "mean face" in output and "centroid" in output  # they stand beside nme_percent
    again = tmp_path / "again.json"
    flags = [f"--run_dir={trained}", f"--metrics_json={again}", "--cycle_images=8"]
    program("evaluate", *flags)
    assert again.read_text() == (evaluated / "metrics.json").read_text()


def test_reconstruct_a_photo(program, trained, tmp_path):
    photo = tmp_path / "ein Bild.jpg"
    gradient = np.linspace(0, 255, 90 * 70 * 3).reshape(90, 70, 3)
    Image.fromarray(gradient.astype(np.uint8)).save(photo)
    out = tmp_path / "out"
    flags = [f"--run_dir={trained}", f"--input={photo}", f"--output_dir={out}"]
    program("reconstruct", *flags)
    found = {path.name for path in (out / "ein Bild.jpg.igc").iterdir()}
    assert found >= {"panel.png", "hierarchy.png", "arrays.npz"}
    with np.load(out / "ein Bild.jpg.igc" / "arrays.npz") as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
        segmentation, visibility = arrays["segmentation"], arrays["part_visibility"]
    for name, shape in {
        "segmentation": (32, 32), "part_visibility": (3, 32, 32), "part_depth": (3, 32, 32),
        "part_albedo": (3, 32, 32, 3), "depth": (32, 32), "albedo": (32, 32, 3),
        "normals": (32, 32, 3), "shading": (32, 32), "reconstruction": (32, 32, 3),
        "rotation_degrees": (3,), "translation": (3,), "light": (5,),
    }.items():  # fmt: skip
        assert shapes[name] == shape, name
    assert segmentation.max() < 3
    np.testing.assert_allclose(visibility.sum(0), 1.0, atol=1e-5)
    np.testing.assert_array_equal(visibility.argmax(0), segmentation)


def test_reconstruct_a_folder_names_what_it_cannot_read(program, trained, tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    Image.new("RGB", (40, 40), "teal").save(folder / "deep" / "a.png")
    Image.new("RGB", (40, 40), "red").save(folder / "deep" / "a.jpg")
    (folder / "broken.jpg").write_bytes(b"no photo")
    out = tmp_path / "out"
    flags = [f"--run_dir={trained}", f"--input={folder}", f"--output_dir={out}", "--nomeshes"]
    output = program("reconstruct", *flags, expect=1)
    assert output.count("broken.jpg") == 1
    assert sorted(path.name for path in (out / "deep").iterdir()) == ["a.jpg.igc", "a.png.igc"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--input=nowhere.jpg"], "no such photo or folder"),
        ([], "Give either --input"),
        pytest.param(
            ["--input=webcam:63"],
            "camera 63: there is none, another program uses it",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("cv2") is None,
                reason="OpenCV, which is optional, is not installed",
            ),
        ),
    ],
)
def test_reconstruct_says_what_is_wrong(program, trained, tmp_path, flags, message):
    flags = [f"--run_dir={trained}", f"--output_dir={tmp_path}", *flags]
    output = program("reconstruct", *flags, expect=1)
    assert message in output and "Traceback" not in output


def test_reconstruct_finds_the_faces_of_a_photo(program, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")
    page = Image.new("RGB", (500, 400), "gray")
    page.paste(Image.open("docs/images/astronaut.jpg").resize((267, 327)), (190, 40))
    page.save(tmp_path / "bust.png")
    page.crop((0, 0, 180, 400)).save(tmp_path / "wall.png")
    flags = ["--weights=photos", f"--output_dir={tmp_path}/out", "--crop=detect", "--nomeshes"]
    output = program("reconstruct", f"--input={tmp_path}", *flags, expect=1)
    assert "left out wall.png: no face found; --crop=center takes it as it is" in output
    (folder,) = (tmp_path / "out").iterdir()
    assert folder.name == "bust.png.igc"
    with Image.open(folder / "overlay.jpg") as overlay:
        changed = np.abs(np.asarray(overlay).astype(int) - np.asarray(page)).max(-1) > 30
    rows, columns = np.nonzero(changed)
    # The face, from chin to forehead, and nothing else.
    assert 250 < columns.mean() < 400 and 150 < rows.mean() < 300
    assert 0.03 < changed.mean() < 0.25


def test_reconstruct_a_video(program, trained, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")
    path, out = tmp_path / "clip.mp4", tmp_path / "out"
    frames = np.random.default_rng(0).integers(0, 256, (18, 48, 64, 3), np.uint8)
    movies.save(frames, path, 20.0)
    flags = [f"--run_dir={trained}", f"--output_dir={out}", "--nomeshes"]
    output = program("reconstruct", *flags, f"--input={path}")
    assert "18 frames, a face in 18, " in output and "frames/s" in output
    folder = out / "clip.mp4.igc"
    assert {"video.mp4", "video.csv", "panel.png", "arrays.npz"} <= {
        p.name for p in folder.iterdir()
    }
    found = np.stack(list(clips.Clip(folder / "video.mp4")))
    assert found.shape == (18, 48, 2 * 64 + 48, 3)
    lines = (folder / "video.csv").read_text().splitlines()
    assert len(lines) == 19 and lines[0].startswith("time_s,found,pitch_deg,yaw_deg")
    assert lines[-1].startswith("0.8500,1,")
    path.write_bytes(b"")
    output = program("reconstruct", *flags, f"--input={path}", expect=1)
    assert f"ERROR: {path}: the file is empty" in output and "Traceback" not in output


def test_reconstruct_moves_the_face(program, trained, tmp_path):
    photo = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(photo)
    flags = [f"--run_dir={trained}", f"--input={photo}", f"--output_dir={tmp_path}/out"]
    program("reconstruct", *flags, "--nomeshes", "--relight", "--gallery")
    found = {path.name for path in (tmp_path / "out/a.png.igc").iterdir()}
    assert found >= {"relight.webp", "relight.gif", "relight.png"} and "turn.gif" not in found
    page = tmp_path / "out/gallery.html"
    assert page.read_text().count("data:image/webp") == 4 and "a.png" in page.read_text()
    page.write_text("my own page")
    output = program("reconstruct", *flags, "--gallery", expect=1)
    assert "is there and is no gallery" in output and "Traceback" not in output
    assert page.read_text() == "my own page"


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Three photos."""
    folder = tmp_path_factory.mktemp("faces")
    generator = np.random.default_rng(0)
    paths = [folder / f"{name}.png" for name in ("a", "b", "c d")]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    return paths


@pytest.mark.parametrize(
    ("count", "parts", "tiles"), [(2, "part 1,part 2", (5, 1)), (3, "part 2,background", (5, 3))]
)
def test_mix_writes_a_picture(program, trained, faces, tmp_path, count, parts, tiles):
    output = tmp_path / "deep" / "mix.png"
    flags = [f"--run_dir={trained}", f"--parts={parts}", f"--output={output}"]
    said = program("mix", *faces[:count], *flags, fresh=count == 2)
    assert f"mixtures: {output}" in said
    with Image.open(output) as picture:
        assert (picture.width // 160, picture.height // 160) == tiles


@pytest.mark.parametrize(
    ("photos", "flags", "message"),
    [
        (2, ["--parts=lips"], "no part is called 'lips'; there are background, part 1, part 2."),
        (2, ["--parts="], "--parts names no part; there are background, part 1, part 2."),
        (1, [], "Name two photos or more"),
        (2, ["nowhere.jpg"], "nowhere.jpg"),
        (2, ["--weights=photos"], "Give either --run_dir=RUN or --weights=NAME"),
    ],
)
def test_mix_says_what_is_wrong(program, trained, faces, tmp_path, photos, flags, message):
    words = [*faces[:photos], *flags, f"--run_dir={trained}", f"--output={tmp_path}/mix.png"]
    output = program("mix", *words, expect=1)
    assert message in output and "Traceback" not in output
    assert not list(tmp_path.iterdir())


def test_export_holds_stock_ops_only_and_equals_the_live_model(exported):
    folder = exported / "models"
    assert [path.name for path in folder.iterdir()] == ["2"]  # 1 was taken
    assert custom_ops(folder / "2") == set()
    signature = tf.saved_model.load(str(folder / "2")).signatures["serving_default"]
    photos = np.random.default_rng(1).integers(0, 256, (5, 70, 50, 3), np.uint8)
    together = signature(images=tf.constant(photos))
    assert set(together) == set(contract.SIGNATURES["serving_default"][1])
    assert together["segmentation"].shape == (5, 32, 32)
    alone = signature(images=tf.constant(photos[3:4]))
    for name, value in alone.items():
        np.testing.assert_allclose(value[0], together[name][3], atol=1e-5, err_msg=name)


def test_export_writes_the_model_of_the_page(exported):
    about = json.loads((exported / "web" / "model.json").read_text())
    assert (about["image_size"], len(about["parts"]), about["trained_on"]) == (32, 3, "")
    assert f"{exported}/web/capsules.tflite: " in (exported / "output.txt").read_text()


def test_export_asks_where_to(program, trained):
    output = program("export", f"--run_dir={trained}", expect=1)
    assert "ERROR: Say where to: --export_dir" in output


def test_prepare_writes_an_image_grid(program, tiny_flags, tmp_path):
    grid = tmp_path / "grid.png"
    data = [flag for flag in tiny_flags if flag.startswith(("--data", "--image_size"))]
    output = program("prepare", *data, f"--image_grid={grid}")
    assert "synthetic_faces train: 64 pictures" in output
    with Image.open(grid) as picture:
        assert min(picture.size) >= 8 * 32


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset=photo_folder"], "needs --data_dir"),
        (["--dataset=photo_folder", "--data_dir=nowhere"], "no such folder"),
        (["--image_size=50"], "--image_size=50"),
        (["stray"], "Not a flag: 'stray'"),
    ],
)
def test_train_says_what_is_wrong(program, tmp_path, flags, message):
    output = program("train", f"--run_dir={tmp_path / 'run'}", *flags, expect=1)
    assert message in output and "Traceback" not in output
