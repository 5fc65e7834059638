"""evaluate and compare as a user runs them: a run, a folder of photos, a file of predictions."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image, ImageColor

from igc_tf.evaluation import report

pytestmark = pytest.mark.slow

SHARED = pathlib.Path(__file__).parents[2].parent / "shared" / "data"


def test_a_run_is_measured_in_every_respect(evaluated):
    output = (evaluated / "output.txt").read_text()
    metrics = json.loads((evaluated / "metrics.json").read_text())
    for name in (
        "ari", "side_view_e2", "mad_view_degrees", "mad_canonical_degrees",
        "mad_view_mean_depth_degrees", "side_view_constant_e2", "yaw_mae_degrees", "rank1",
        "verification_auc", "ssim", "verification_eer_percent", "rank1_part_2_shape",
        "position_spread_percent", "nme_true_centers_percent", "rotation_albedo_l1",
        "relighting_light_error_degrees", "depth_error_canonical_percent", "rank1_embeddings",
    ):  # fmt: skip
        metric = metrics[name]
        assert metric["low"] <= metric["value"] <= metric["high"], name
    for name in ("nme_percent", "rank1_yaw", "Part by part", "Recognition by descriptor"):
        assert name in output
    # The reference points come out in the right order.
    order = [metrics[f"nme_{n}_percent"]["value"] for n in ("mean_face", "true_centers")]
    assert order[0] > order[1]
    page = (evaluated / "report" / "index.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "mad_view_mean_depth" not in output
    samples = report.read_samples(evaluated / "metrics.json")
    assert len(samples.names) == 32 and samples.per_image["miou"].shape == (32,)


def test_predictions_give_the_runs_own_metrics(program, evaluated, data_dir, tmp_path):
    program(
        "evaluate",
        f"--predictions={evaluated}/predictions.npz",
        "--dataset=synthetic_faces",
        "--data_config=tiny",
        f"--data_dir={data_dir}",
        f"--metrics_json={tmp_path}/metrics.json",
    )
    ours, theirs = (
        json.loads((path / "metrics.json").read_text()) for path in (evaluated, tmp_path)
    )
    assert list(ours) == list(theirs)
    for name, metric in theirs.items():
        if not name.startswith(("rotation_", "relighting_", "other_face_")):
            assert metric == ours[name], name
        else:
            assert metric["value"] is None  # a file cannot be asked to look again


def test_photos_with_names_that_tell(program, trained, tmp_path):
    generator = np.random.default_rng(0)
    colors = ["red", "lime", "blue", "yellow", "magenta", "aqua"]
    people = [np.array(ImageColor.getrgb(color)) for color in colors]
    for person in range(6):
        for view in range(10):
            photo = np.clip(people[person] + generator.normal(0, 20, (40, 40, 3)), 0, 255)
            Image.fromarray(photo.astype(np.uint8)).save(tmp_path / f"{person}_{view}.png")
    path = tmp_path / "out" / "metrics.json"
    output = program(
        "evaluate",
        f"--run_dir={trained}",
        "--dataset=photo_folder",
        f"--data_dir={tmp_path}",
        "--whole_folder",
        r"--labels=(?P<identity>\d+)_(?P<view>\d+)",
        f"--metrics_json={path}",
    )
    metrics = json.loads(path.read_text())
    assert metrics["rank1"]["n"] == 54 and metrics["rank1_view_1_4"]["n"] == 18
    assert metrics["rank1_pixels"]["value"] > 0.9  # the color tells these people apart
    assert metrics["miou"]["value"] is None and "no ground truth" in output
    assert "labels: identity, view" in output


def test_runs_are_compared(program, evaluated, tmp_path):
    for name in ("metrics.json", "metrics.samples.npz"):  # as of another run
        shutil.copy(evaluated / name, tmp_path)
    file = tmp_path / "comparison.json"
    runs = evaluated, tmp_path / "metrics.json"  # a folder or a file
    output = program("compare", *runs, f"--comparison_json={file}", fresh=True)
    assert "beyond noise" in output and "numbered parts" in output
    found = json.loads(file.read_text())
    line = found["l1"]
    first, second = line["values"]
    assert line["differences"][0]["value"] == pytest.approx(second["value"] - first["value"])


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("evaluate", [], "Give either --run_dir=RUN or --predictions"),
        ("evaluate", ["--predictions=none.npz"], "no such file"),
        ("compare", ["runs/only"], "Name two or more measured runs"),
        ("compare", ["none/a", "none/b"], "measure first"),
    ],
)
def test_what_is_wrong_is_said(program, name, flags, message):
    output = program(name, *flags, expect=1)
    assert message in output and "Traceback" not in output


def test_real_photos_with_pseudo_labels(program, trained, tmp_path):
    if not (SHARED / "lfw").is_dir():
        pytest.skip(f"no photos to test on: {SHARED / 'lfw'} is not there")
    output = program(
        "evaluate",
        f"--run_dir={trained}",
        "--dataset=photo_folder",
        f"--data_dir={SHARED / 'lfw'}",
        "--fit_images=200",
        "--cycle_images=0",
        f"--metrics_json={tmp_path}/metrics.json",
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert "pseudo-pose and landmarks (predicted by a network)" in output
    assert metrics["yaw_correlation"]["value"] is None
    assert metrics["pseudo_yaw_correlation"]["value"] is not None
    assert metrics["pseudo_depth_order_share"]["n"] == metrics["pseudo_nme_percent"]["n"] > 0
    lines = [metrics[f"pseudo_nme_{n}_percent"]["value"] for n in ("mean_face", "true_centers")]
    assert lines[0] > 2 * lines[1]
