"""JSON and the table."""

import json
import stat

import pytest
from rich.console import Console

from igc_tf.evaluation import report
from igc_tf.evaluation.metric import Metric

METRICS = {
    "nme_percent": Metric(6.125, 6.0, 6.25, "%", 100),
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


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="make it"):
        report.write_json(METRICS, tmp_path / "none" / "metrics.json")


def test_table_has_baselines_beside_the_number():
    text = shown(METRICS, "step 10")
    assert text.startswith("step 10")
    row = next(line for line in text.splitlines() if "nme_percent" in line)
    assert "6.125 %" in row and "6.000 to 6.250" in row and "100" in row and "↓" in row
    assert "mean face 8.430 %" in row and "centroid 5.570 %" in row
    assert "nme_centroid_percent" not in text


def test_table_keeps_the_sign_and_says_no_truth():
    lines = shown(METRICS).splitlines()
    assert "-0.5000" in next(line for line in lines if "yaw_correlation" in line)
    row = next(line for line in lines if "miou" in line)
    assert "no truth" in row and "↑" in row


def test_lone_baseline_keeps_its_row():
    assert "nme_centroid_percent" in shown({"nme_centroid_percent": METRICS["nme_percent"]})


@pytest.mark.parametrize("name", ["rank1_[red]x", "iou_[/]", "[bold]b[/bold]", "b\\"])
def test_names_are_no_markup(name):
    # Names of descriptors and of true labels come from users' files.
    assert name in shown({name: Metric.absent()})
