"""TFLite files for phones and browsers: `parts` and `embed` of one picture, in built-in ops alone."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf.datasets.pipeline import to_float
from igc_tf.serving import contract
from igc_tf.serving.signatures import ServedModel
from igc_tf.silence import silenced

#: float32, and with 8-bit weights ("dynamic range").
KINDS = ("float32", "dynamic_range")
NAMES = ("parts", "embed")


class Agreement(NamedTuple):
    """How far a TFLite output is from the model's."""

    file: str
    output: str
    largest: float  #: difference
    mean: float  #: difference; of labels, the share that differs


def convert(served: ServedModel, folder: str | pathlib.Path) -> dict[str, pathlib.Path]:
    """Writes `parts.tflite`, `embed.tflite` and the same with `_dynamic_range`.

    Each takes `images`, `[1, S, S, 3]` uint8, cut and resized to the model's side S beforehand, and
    gives the outputs of the signature of its name. `parts` is what `parts_portable` computes.

    Args:
      served: the model.
      folder: made if it is not there.

    Returns:
      The files by their names without suffix.

    Raises:
      ValueError: an op of the graph is not among TFLite's built-in ones.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, function in _functions(served).items():
        for kind in KINDS:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], served)
            if kind == "dynamic_range":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            try:
                with silenced():
                    content = converter.convert()
            except Exception as error:  # The converter has an exception class of its own.
                raise ValueError(f"{name} cannot be converted to TFLite: {error}") from error
            key = name if kind == "float32" else f"{name}_{kind}"
            files[key] = folder / f"{key}.tflite"
            files[key].write_bytes(content)
    return files


def ops(path: str | pathlib.Path) -> set[str]:
    """Names of the ops in a TFLite file."""
    interpreter = tf.lite.Interpreter(model_path=str(path))
    return {details["op_name"] for details in interpreter._get_ops_details()}  # noqa: SLF001


def agreement(
    served: ServedModel, files: dict[str, pathlib.Path], images: np.ndarray
) -> list[Agreement]:
    """Holds the files against the model, on `[N, S, S, 3]` uint8 pictures, already cut."""
    live = served.answer(to_float(tf.constant(images)))
    found = []
    for key, path in files.items():
        run = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()
        answers = [run(images=images[i : i + 1]) for i in range(len(images))]
        for output in contract.SIGNATURES[key.partition("_")[0]][1]:
            wanted = live[output]
            got = np.concatenate([answer[output] for answer in answers])
            difference = np.abs(got.astype(np.float64) - wanted.numpy())
            if got.dtype == np.uint8:
                difference = (difference > 0).astype(np.float64)
            found.append(Agreement(key, output, difference.max(), difference.mean()))
    return found


def _functions(served: ServedModel) -> dict[str, Callable]:
    size = served.config.model.image_size
    answers = {
        "parts": served.portable_parts,
        "embed": lambda image: {"descriptor": served.descriptor(image)},
    }
    spec = tf.TensorSpec([1, size, size, 3], tf.uint8, name="images")
    return {
        name: tf.function(
            lambda images, answer=answers[name]: answer(to_float(images)),
            input_signature=[spec],
            autograph=False,
        ).get_concrete_function()
        for name in NAMES
    }
