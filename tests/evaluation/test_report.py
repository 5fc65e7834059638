"""JSON and the table."""

import json
import stat

import numpy as np
import pytest
from rich.console import Console

from igc_tf.evaluation import report
from igc_tf.metrics.metric import Metric, bootstrap

METRICS = {
    "nme_percent": Metric(6.125, 6.0, 6.25, "%", 100, "people", 10),
    "nme_mean_face_percent": Metric(8.43, 8.0, 9.0, "%", 100),
    "nme_centroid_percent": Metric(5.57, 5.0, 6.0, "%", 100),
    "yaw_correlation": Metric(-0.5, -0.6, -0.4, "", 7),
    "miou": Metric.absent(),
}


def shown(metrics, title=""):
    """The table as text."""
    console = Console(width=160)
    with console.capture() as capture:
        console.print(report.table(metrics, title))
    return capture.get()


def test_json_round_trip(tmp_path):
    path = tmp_path / "metrics.json"
    report.write_json(METRICS, path)
    assert report.read_json(path) == METRICS
    contents = json.loads(path.read_text())
    assert contents["nme_percent"] == {
        "value": 6.125,
        "low": 6.0,
        "high": 6.25,
        "unit": "%",
        "n": 100,
        "resampled": "people",
        "drawn": 10,
    }
    assert contents["miou"]["value"] is None
    assert list(contents) == list(METRICS)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "metrics.json"
    report.write_json(METRICS, path)
    before = path.read_text()
    with pytest.raises(ValueError):
        report.write_json({"l1": Metric(float("nan"), 0.0, 0.0, "", 1)}, path)
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_file_can_be_read_by_others(tmp_path):
    report.write_json(METRICS, tmp_path / "metrics.json")
    assert stat.S_IMODE((tmp_path / "metrics.json").stat().st_mode) == 0o644


def test_measurements_of_before_are_read_under_the_names_of_today(tmp_path):
    metric = bootstrap(np.arange(4.0), "x 1e-2")
    old = {"side_e2": metric, "mad_mean_depth_degrees": metric, "depth_error_percent": metric}
    same = {"side_view_e2": metric, "mad_canonical_degrees": metric, "rotation_side_e2": metric}
    path = tmp_path / "metrics.json"
    report.write_json({**old, **same}, path)
    per_image = {"side_e2": np.arange(4.0), "l1": np.ones(4)}
    report.write_samples({**old, **same}, per_image, list("abcd"), report.samples_path(path))
    found = report.read_samples(path)
    assert list(found.metrics) == [
        "side_canonical_e2", "mad_canonical_mean_depth_degrees", "depth_error_canonical_percent",
        *same,
    ]  # fmt: skip
    assert all(metric.replicates is not None for metric in found.metrics.values())
    assert list(found.per_image) == ["side_canonical_e2", "l1"] and found.names == list("abcd")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it"):
        report.write_json(METRICS, tmp_path / "none" / "metrics.json")


def test_table_has_baselines_beside_the_number():
    text = shown(METRICS, "step 10")
    assert text.startswith("step 10")
    row = next(line for line in text.splitlines() if "nme_percent" in line)
    assert "6.125 %" in row and "6.000 to 6.250" in row and "100 (10)" in row and "↓" in row
    assert "mean face 8.430 %" in row and "centroid 5.570 %" in row
    assert "nme_centroid_percent" not in text


def test_table_keeps_the_sign_and_says_no_ground_truth():
    lines = shown(METRICS).splitlines()
    assert "-0.5000" in next(line for line in lines if "yaw_correlation" in line)
    row = next(line for line in lines if "miou" in line)
    assert "no ground truth" in row and "↑" in row


def test_lone_baseline_keeps_its_row():
    assert "nme_centroid_percent" in shown({"nme_centroid_percent": METRICS["nme_percent"]})


def test_what_intervals_draw_is_told():
    assert report.resampling(METRICS).startswith("Intervals resample people, each with all their")
    images = {"l1": Metric(1.0, 0.9, 1.1, "", 7, "images", 7), "nmi": Metric.absent()}
    assert report.resampling(images).startswith("Intervals resample single images")


@pytest.mark.parametrize("name", ["rank1_[red]x", "iou_[/]", "[bold]b[/bold]", "b\\"])
def test_names_are_no_markup(name):
    # Names of descriptors and of true labels come from users' files.
    assert name in shown({name: Metric.absent()})
