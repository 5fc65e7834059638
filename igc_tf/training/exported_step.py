"""The training step as one program of XLA, which a machine without TensorFlow can run.

TensorFlow 2.15 knows no GPU driver of today; JAX does. So TensorFlow traces the step here, augmentation,
losses, gradients and update in it, and writes it down; `tools/run_step.py` runs it there; what it has
trained comes back as a checkpoint of the run. A step's folder holds:

    step.hlo.xz   the program: (photos, step, variables) to (report, new variables); an HloModuleProto
    start.npz     the variables before the first step, and the program's constants
    photos.npz    the training photos, and what lies beside them
    layout.json   what the program's inputs and outputs are, and the schedule of the learning rate
"""

from __future__ import annotations

import dataclasses
import io
import json
import lzma
import pathlib
import re
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image
from tensorflow.compiler.xla import xla_data_pb2
from tensorflow.compiler.xla.service import hlo_pb2

from igc_tf.datasets.augmentation import Augmentation
from igc_tf.graphics.rasterizers import rasterizer
from igc_tf.training.optimizers import FINAL_SHARE
from igc_tf.training.trainer import Trainer

#: Products of at most this many numbers are of points; TensorFloat-32 would leave them ten bits.
_COORDINATES = 4
#: Quality of the photos where small files are asked for, about 42 dB [choice].
_WEBP_QUALITY = 95


