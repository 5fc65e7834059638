"""export, serve_client and serve_load, on a server of the exported model."""

import json

import numpy as np
import pytest
from PIL import Image

from igc_tf.viewing import result
from tests import programs
from tests.serving.serve import serve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(exported):
    """`{"grpc": port, "rest": port, "pid": ...}` of the trained run, served by a process."""
    with serve(exported / "models") as (_, ports):
        yield ports


def test_export_says_what_it_wrote(exported):
    output = (exported / "output.txt").read_text()
    assert f"SavedModel: {exported}/models/2" in output and "parts_dynamic_range" in output
    assert len(list((exported / "lite").glob("*.tflite"))) == 4


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_folder_of_photos_is_answered(program, server, tmp_path, protocol):
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(noise).save(folder / "turned.jpg", exif=turned)
    Image.fromarray(noise).convert("RGBA").save(folder / "alpha.png")
    Image.fromarray(noise[:, :, 0]).save(folder / "gray.png")
    Image.fromarray(noise[:9, :9]).save(folder / "small.png")
    (folder / "page.jpg").write_text("<html>")
    flags = [f"--server=localhost:{server[protocol]}", f"--protocol={protocol}"]
    flags += [f"--input={folder}", f"--output_dir={tmp_path}/out"]
    output = program("serve_client", *flags, expect=1, fresh=protocol == "grpc")
    assert "Traceback" not in output
    assert "left out page.jpg" in output
    assert "left out small.png" in output and "sides must be 16 to 4096 px" in output
    written = {path.parent.name for path in (tmp_path / "out").rglob("arrays.npz")}
    assert written == {"turned.jpg.igc", "alpha.png.igc", "gray.png.igc"}
    with Image.open(tmp_path / "out" / "gray.png.igc" / "panel.png") as panel:
        assert panel.width > 300


def test_an_older_servers_answer_is_written(tmp_path):
    serve_client = programs.imported("serve_client")
    answer = {  # of a model that was exported before it had alpha
        name: np.ones([{"M": 2, "H": 8, "W": 8, "h": 8, "w": 8}.get(side, side) for side in shape])
        for name, shape in result._SHAPES.items()
        if name not in ("alpha", "photo")
    }
    serve_client._write(tmp_path, "a.jpg", "file:///a.jpg", answer)
    assert result.PhotoResult.load(tmp_path / "a.jpg.igc" / "arrays.npz").alpha is None


def test_no_server_is_one_clear_line(program, tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    output = program(
        "serve_client", "--server=localhost:9", f"--input={tmp_path}", "--retries=0", expect=1
    )
    assert "ERROR: localhost:9: UNAVAILABLE" in output and "Traceback" not in output


def test_load_loses_nothing(program, server, tmp_path):
    path = tmp_path / "load.json"
    output = program(
        "serve_load",
        f"--server=localhost:{server['grpc']}",
        "--requests=160",
        "--clients=16",
        f"--server_pid={server['pid']}",
        f"--json={path}",
        fresh=True,
    )
    numbers = json.loads(path.read_text())
    assert numbers["answered"] == 160 and numbers["lost"] == 0
    assert 0 < numbers["p50_ms"] <= numbers["p99_ms"] and "p99_ms" in output
    assert numbers["memory_growth_percent"] < 25  # of 160 requests, the first 40 of them warm-up
