"""Writes a trained model as a versioned SavedModel, the layout TF Serving polls."""

from __future__ import annotations

import math
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.config import Config
from igc_tf.datasets.pipeline import to_float
from igc_tf.structures import BACKGROUND

#: Custom ops that igc_tf itself may have loaded into this process.
_LOADED_OPS = frozenset(("RasterizeTriangles",))
#: Every output of `serving_default`, with its shape and unit.
OUTPUTS = {
    "segmentation": "[B, S, S] uint8, part numbers in the photo's view, 0 the background",
    "part_visibility": "[B, M, S, S] float32, in the photo's view",
    "part_depth": "[B, M, h, w] float32, canonical view",
    "part_albedo": "[B, M, h, w, 3] float32 in [0, 1], canonical view",
    "depth": "[B, h, w] float32, canonical view",
    "albedo": "[B, h, w, 3] float32 in [0, 1], canonical view",
    "normals": "[B, h, w, 3] float32 unit vectors, canonical view",
    "shading": "[B, h, w] float32, canonical view",
    "reconstruction": "[B, S, S, 3] float32 in [0, 1]",
    "rotation_degrees": "[B, 3] float32 (pitch, yaw, roll)",
    "translation": "[B, 3] float32",
    "light": "[B, 5] float32 (ambient, diffuse, direction x, y, z)",
}


class ServedModel(tf.Module):
    """A model behind a uint8 signature."""

    def __init__(self, model: igc_net.IGCNet):
        """Wraps a model whose rasteriser is the stock-ops one.

        Raises:
          ValueError: it is another; the SavedModel would hold custom ops.
        """
        super().__init__()
        if model.config.rasterizer != "tensorflow":
            raise ValueError(
                f"An exported model needs rasterizer='tensorflow', not {model.config.rasterizer!r}."
            )
        self.model = model
        self.size = model.config.image_size

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")],
        autograph=False,
    )
    def reconstruct(self, images):
        """Takes RGB photos of any size, square crops best, apart into `OUTPUTS`."""
        image = to_float(images)
        image = tf.image.resize(image, [self.size, self.size], antialias=True)
        image = tf.clip_by_value(image, 0.0, 1.0)
        output = self.model(image)
        rendering = output.rendering
        uncovered = tf.one_hot(BACKGROUND, self.model.config.parts)[:, tf.newaxis, tf.newaxis] * (
            1.0 - rendering.mask[:, tf.newaxis]
        )
        visibility = rendering.part_visibility + uncovered
        light = output.light
        return {
            "segmentation": tf.cast(tf.argmax(visibility, axis=1), tf.uint8),
            "part_visibility": visibility,
            "part_depth": output.parts.depth,
            "part_albedo": output.parts.albedo,
            "depth": output.object.depth,
            "albedo": output.object.albedo,
            "normals": rendering.normals,
            "shading": rendering.shading,
            "reconstruction": tf.clip_by_value(rendering.image, 0.0, 1.0),
            "rotation_degrees": output.pose.rotation * (180.0 / math.pi),
            "translation": output.pose.translation,
            "light": tf.concat(
                [light.ambient[:, tf.newaxis], light.diffuse[:, tf.newaxis], light.direction], 1
            ),
        }


def export(config: Config, model: igc_net.IGCNet, export_dir: str | pathlib.Path) -> pathlib.Path:
    """Writes `export_dir/<version>/`, the next free version, and checks it.

    It is written aside, loaded back, compared with the live model, and only then renamed, so that a
    server that polls the folder never sees half a model.

    Args:
      config: of the model; kept as an asset beside it.
      model: with its weights, its rasteriser 'tensorflow'.
      export_dir: the folder of all versions.

    Returns:
      The folder of the new version.

    Raises:
      ValueError: the model holds custom ops, or what was loaded back differs from it.
    """
    export_dir = pathlib.Path(export_dir)
    export_dir.mkdir(parents=True, exist_ok=True)
    served = ServedModel(model)
    aside = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=export_dir))
    try:
        tf.saved_model.save(served, str(aside), signatures={"serving_default": served.reconstruct})
        config_lib.save(config, aside / "assets")
        _compare(served, aside)
        version = 1 + max(
            (int(path.name) for path in export_dir.iterdir() if path.name.isdigit()), default=0
        )
        aside.chmod(0o755)
        return aside.rename(export_dir / str(version))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def custom_ops(saved_model_dir: str | pathlib.Path) -> set[str]:
    """Names of ops in a SavedModel's graphs that stock TensorFlow has not."""
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework import op_def_registry

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((pathlib.Path(saved_model_dir) / "saved_model.pb").read_bytes())
    names = set()
    for graph in (meta.graph_def for meta in proto.meta_graphs):
        functions = {function.signature.name for function in graph.library.function}
        names.update(node.op for node in graph.node)
        for function in graph.library.function:
            names.update(node.op for node in function.node_def)
        names -= functions
    # An op may be known to this process alone, because it loaded the op's library.
    return {
        name
        for name in names
        if ">" in name or name in _LOADED_OPS or op_def_registry.get(name) is None
    }


def _compare(served: ServedModel, folder: pathlib.Path) -> None:
    """Loads a SavedModel back and holds it against the live model."""
    custom = custom_ops(folder)
    if custom:
        raise ValueError(f"The exported graph holds custom ops, which TF Serving lacks: {custom}.")
    loaded = tf.saved_model.load(str(folder)).signatures["serving_default"]
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (3, 48, 80, 3), dtype=np.uint8))
    live, back = served.reconstruct(images), loaded(images=images)
    for name, value in live.items():
        difference = np.abs(value.numpy().astype(np.float64) - back[name].numpy()).max()
        if not difference <= 1e-4:
            raise ValueError(
                f"The exported model's {name} differs from the live one's by {difference}."
            )