def compiled(trainer: Trainer) -> tuple[Any, tf.Variable]:
    """The step as one `tf.function` that XLA compiles, on one device.

    Args:
      trainer: opened with TensorFlow's default strategy; its step must not have been taken yet.

    Returns:
      (photos `[B, S, S, 3]` uint8, with clusters what lies beside them, step) to the two vectors of
      `TrainingStep.on_one_device`; and the variable that its learning rate is read from, 0 now.
    """
    training, size = trainer.config.training, trainer.config.model.image_size
    trainer.model.renderer.backend = rasterizer.XLA
    rate = tf.Variable(0.0, trainable=False)
    trainer.optimizer.learning_rate = rate
    augmentation = Augmentation(trainer.config.data, training.batch_size, training.seed)
    signature = [tf.TensorSpec([training.batch_size, size, size, 3], tf.uint8, name="photos")]
    if trainer.clusters:
        shape = trainer.clusters.distances.shape[1:]
        signature.append(tf.TensorSpec([training.batch_size, *shape], tf.float16, name="beside"))
    signature.append(tf.TensorSpec([], tf.int64, name="step"))

    def step(*arguments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        *maps, number = arguments
        maps = [augmentation(one, number) for one in maps]
        batch = tuple(maps) if len(maps) > 1 else maps[0]
        return trainer.step.on_one_device(batch, number * training.batch_size)

    function = tf.function(step, input_signature=signature, autograph=False, jit_compile=True)
    return function, rate


def write(trainer: Trainer, folder: str | pathlib.Path, small: bool = False) -> None:
    """Writes the step of a run.

    Args:
      trainer: see `compiled`.
      folder: to write to.
      small: photos as WebP and distances as bytes, a quarter of the size, in place of exact ones.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    function, rate = compiled(trainer)
    signature = function.input_signature
    concrete = function.get_concrete_function()
    get_ir = function.experimental_get_compiler_ir(
        *(tf.zeros(spec.shape, spec.dtype) for spec in signature)
    )
    module = hlo_pb2.HloModuleProto.FromString(get_ir(stage="hlo_serialized"))
    aliases = _aliases(get_ir(stage="hlo"))

    training = trainer.config.training
    variables = {**_variables(trainer), "rate": rate}
    by_handle = {id(variable.handle): key for key, variable in variables.items()}
    arrays = {key: variable.numpy() for key, variable in variables.items()}
    inputs: list[dict[str, Any]] = [{"key": spec.name} for spec in signature]
    for captured in concrete.captured_inputs:
        if captured.dtype == tf.resource:
            inputs.append({"key": by_handle[id(captured)]})
        else:
            inputs.append({"key": f"constant/{len(inputs)}"})
            arrays[inputs[-1]["key"]] = captured.numpy()
    shape = module.host_program_shape
    outputs: list[dict[str, Any]] = [{"key": "report"}, {"key": "finite"}]
    outputs += [
        {"key": inputs[aliases[number]]["key"]}
        for number in range(len(outputs), len(shape.result.tuple_shapes))
    ]
    for entries, shapes in ((inputs, shape.parameters), (outputs, shape.result.tuple_shapes)):
        for entry, found in zip(entries, shapes, strict=True):
            dtype = xla_data_pb2.PrimitiveType.Name(found.element_type).lower()
            entry.update(dtype=dtype, shape=list(found.dimensions))

    _finish(module)
    (folder / "step.hlo.xz").write_bytes(lzma.compress(module.SerializeToString()))
    np.savez_compressed(folder / "start.npz", **arrays)  # a new run's moments are zeros
    _write_photos(trainer, folder / "photos.npz", small)
    layout = {
        "inputs": inputs,
        "outputs": outputs,
        "report": trainer.step.names,
        "training": {**dataclasses.asdict(training), "steps": trainer.total_steps},
        "final_share": FINAL_SHARE,
    }
    (folder / "layout.json").write_text(json.dumps(layout, indent=1) + "\n")
    logging.info("Wrote the step to %s.", folder)


def take(trainer: Trainer, arrays: dict[str, np.ndarray]) -> int:
    """Makes what another machine has trained a checkpoint of the run.

    Args:
      trainer: of the run whose step it was.
      arrays: `tools/run_step.py`'s.

    Returns:
      The step that the run now stands at.

    Raises:
      ValueError: they are of another model, not finite, or not further than the run.
    """
    for key, variable in _variables(trainer).items():
        found = arrays.get(key)
        if found is None or found.shape != tuple(variable.shape):
            raise ValueError(
                f"No {variable.name} of {variable.shape} is in it: another run's step?"
            )
        if not np.isfinite(found).all():
            raise ValueError(f"{variable.name} is not finite in it.")
    step = int(arrays["optimizer/000"])
    if step <= int(trainer.step_counter.numpy()):
        raise ValueError(
            f"It stands at step {step}, and the run at {int(trainer.step_counter.numpy())} already."
        )
    for key, variable in _variables(trainer).items():
        variable.assign(arrays[key])
    trainer.step_counter.assign(step)
    trainer.checkpoints.save(checkpoint_number=step)
    if "finished" in arrays or step >= trainer.total_steps:
        trainer.run.mark_done(step, step * trainer.config.training.batch_size)
    return step


def _variables(trainer: Trainer) -> dict[str, tf.Variable]:
    """All that a step reads or changes, by keys that no layer's name is in.

    'model/i' and 'optimizer/i' count the weights of each; the optimizer's first is its step. 'hyper/name'
    are numbers of the optimizer that no step changes.
    """
    found = {f"model/{number:03}": one for number, one in enumerate(trainer.model.weights)}
    found |= {f"optimizer/{n:03}": one for n, one in enumerate(trainer.optimizer.weights)}
    hyper = trainer.optimizer._hyper  # noqa: SLF001 - Keras' legacy optimizers tell it nowhere else
    found |= {
        f"hyper/{name}": value
        for name, value in hyper.items()
        if isinstance(value, tf.Variable) and name != "learning_rate"
    }
    return found


def _aliases(text: str) -> dict[int, int]:
    """Which input each output replaces, from the first line of a module's text."""
    found = re.findall(r"\{(\d+)\}: \((\d+), \{\}", text.split("\n", 1)[0])
    return {int(output): int(parameter) for output, parameter in found}


def _finish(module: hlo_pb2.HloModuleProto) -> None:
    """Sets the precision of products of points, and drops what another XLA does not take."""
    highest = xla_data_pb2.PrecisionConfig.HIGHEST
    for computation in module.computations:
        _drop_copies(computation)
        shapes = {one.id: list(one.shape.dimensions) for one in computation.instructions}
        for instruction in computation.instructions:
            for field in ("source_file", "source_line"):
                instruction.metadata.ClearField(field)
            if instruction.opcode == "dot":
                contracted = instruction.dot_dimension_numbers.lhs_contracting_dimensions
                left = shapes[instruction.operand_ids[0]]
                if max((left[axis] for axis in contracted), default=1) <= _COORDINATES:
                    instruction.precision_config.operand_precision[:] = [highest, highest]


def _drop_copies(computation: hlo_pb2.HloComputationProto) -> None:
    """Takes out `copy`, which TensorFlow puts before results and StableHLO does not have."""
    meant = {i.id: i.operand_ids[0] for i in computation.instructions if i.opcode == "copy"}

    def resolve(number: int) -> int:
        while number in meant:
            number = meant[number]
        return number

    kept = [i for i in computation.instructions if i.id not in meant]
    for instruction in kept:
        instruction.operand_ids[:] = [resolve(number) for number in instruction.operand_ids]
    computation.root_id = resolve(computation.root_id)
    copies = [type(kept[0]).FromString(i.SerializeToString()) for i in kept]
    del computation.instructions[:]
    computation.instructions.extend(copies)


def _write_photos(trainer: Trainer, path: pathlib.Path, small: bool) -> None:
    images = np.asarray(trainer.photos.images)
    beside = trainer.clusters.distances if trainer.clusters else None
    arrays: dict[str, np.ndarray] = {}
    if small:
        files = []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "WEBP", quality=_WEBP_QUALITY, method=6)
            files.append(file.getvalue())
        arrays["files"] = np.frombuffer(b"".join(files), np.uint8)
        arrays["ends"] = np.cumsum([len(file) for file in files])
        if beside is not None:
            scale = np.asarray(
                np.percentile(beside[:: len(beside) // 500 + 1], 99.9) / 255, np.float32
            )
            arrays["beside_bytes"] = np.clip(np.round(beside / scale), 0, 255).astype(np.uint8)
            arrays["beside_scale"] = scale
    else:
        arrays["images"] = images
        if beside is not None:
            arrays["beside"] = beside
    np.savez_compressed(path, **arrays)
