"""baseline as a user runs it: beside a run, its predictions scored like any method's."""

import json
import re

import numpy as np
import pytest

from tests import fake_squeezenet

pytestmark = pytest.mark.slow


def test_an_auto_encoder_beside_a_run(program, trained, data_dir, tmp_path):
    file = tmp_path / "new" / "ae.npz"
    output = program(
        "baseline",
        f"--run_dir={trained}",
        "--method=autoencoder",
        f"--predictions={file}",
        "--train_images=160",
        "--fit_images=20",
    )
    sizes_line = re.search(r"Parameters: ([\d,]+) of IGC-Net, ([\d,]+) of the auto-encoder", output)
    sizes = [int(size.replace(",", "")) for size in sizes_line.groups()]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)
    assert "160 images, as asked" in output and "Trained on 160 images" in output
    with np.load(file) as arrays:
        assert arrays["descriptor_object"].shape == (32, 24)
        assert arrays["reconstruction"].shape == (32, 32, 32, 3)
        assert "labels" not in arrays.files
    output = program(
        "evaluate",
        f"--predictions={file}",
        "--dataset=synthetic_faces",
        "--data_config=tiny",
        f"--data_dir={data_dir}",
        f"--metrics_json={tmp_path}/metrics.json",
        f"--report_dir={tmp_path}/report",
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 <= metrics["rank1"]["value"] <= 1 and metrics["rank1"]["n"] > 0
    assert metrics["psnr_db"]["value"] > 5
    assert metrics["nmi"]["value"] is None and "not predicted" in output


@pytest.mark.parametrize("method", ["kmeans", "dff"])
def test_parts_of_features_beside_a_run(program, trained, data_dir, tmp_path, method):
    file, weights = tmp_path / "parts.npz", fake_squeezenet.write(tmp_path / "squeezenet.h5")
    output = program(
        "baseline",
        f"--run_dir={trained}",
        f"--method={method}",
        "--features=squeezenet",
        f"--squeezenet_weights={weights}",
        "--parts=4",
        "--seed=3",
        f"--predictions={file}",
        "--fit_images=16",
    )
    assert f"{method} of squeezenet fire5, 4 parts, seed 3: learned from 16 photos" in output
    with np.load(file) as arrays:
        assert arrays["labels"].shape == (32, 64, 64) and arrays["parts"] == 4
        assert set(np.unique(arrays["labels"])) <= {0, 1, 2, 3}
        assert arrays["fit_part_centers"].shape == (16, 3, 2)
    metrics = tmp_path / "metrics.json"
    program(
        "evaluate",
        f"--predictions={file}",
        "--dataset=synthetic_faces",
        "--data_config=tiny",
        f"--data_dir={data_dir}",
        f"--metrics_json={metrics}",
    )
    found = json.loads(metrics.read_text())
    assert 0 < found["nme_percent"]["value"] < 100 and 0 <= found["nmi"]["value"] <= 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--run_dir=nowhere", "--predictions=a.npz"], "nowhere is no run directory"),
        (["--run_dir=nowhere", "--predictions=a.txt"], "must end in .npz"),
    ],
)
def test_what_is_wrong_is_said(program, flags, message):
    output = program("baseline", *flags, expect=1)
    assert message in output and "Traceback" not in output
