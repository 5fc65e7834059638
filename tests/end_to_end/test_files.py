"""What programs do to a user's files: nothing is lost, everything is named, a failure is one line."""

import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests import privileges, programs

pytestmark = pytest.mark.slow

#: Read: of names that met in their results, that are markup, no text, or long; of several formats.
GOOD = (
    "a.jpg", "a.png", "a_2.jpg", "x.jpg", "x_albedo.jpg", "x_hierarchy.jpg", "anna b.jpg", "anna_b.jpg",
    "deep/a.jpg", "b [bold].jpg", "[/].jpg", "'q' \"q\".jpg", "two\nlines.jpg", "ä.jpg",
    os.fsdecode(b"\xe4.jpg"), "x" * 241 + ".jpg", "moves.gif", "old.jfif", "new.avif", "no_ending",
    "12.tif",
)  # fmt: skip


def photos(folder):
    """A folder of photos good and bad; `{name: bytes}` of the good ones."""
    generator = np.random.default_rng(0)
    for name in GOOD:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = generator.integers(0, 256, (40, 40, 3), np.uint8)
        if name == "12.tif":
            picture = generator.integers(0, 4096, (40, 40)).astype(np.uint16)
        kind = {"no_ending": "PNG", "old.jfif": "JPEG"}.get(name)
        Image.fromarray(picture).save(path, kind)
    contents = {name: (folder / name).read_bytes() for name in GOOD}
    (folder / "broken [red].jpg").write_bytes(b"no photo")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "people").symlink_to(folder.parent)
    (folder / "notes.txt").write_text("not a photo")
    (folder / "._a.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "@eaDir").mkdir()
    shutil.copy(folder / "a.png", folder / "@eaDir")
    return contents


def results(folder):
    return {
        path.parent.relative_to(folder).as_posix().removesuffix(".igc")
        for path in folder.rglob("arrays.npz")
    }


@pytest.mark.parametrize("where", ["photos", "photos/out"])
def test_photos_of_any_name_and_format_have_results_of_their_own(program, trained, tmp_path, where):
    contents = photos(tmp_path / "photos")
    flags = [
        f"--run_dir={trained}",
        f"--input={tmp_path}/photos",
        f"--output_dir={tmp_path}/{where}",
        "--nomeshes",
    ]
    for _ in range(2 if where == "photos/out" else 1):  # again: no result is a photo
        output = program("reconstruct", *flags, expect=1)
        assert results(tmp_path / where) == set(GOOD)
        assert f"{len(GOOD)} faces: " in output and "Traceback" not in output
        for warning in (
            "broken [red].jpg: no picture, or its header is damaged",
            "phone.heic: HEIC, which Pillow cannot read here; convert it to JPEG",
            "gone.jpg: a broken link, to nowhere.jpg",
            "people: a link to a folder, which is not followed",
        ):
            assert output.count(f"WARNING: left out {warning}\n") == 1
        assert output.count("WARNING") == 4
    for name, content in contents.items():
        assert (tmp_path / "photos" / name).read_bytes() == content
    with np.load(tmp_path / where / "12.tif.igc" / "arrays.npz") as arrays:
        assert arrays["image"].max() > 0.5  # not black


def test_a_photo_of_the_same_name_is_named_and_the_others_are_written(program, trained, tmp_path):
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        for name in ("a.png", f"{folder}.png"):
            Image.new("RGB", (40, 40), (number, 0, 0)).save(tmp_path / folder / name)
    flags = [f"--run_dir={trained}", f"--output_dir={tmp_path}/out", "--nomeshes"]
    program("reconstruct", *flags, f"--input={tmp_path}/one")
    before = (tmp_path / "out/a.png.igc/arrays.npz").read_bytes()
    output = program("reconstruct", *flags, f"--input={tmp_path}/two", expect=1)
    assert "left out a.png: " in output and "holds the result of another photo" in output
    assert (tmp_path / "out/a.png.igc/arrays.npz").read_bytes() == before
    assert results(tmp_path / "out") == {"a.png", "one.png", "two.png"}
    own = f"--input={tmp_path}/out/a.png.igc"
    for source in (own, f"{own}/panel.png"):
        output = program("reconstruct", *flags, source, expect=1)
        assert "was found in a photo, and no photo" in output


def as_ordinary_user(words):
    """What a fork runs: a program that may not write everywhere, whoever started it."""
    if os.geteuid() == 0:
        privileges.drop(for_good=True)
    programs.run_module(words)


def on_a_full_disk(words):
    """What a fork runs: a program that writes no file above 24 KiB, which the panel is."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (24 << 10, 24 << 10))
    programs.run_module(words)


def one_line(program, *flags, run):
    """The line that `reconstruct` ends with."""
    output = program("reconstruct", *flags, expect=1, run=run)
    lines = [line for line in output.splitlines() if not line.startswith("I")]
    assert len(lines) == 1 and lines[0].startswith("ERROR: "), output
    return lines[0]


def test_a_folder_that_may_not_be_written_is_one_line(program, trained, ordinary_user, tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    closed = tmp_path / "closed"
    closed.mkdir(0o500)

    def error_of(source, out):
        flags = [f"--run_dir={trained}", f"--input={source}", f"--output_dir={out}"]
        return one_line(program, *flags, run=as_ordinary_user)

    for out in (closed, closed / "out"):
        assert error_of(tmp_path / "a.png", out) == f"ERROR: {out}: Permission denied"
    closed.chmod(0)
    assert error_of(closed, tmp_path / "o") == f"ERROR: {closed}: Permission denied"
    closed.chmod(0o700)
    assert not list(closed.iterdir())


def test_a_full_disk_is_one_line_and_leaves_no_half_file(program, trained, tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    out = tmp_path / "out"
    flags = [f"--run_dir={trained}", f"--input={tmp_path}", f"--output_dir={out}"]
    assert "File too large" in one_line(program, *flags, run=on_a_full_disk)
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["photo.txt"]


@pytest.mark.parametrize("name", ["train", "reconstruct"])
def test_a_stop_before_the_first_step_is_one_word(name, tiny_flags, trained, tmp_path):
    for number in range(500):  # more than are done before it is stopped
        Image.new("RGB", (40, 40)).save(tmp_path / f"{number}.png")
    flags = {
        "train": [*tiny_flags, f"--run_dir={tmp_path}/run", "--max_steps=12"],
        "reconstruct": [
            f"--run_dir={trained}",
            f"--input={tmp_path}",
            f"--output_dir={tmp_path}/o",
        ],
    }[name]
    for seconds in (0.0, 1.5):  # while TensorFlow is imported, or soon after
        process = subprocess.Popen(
            [sys.executable, "-m", f"tools.{name}", *map(str, flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            # A shell's background job ignores Ctrl-C, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        maps = pathlib.Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and "tensorflow" not in maps.read_text():
            time.sleep(0.02)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=300)
        assert process.returncode in (130, -signal.SIGINT), output
        assert "Traceback" not in output and "Stopped" in output.splitlines()[-1]


def test_runs_of_one_last_name_are_kept_apart(program, trained, tmp_path):
    runs = [tmp_path / name / "run [b] $x" for name in ("one", "two")]
    for run in runs:
        shutil.copytree(trained, run)
    plot = tmp_path / "plot.png"
    output = program("curves", *runs, "--stretches=1", f"--plot={plot}")
    header = [line.split("┃")[1:-1] for line in output.splitlines() if line.startswith("┃")]
    columns = ["".join("".join(cells).split()) for cells in zip(*header, strict=True)]
    assert columns == ["images", *("".join(str(run).split()) for run in runs)]
    row = next(line for line in output.splitlines() if " to " in line)
    assert row.count("0.") == 2 and Image.open(plot).width > 100


@pytest.fixture(scope="module")
def rotations(tmp_path_factory):
    """A file of predictions without labels of parts."""
    path = tmp_path_factory.mktemp("predictions") / "mine [b].npz"
    angles = np.random.default_rng(0).normal(size=(8, 3))
    np.savez(path, rotation_degrees=angles, true_rotation_degrees=angles)
    return path


def test_predictions_without_labels_are_scored(program, rotations, tmp_path):
    metrics = tmp_path / "metrics.json"
    output = program("evaluate", f"--predictions={rotations}", f"--metrics_json={metrics}")
    assert json.loads(metrics.read_text())["yaw_correlation"]["value"] == pytest.approx(1.0)
    assert "mine [b].npz: 8 pictures" in output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fit_images=10", "--images=5"], "takes no --images, --fit_images"),
        (["--save_predictions=a.npz", "--images=5"], "takes no --save_predictions, --images"),
        (["--cycle_images=0"], "takes no --cycle_images"),
        (
            ["--data_dir=DIR", "--whole_folder"],
            "takes --data_dir, --whole_folder only with --dataset",
        ),
        (["--crop=center", "--labels=folders"], "takes --crop, --labels only with --dataset"),
    ],
)
def test_predictions_refuse_flags_that_they_ignore(program, rotations, flags, message):
    output = program("evaluate", f"--predictions={rotations}", *flags, expect=1)
    assert message in output and "Traceback" not in output


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "holds no photo, however deep"),
        (
            5,
            "none of its 5 fell into the validation split, which gets 1 % of them by chance: about 300",
        ),
    ],
)
def test_too_few_photos_to_train_on_are_counted(program, tmp_path, count, message):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (40, 40)).save(folder / f"{number}.png")
    flags = ["--dataset=photo_folder", f"--data_dir={folder}", f"--run_dir={tmp_path}/run"]
    output = program("train", *flags, expect=1)
    assert message in output and "Traceback" not in output
    assert not (tmp_path / "run" / "flags.json").exists()
