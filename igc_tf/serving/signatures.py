"""The functions behind the signatures of `contract`."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from igc_tf import igc_net
from igc_tf.config import Config
from igc_tf.graphics.rasterizers import rasterizer
from igc_tf.graphics.renderer import Renderer
from igc_tf.serving import contract, inputs, pictures
from igc_tf.structures import (
    BACKGROUND,
    IGCOutput,
    Light,
    PartCapsules,
    Pose,
    Rendering,
)

_EMPTY_AREA = 1e-6  # px, of a part without a center


class ServedModel(tf.Module):
    """A model behind the `contract.SIGNATURES`."""

    def __init__(self, config: Config, model: igc_net.IGCNet):
        """Wraps a float32 model whose rasterizer is the stock-ops one.

        Raises:
          ValueError: it is another; the SavedModel would hold custom ops, or bfloat16.
        """
        super().__init__()
        if model.config.rasterizer != "tensorflow":
            raise ValueError(
                f"An exported model needs rasterizer='tensorflow', not {model.config.rasterizer!r}."
            )
        if model.encoder.compute_dtype != "float32":
            raise ValueError(
                f"An exported model computes in float32, not {model.encoder.compute_dtype}: load it "
                "under the policy 'float32'."
            )
        self.config = config
        # Out of tracking's sight: the SavedModel shall hold the signatures' graphs, and nothing of
        # Keras that a reader would rebuild objects from.
        self._model = _Untracked(model)
        self._portable = Renderer(
            (config.model.image_size,) * 2,
            config.model.fov_degrees,
            config.model.max_depth,
            rasterizer.PORTABLE,
        )
        unused = {id(weight) for weight in model.confidence.weights} if model.confidence else set()
        self.weights = [weight for weight in model.weights if id(weight) not in unused]
        size = config.model.image_size
        # Traced once: what a signature does not return, TensorFlow leaves out when it runs it.
        self._answer = _Untracked(
            tf.function(
                self._every_output,
                input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32)],
                autograph=False,
            )
        )
        self._functions = _Untracked({name: self._function(name) for name in contract.SIGNATURES})

    @property
    def functions(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """By signature; takes the inputs by name, gives the outputs by name."""
        return self._functions.value

    def _function(self, name: str) -> tf.types.experimental.ConcreteFunction:
        answers = {
            "serving_default": self._from_images,
            "serialized": self._from_files,
            "parts_portable": self._parts_portable,
            "render": self._render,
        }
        answer = answers.get(name, self._from_images)
        given, outputs = contract.SIGNATURES[name]

        def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            found = answer(*tensors)
            return {output: found[output] for output in outputs}

        call.__name__ = name
        specs = [inputs.spec(self.config.model, name) for name in given]
        return tf.function(call, input_signature=specs, autograph=False).get_concrete_function()

    def _from_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        size = self.config.model.image_size
        return self._answer.value(
            pictures.resized(pictures.checked(images), self.config.data, size)
        )

    def _from_files(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        size = self.config.model.image_size
        return self._answer.value(pictures.decoded(image_bytes, self.config.data, size))

    def _parts_portable(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        size = self.config.model.image_size
        images = pictures.checked(images)
        return self.portable_parts(pictures.resized_portably(images, self.config.data, size))

    def portable_parts(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """`parts` of `[B, S, S, 3]` float32 pictures in [0, 1], in ops that every engine has."""
        output = self._model.value(image)
        capsule = output.object
        rendering = self._portable(
            capsule.depth, capsule.albedo, output.light, output.pose, visibility=capsule.visibility
        )
        return self._view(rendering)

    def answer(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """All outputs of photos of `[B, S, S, 3]` float32 pictures in [0, 1], already cut."""
        return self._answer.value(image)

    def descriptor(self, image: tf.Tensor) -> tf.Tensor:
        """`embed` of `[B, S, S, 3]` float32 pictures in [0, 1]."""
        return _descriptor(self._model.value(image))

    def _every_output(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Every output that photos `[B, S, S, 3]` have."""
        output = self._model.value(image)
        rendering, light = output.rendering, output.light
        return {
            "image": image,
            **self._view(rendering),
            "part_depth": output.parts.depth,
            "part_albedo": output.parts.albedo,
            "canonical_visibility": output.object.visibility,
            "shape_embedding": output.parts.embeddings.shape,
            "albedo_embedding": output.parts.embeddings.albedo,
            "depth": output.object.depth,
            "albedo": output.object.albedo,
            "normals": rendering.normals,
            "shading": rendering.shading,
            "canonical_image": rendering.canonical_image,
            "reconstruction": tf.clip_by_value(rendering.image, 0.0, 1.0),
            "mask": rendering.mask,
            "alpha": rendering.alpha,
            "rotation_degrees": output.pose.rotation * (180.0 / math.pi),
            "translation": output.pose.translation,
            "light": tf.concat(
                [light.ambient[:, tf.newaxis], light.diffuse[:, tf.newaxis], light.direction], 1
            ),
            "descriptor": _descriptor(output),
        }

    def _view(self, rendering: Rendering) -> dict[str, tf.Tensor]:
        """Parts in the photo's view; what the canvas leaves uncovered is the background's."""
        uncovered = tf.one_hot(BACKGROUND, self.config.model.parts)[:, tf.newaxis, tf.newaxis] * (
            1.0 - rendering.mask[:, tf.newaxis]
        )
        visibility = rendering.part_visibility + uncovered
        return {
            "segmentation": tf.cast(tf.argmax(visibility, axis=1), tf.uint8),
            "part_visibility": visibility,
            "part_centers": _centers(visibility),
        }

    def _render(self, *given: tf.Tensor) -> dict[str, tf.Tensor]:
        model = self._model.value
        depth, albedo, degrees, translation, light = inputs.checked_capsules(model.config, given)
        parts = PartCapsules(None, depth, albedo, None)  # type: ignore[arg-type]
        capsule = model.assemble(parts)
        view = Pose(degrees * (math.pi / 180.0), translation)
        direction = tf.math.l2_normalize(light[:, 2:], axis=1)
        light = Light(light[:, 0], light[:, 1], direction)
        rendering = model.render(capsule, light, view, capsule.visibility, with_alpha=True)
        return {
            "rendering": tf.clip_by_value(rendering.image, 0.0, 1.0),
            "mask": rendering.mask,
            "alpha": rendering.alpha,
            "segmentation": self._view(rendering)["segmentation"],
        }


