"""TFLite files for phones and browsers: signatures for one picture, in built-in ops alone."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf.datasets import crops
from igc_tf.datasets.pipeline import to_float
from igc_tf.disk import write_text
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
    for name in NAMES:
        for kind in KINDS:
            key = name if kind == "float32" else f"{name}_{kind}"
            files[key] = folder / f"{key}.tflite"
            files[key].write_bytes(_converted(served, name, kind))
    return files


def convert_for_web(
    served: ServedModel,
    folder: str | pathlib.Path,
    colors: Sequence[Sequence[int]],
    trained_on: str = "",
) -> dict[str, pathlib.Path]:
    """Writes what the page in `web/` needs of a model: `capsules.tflite` and `model.json`.

    The first takes `images`, `[1, S, S, 3]` uint8, already cut, and gives the outputs of the signature
    `capsules`, float32; of released weights, rounded as they are, it packs to 60 %. The second holds the
    constants by which the page assembles, lights and turns them, how it cuts a photo at first, and where
    eyes and mouth belong.

    Args:
      served: the model.
      folder: made if it is not there.
      colors: of each part, RGB in [0, 255].
      trained_on: what the page says of the data that the model was trained on.

    Returns:
      `{"capsules": path}`, for `agreement`.

    Raises:
      ValueError: an op of the graph is not among TFLite's built-in ones.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, data = served.config.model, served.config.data
    place = crops.template(data)
    centered = data.crop == "center"
    about = {
        "image_size": model.image_size,
        "map_size": model.map_size,
        "parts": [
            {"name": name, "color": [int(value) for value in color]}
            for name, color in zip(model.capsule_names, colors, strict=True)
        ],
        "fov_degrees": model.fov_degrees,
        "assembly_sharpness": model.assembly_sharpness,
        "visibility_sharpness": model.visibility_sharpness,
        "border_depth": model.border_depth,
        "static_background": model.static_background,
        "crop_scale": data.crop_scale if centered else 1.0,
        "crop_center_y": data.crop_center_y if centered else 0.5,
        "eyes_and_mouth": None if place is None else place.tolist(),
        "trained_on": trained_on,
    }
    path = folder / "capsules.tflite"
    path.write_bytes(_converted(served, "capsules", "float32"))
    write_text(folder / "model.json", json.dumps(about, indent=1) + "\n")
    return {"capsules": path}


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


def _converted(served: ServedModel, name: str, kind: str) -> bytes:
    """A TFLite file of one function, of one of `KINDS`."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_function(served, name)], served)
    if kind == "dynamic_range":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        with silenced():
            return converter.convert()
    except Exception as error:  # The converter has an exception class of its own.
        raise ValueError(f"{name} cannot be converted to TFLite: {error}") from error


def _function(served: ServedModel, name: str) -> Callable:
    size = served.config.model.image_size
    outputs = contract.SIGNATURES[name][1]

    def capsules(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found = served.answer(image)
        return {output: found[output] for output in outputs}

    answer = {
        "parts": served.portable_parts,
        "embed": lambda image: {"descriptor": served.descriptor(image)},
        "capsules": capsules,
    }[name]
    spec = tf.TensorSpec([1, size, size, 3], tf.uint8, name="images")
    return tf.function(
        lambda images: answer(to_float(images)), input_signature=[spec], autograph=False
    ).get_concrete_function()
