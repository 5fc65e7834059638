"""Which compute type suits this machine."""

from __future__ import annotations

import pathlib

import tensorflow as tf
from absl import logging

_AMPERE = (8, 0)  # the first compute capability with bfloat16 tensor cores


def resolve(precision: str) -> str:
    """The Keras policy that a `--precision` stands for.

    'auto' is mixed_bfloat16 where matrix units multiply it: GPUs since Ampere, processors with AMX
    (measured, see docs/performance.md); elsewhere float32, since without such units TensorFlow
    emulates bfloat16, slower than float32. Any other value stands for itself.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        native = all(found.get("compute_capability", (0, 0)) >= _AMPERE for found in details)
        reason = "the GPUs have" if native else "a GPU has no"
    else:
        native = "amx_bf16" in _processor_flags()
        reason = "the processor has" if native else "the processor has no"
    chosen = "mixed_bfloat16" if native else "float32"
    logging.info("Precision: %s (%s matrix units for bfloat16).", chosen, reason)
    return chosen


def _processor_flags() -> frozenset[str]:
    """What Linux says the processor can do; empty where it says nothing."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()
