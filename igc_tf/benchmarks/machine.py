"""What the machine could do at best, measured where the rest is measured."""

from __future__ import annotations

import os
import pathlib
import resource

import tensorflow as tf

from igc_tf.benchmarks import timing

_SIDE, _SIDE_ON_GPU = 2048, 4096  # of matrices large enough to reach the peak
_COPIED = 1 << 28  # float32 numbers: 1 GiB, beyond every cache


def matmul_peak(dtype: tf.DType) -> float:
    """Floating-point operations a second of a large matrix product."""
    side = _SIDE_ON_GPU if tf.config.list_physical_devices("GPU") else _SIDE
    matrix = tf.cast(tf.random.stateless_uniform([side, side], [0, 0], -1.0, 1.0), dtype)
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    return 2 * side**3 / timing.measure(product).median


def copy_bandwidth() -> float:
    """Bytes a second, read and written together, of a large element-wise operation."""
    values = tf.zeros([_COPIED])
    halved = tf.function(lambda: values * 0.5)
    return 2 * 4 * _COPIED / timing.measure(halved).median


def peak_memory_bytes() -> int:
    """The most memory this process has held so far. Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def describe() -> str:
    """Processor and cores, or GPU, in a line."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        names = [tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in gpus]
        return ", ".join(names)
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{len(os.sched_getaffinity(0))} cores of {model}"
