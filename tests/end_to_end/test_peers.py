"""peers as a user runs it: methods beside a run on rendered faces, stopped by nothing, done once."""

import json

import numpy as np
import pytest
from PIL import Image

from tests import fake_squeezenet

pytestmark = pytest.mark.slow


def test_methods_beside_a_run(program, trained, data_dir, tmp_path):
    weights, output = fake_squeezenet.write(tmp_path / "squeezenet.h5"), tmp_path / "peers"
    flags = [
        f"--run_dir={trained}",
        f"--data_dir={data_dir}",
        f"--output_dir={output}",
        "--num_train=40",
        "--num_test=24",
        "--seeds=0",
        "--features=squeezenet",
        f"--squeezenet_weights={weights}",
        "--train_images=32",
        "--faces=3",
    ]
    # A method that fails is named, the others go on.
    said = program("peers", *flags, "--methods=kmeans", "--parts=1,4", expect=1)
    assert "[1/3] igc_tf, 3 parts: see" in said and "[3/3] kmeans, 4 parts, seed 0: see" in said
    assert "FAILED: kmeans, 1 parts, seed 0: tools.baseline ended with status 1" in said
    assert "--parts=1: from 2, a background and one part, to 64" in said

    # What is done is not done again.
    said = program("peers", *flags, "--methods=kmeans,scops", "--parts=4")
    assert said.count("done before") == 2 and said.count("log.txt") == 1
    metrics = json.loads((output / "scops/parts_4/seed_0/metrics.json").read_text())
    assert 0 < metrics["nme_percent"]["value"] < 100 and metrics["nme_percent"]["n"] == 24
    with np.load(output / "scops/parts_4/seed_0/predictions.npz") as arrays:
        assert len(arrays["fit_landmarks"]) == 40 and arrays["labels"].shape == (24, 64, 64)
    table = (output / "table.md").read_text()
    assert "| | igc_tf, 3 parts | kmeans, 4 parts | scops, 4 parts | First |" in table
    for row in ("NME, SCOPS", "NMI of the true parts", "majority label", "CPU milliseconds"):
        assert row in table
    # Photo, ground truth, ours, two methods; three rows.
    with Image.open(output / "parts.png") as picture:
        assert picture.width > 5 * 96 and 3 * 96 < picture.height < 5 * 96
    message = program("peers", *flags, "--num_train=30", expect=1)
    assert "made with other settings (num_train 40, now 30)" in message


def test_what_is_wrong_is_said(program, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    output = program(
        "peers", "--weights=photos", f"--data_dir={tmp_path}", f"--output_dir={tmp_path}", expect=1
    )
    assert "holds other files" in output and "Traceback" not in output
    output = program("peers", "--methods=resnet", f"--output_dir={tmp_path}/new", expect=1)
    assert "--methods: of kmeans, dff, scops, autoencoder, each once" in output