class _Untracked:
    """Hides an object from TensorFlow's tracking of attributes."""

    def __init__(self, value: Any):
        self.value = value


def _centers(visibility: tf.Tensor) -> tf.Tensor:
    """Mean (x, y) of maps `[B, M, H, W]`, `[B, M, 2]` px; -1 where a map is empty."""
    columns, rows = tf.reduce_sum(visibility, axis=2), tf.reduce_sum(visibility, axis=3)
    area = tf.reduce_sum(rows, axis=2)
    seen = area > _EMPTY_AREA
    means = [
        tf.reduce_sum(along * (tf.range(along.shape[2], dtype=tf.float32) + 0.5), axis=2)
        / tf.where(seen, area, 1.0)
        for along in (columns, rows)
    ]
    return tf.where(seen[..., tf.newaxis], tf.stack(means, axis=2), -1.0)


def _descriptor(output: IGCOutput) -> tf.Tensor:
    """Shape and albedo embeddings of all parts, each block and then the whole of length 1 [choice]."""
    blocks = []
    for embedding in (output.parts.embeddings.shape, output.parts.embeddings.albedo):
        flat = tf.reshape(embedding, [-1, embedding.shape[1] * embedding.shape[2]])
        blocks.append(tf.math.l2_normalize(flat, axis=1))
    return tf.math.l2_normalize(tf.concat(blocks, axis=1), axis=1)
