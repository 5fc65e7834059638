"""A training learns: the quick recipe, five hundred steps of it, on the smallest data set."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_five_hundred_steps_find_colours_and_poses(program, data_dir, tmp_path):
    run_dir = tmp_path / "run"
    data = ["--data_config=tiny", f"--data_dir={data_dir}"]
    program(
        "train",
        "--flagfile=flags/quickstart.flags",
        *data,
        f"--run_dir={run_dir}",
        "--batch_size=8",  # a quarter, and so of the time
        "--max_steps=500",
        "--validation_images=16",
    )
    program(
        "evaluate",
        f"--run_dir={run_dir}",
        f"--metrics_json={tmp_path}/metrics.json",
        "--retake_images=0",
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["psnr_db"]["n"] == 32  # of people that it has not seen
    assert metrics["psnr_db"]["value"] > 0
    assert metrics["yaw_correlation"]["value"] > 0
