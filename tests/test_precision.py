"""What --precision=auto stands for, and that a run keeps it."""

import dataclasses

import pytest
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import precision
from igc_tf.run_directory import ConfigurationMismatch


def with_processor(monkeypatch, *flags):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(precision, "_processor_flags", lambda: frozenset(flags))


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16"])
def test_a_named_precision_stands_for_itself(monkeypatch, name):
    with_processor(monkeypatch, "amx_bf16")
    assert precision.resolve(name) == name


def test_auto_on_a_processor(monkeypatch):
    with_processor(monkeypatch, "avx512f", "amx_bf16")
    assert precision.resolve("auto") == "mixed_bfloat16"
    with_processor(monkeypatch, "avx512f", "avx512_bf16")  # no matrix units
    assert precision.resolve("auto") == "float32"
    with_processor(monkeypatch)
    assert precision.resolve("auto") == "float32"


@pytest.mark.parametrize(
    "capabilities, expected",
    [([(8, 0)], "mixed_bfloat16"), ([(7, 5)], "float32"), ([(9, 0), (7, 0)], "float32")],
)
def test_auto_on_gpus(monkeypatch, capabilities, expected):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu}
    )
    assert precision.resolve("auto") == expected


def test_the_processor_of_this_machine_is_read():
    assert precision._processor_flags()  # every Linux that TensorFlow's wheel runs on lists some


def test_a_run_keeps_what_auto_chose_on_any_machine(monkeypatch, tmp_path, tiny, begin):
    automatic = tiny.replace(precision="auto")
    with_processor(monkeypatch, "amx_bf16")
    run, begun = begin(automatic, tmp_path / "run")
    assert begun.training.precision == "mixed_bfloat16"
    assert config_lib.load(tmp_path / "run") == begun
    with_processor(monkeypatch)
    assert run.resolve(automatic) == begun
    assert run.resolve(begun) == begun
    with pytest.raises(ConfigurationMismatch, match="precision: 'mixed_bfloat16' in the run"):
        run.resolve(tiny)
    assert dataclasses.asdict(config_lib.load(tmp_path / "run")) == dataclasses.asdict(begun)
