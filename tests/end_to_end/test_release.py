"""release, and the programs that take --weights in place of --run_dir."""

import json

import numpy as np
import pytest
from PIL import Image

from tests import programs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights_dir(program, trained, tmp_path_factory):
    """A folder with the weights 'tiny' of the trained run."""
    folder = tmp_path_factory.mktemp("weights")
    output = program(
        "release",
        f"--run_dir={trained}",
        "--name=tiny",
        "--data=synthetic faces of igc_tf",
        "--command=python -m tools.train --max_steps=12",
        f"--weights_dir={folder}",
        # Without a checkout, as under Bazel, nothing else tells the commit.
        *([] if (programs.CHECKOUT / ".git").exists() else [f"--commit={40 * '0'}"]),
        fresh=True,
    )
    assert "loaded back and found equal" in output
    return folder


def test_weights_give_what_the_run_gives(program, trained, weights_dir, data_dir, tmp_path):
    about = json.loads((weights_dir / "tiny" / "weights.json").read_text())
    assert about["steps"] == 12 and len(about["commit"].removesuffix("+changes")) == 40
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(photo)
    flags = [f"--input={photo}", "--nomeshes"]
    chosen = ["--weights=tiny", f"--weights_dir={weights_dir}"]
    program("reconstruct", f"--run_dir={trained}", f"--output_dir={tmp_path}/run", *flags)
    program("reconstruct", *chosen, f"--output_dir={tmp_path}/weights", *flags)
    first, second = (
        tmp_path / folder / "photo.png.igc/arrays.npz" for folder in ("run", "weights")
    )
    with np.load(first) as a, np.load(second) as b:
        for name in a.files:
            if a[name].dtype.kind == "f":  # weights are rounded to half precision
                assert np.median(np.abs(a[name] - b[name])) < 1e-3 * np.abs(a[name]).max(), name
            else:
                assert np.mean(a[name] != b[name]) < 0.02, name
    metrics = f"--metrics_json={tmp_path}/metrics.json"
    small = ["--images=8", "--fit_images=10", "--cycle_images=0", f"--data_dir={data_dir}"]
    output = program("evaluate", *chosen, metrics, *small)
    assert (
        "tiny: " in output and json.loads((tmp_path / "metrics.json").read_text())["l1"]["n"] == 8
    )


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("reconstruct", ["--weights=huge", "--num_test_images=1"], "there are: tiny."),
        ("export", ["--weights=tiny", "--run_dir=a"], "(there are: tiny)"),
    ],
)
def test_what_is_wrong_is_said(program, weights_dir, tmp_path, name, flags, message):
    where = {"reconstruct": f"--output_dir={tmp_path}", "export": f"--export_dir={tmp_path}"}
    output = program(name, *flags, where[name], f"--weights_dir={weights_dir}", expect=1)
    assert message in output and "Traceback" not in output
