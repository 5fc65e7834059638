"""Writes a trained model as a versioned SavedModel, the layout TF Serving polls."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.config import Config
from igc_tf.paths import is_pattern
from igc_tf.serving import reload, warmup
from igc_tf.serving.signatures import ServedModel

#: How far an output may be from the live model's.
TOLERANCE = 1e-4

#: Of TensorFlow itself, but they call the Python of the process that made them.
_PYTHON_OPS = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))
_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


def export(config: Config, model: igc_net.IGCNet, export_dir: str | pathlib.Path) -> pathlib.Path:
    """Writes `export_dir/<version>/`, the next free version, and checks it.

    It is written aside, loaded in a fresh process, compared with the live model output by output, and
    only then renamed, so that a server that polls the folder never sees half a model.

    Args:
      config: of the model; kept as an asset beside it.
      model: with its weights, float32, its rasterizer 'tensorflow'.
      export_dir: the folder of all versions.

    Returns:
      The folder of the new version.

    Raises:
      ValueError: the model holds custom ops, it cannot be loaded back, what was loaded back differs
        from it, or TensorFlow could not load a model from that folder.
    """
    export_dir = pathlib.Path(export_dir)
    if is_pattern(export_dir.resolve()):
        raise ValueError(
            f"--export_dir={export_dir.resolve()}: TensorFlow loads no model from a path with [, ], *, "
            "? or \\. Give another folder."
        )
    export_dir.mkdir(parents=True, exist_ok=True)
    served = ServedModel(config, model)
    aside = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=export_dir))
    try:
        tf.saved_model.save(served, str(aside), signatures=served.functions)
        _write_assets(config, aside / "assets")
        warmup.write(served, aside)
        _check(served, aside)
        aside.chmod(0o755)
        return _rename_to_next_version(aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def custom_ops(saved_model_dir: str | pathlib.Path) -> set[str]:
    """Names of ops in a SavedModel's graphs that a stock server of TensorFlow has not.

    Stock are those of `tf.raw_ops`, a list that TensorFlow's package was built with: no library that
    a process loads adds to it, where the registry of ops knows this process's own ones, too.
    """
    return {
        name
        for name in ops(saved_model_dir)
        if name in _PYTHON_OPS or not callable(getattr(tf.raw_ops, name, None))
    }


def ops(saved_model_dir: str | pathlib.Path) -> set[str]:
    """Names of all ops in a SavedModel's graphs."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((pathlib.Path(saved_model_dir) / "saved_model.pb").read_bytes())
    names: set[str] = set()
    for graph in (meta.graph_def for meta in proto.meta_graphs):
        functions = {function.signature.name for function in graph.library.function}
        names.update(node.op for node in graph.node)
        for function in graph.library.function:
            names.update(node.op for node in function.node_def)
        names -= functions
    return names


def _write_assets(config: Config, folder: pathlib.Path) -> None:
    config_lib.save(config, folder)
    labels = {str(number): name for number, name in enumerate(config.model.capsule_names)}
    (folder / "labels.json").write_text(json.dumps(labels, indent=2) + "\n")
    shutil.copyfile(_PACKAGE / "LICENSE", folder / "LICENSE")


def _rename_to_next_version(aside: pathlib.Path) -> pathlib.Path:
    """Renames to the next integer; another export may take it first."""
    while True:
        versions = [int(path.name) for path in aside.parent.iterdir() if path.name.isdigit()]
        target = aside.parent / str(1 + max(versions, default=0))
        try:
            return aside.rename(target)
        except OSError:
            if not target.exists():
                raise


def _check(served: ServedModel, folder: pathlib.Path) -> None:
    """Loads a SavedModel in a fresh process and holds it against the live model."""
    custom = custom_ops(folder)
    if custom:
        raise ValueError(f"The exported graph holds custom ops, which TF Serving lacks: {custom}.")
    with tempfile.TemporaryDirectory() as answers_dir:
        path = pathlib.Path(answers_dir) / "answers.npz"
        _answer_in_fresh_process(folder, path)
        with np.load(path, allow_pickle=False) as answers:
            _compare(served, answers)


def _answer_in_fresh_process(folder: pathlib.Path, answers: pathlib.Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", reload.__name__, str(folder.resolve()), str(answers)],
        cwd=_PACKAGE.parent,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise ValueError(f"The exported model cannot be loaded back:\n{process.stderr[-2000:]}")


def _compare(served: ServedModel, answers: Mapping[str, np.ndarray]) -> None:
    number = 0
    for batch in warmup.BATCHES:
        for signature, inputs in warmup.requests(served, batch):
            for name, live in served.functions[signature](**inputs).items():
                back = answers[f"{number}/{name}"].astype(np.float64)
                if back.shape != live.shape:
                    raise ValueError(f"{signature}: {name} is {back.shape}, live {live.shape}.")
                difference = np.abs(live.numpy() - back).max()
                if not difference <= TOLERANCE:
                    raise ValueError(
                        f"The exported model's {name} of {signature} differs from the live one's by "
                        f"{difference}."
                    )
            number += 1
