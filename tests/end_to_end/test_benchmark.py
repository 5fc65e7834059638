"""tools.benchmark and tools.curves: what they print, write and refuse."""

import json

import pytest
from PIL import Image

from igc_tf.benchmarks import machine, timing
from tests import fake_squeezenet, programs

pytestmark = pytest.mark.slow


def briefly(words):
    """What a fork runs: the program, but of few calls, and a machine measured by small matrices."""
    timing.WARM_UP, timing.FEWEST = 1, 2
    machine._SIDE, machine._COPIED = 512, 1 << 22
    programs.run_module(words)


def test_benchmark_times_every_section(program, tiny_flags, tmp_path, compiled):
    """Of a released recipe, made small."""
    weights = fake_squeezenet.write(tmp_path / "squeezenet.h5")
    reference = tmp_path / "reference.flags"
    plain = [flag for flag in tiny_flags if not flag.startswith("--data")]
    reference.write_text("\n".join([*plain, "--decoder_norm=group", "--rasterizer=tfg"]) + "\n")
    path = tmp_path / "benchmark.json"
    output = program(
        "benchmark",
        "--flagfile=flags/synthetic_cpu.flags",
        *tiny_flags,
        f"--squeezenet_weights={weights}",
        "--part_feature_size=64",
        f"--reference={reference}",
        "--seconds=0",
        "--sides=64",
        f"--json={path}",
        f"--profile={tmp_path / 'profile'}",
        run=briefly,
    )
    found = json.loads(path.read_text())
    for name in (
        "step.images_per_second", "step.vs_reference", "rasterizer.vs_tfg", "peak_memory_gib",
        "input.share_of_step", "input.images_per_second", "step.share_of_peak", "step.floor_ms_per_image",
        "step.gflop_per_image", "machine.matmul_float32_gflops", "inference.batch_1.vs_live",
        "inference.batch_32.vs_live", "rasterizer.tensorflow.64.vs_tfg",
    ):  # fmt: skip
        assert found[name] > 0, name
    for stage in ("encoder", "GDM", "depth_decoder", "albedo_decoder", "assembly", "shading",
                  "rasterization", "surface", "rerender", "features", "losses",
                  "optimizer"):  # fmt: skip
        assert found[f"stage.{stage}.ms_per_image"] > 0, stage
        assert stage.replace("_", " ") in output
    assert found["step.vs_reference.low"] <= found["step.vs_reference"]
    assert found["step.floor_ms_per_image"] < found["step.ms_per_image"]
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_benchmark_of_a_reference_that_is_not_there(program, tiny_flags):
    output = program("benchmark", *tiny_flags, "--reference=no.flags", expect=1, fresh=True)
    assert "ERROR: --reference=no.flags: " in output and "Traceback" not in output


def test_curves_of_two_runs(program, trained, tmp_path):
    plot = tmp_path / "curves.png"
    output = program("curves", trained, trained, "--stretches=1", f"--plot={plot}", fresh=True)
    assert "0 to 96" in output  # 12 steps of 8 images
    assert Image.open(plot).width > 300
    output = program("curves", trained, "--tag=none", expect=1)
    assert "has no scalar 'none'" in output and "Traceback" not in output
