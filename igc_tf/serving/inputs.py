"""The types of a request's inputs, and the checks of those that are capsules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from igc_tf.config import ModelConfig
from igc_tf.serving import contract, pictures

_MAX_DEGREES = 90.0
_MAX_TRANSLATION = 0.5
_SLACK = 1e-3  # that rounding may take a value beyond its range


def spec(model: ModelConfig, name: str) -> tf.TensorSpec:
    """The type of an input of `contract.INPUTS`."""
    size, parts = model.map_size, model.parts
    shape, dtype = {
        "images": ([None, None, None, 3], tf.uint8),
        "image_bytes": ([None], tf.string),
        "part_depth": ([None, parts, size, size], tf.float32),
        "part_albedo": ([None, parts, size, size, 3], tf.float32),
        "rotation_degrees": ([None, 3], tf.float32),
        "translation": ([None, 3], tf.float32),
        "light": ([None, 5], tf.float32),
    }[name]
    return tf.TensorSpec(shape, dtype, name)


def checked_capsules(model: ModelConfig, given: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The inputs of `render`, in the contract's order, after shapes and ranges were found good.

    The returned graph raises InvalidArgumentError, naming the input and the faces, if they were not.
    """
    names = contract.SIGNATURES["render"][0]
    ranges = {
        "part_depth": (model.min_depth, model.max_depth),
        "part_albedo": (0.0, 1.0),
        "rotation_degrees": (-_MAX_DEGREES, _MAX_DEGREES),
        "translation": (-_MAX_TRANSLATION, _MAX_TRANSLATION),
        "light": ([0.0, 0.0, -1e3, -1e3, -1e3], [1.0, 1.0, 1e3, 1e3, 1e3]),
    }
    hidden = [pictures.opaque(tensor) for tensor in given]
    shapes = []
    for name, tensor in zip(names, hidden, strict=True):
        wanted, shape = spec(model, name).shape[1:].as_list(), tf.shape(tensor)
        message = f"{name}: [batch, {', '.join(map(str, wanted))}] is needed, not"
        same = tf.reduce_all(tf.equal(tf.concat([shape[1:], [-1] * 8], 0)[:8], _padded(wanted)))
        shapes.append(pictures.require(same, message, shape))
    with tf.control_dependencies(shapes):
        counts = tf.stack([tf.shape(tensor)[0] for tensor in hidden])
        checks = [
            pictures.check_batch("part_depth", counts[0]),
            pictures.require(
                tf.reduce_all(counts == counts[0]),
                f"{', '.join(names)}: as many faces in each are needed; they have",
                counts,
            ),
        ]
    with tf.control_dependencies(checks):
        tensors = [
            tf.ensure_shape(tf.identity(tensor), spec(model, name).shape)
            for name, tensor in zip(names, hidden, strict=True)
        ]
        checks = [
            _within(name, tensor, *ranges[name])
            for name, tensor in zip(names, tensors, strict=True)
        ]
        length = tf.norm(tensors[-1][:, 2:], axis=1)
        checks.append(pictures.none("light: a direction of length 0 at index", length < 1e-6))
    with tf.control_dependencies(checks):
        return [tf.identity(tensor) for tensor in tensors]


def _padded(shape: list[int]) -> list[int]:
    return shape + [-1] * (8 - len(shape))


def _within(name: str, values: tf.Tensor, low: Any, high: Any) -> tf.Operation:
    """Requires `[B, ...]` in [low, high], which NaN is not; the message names the faces outside."""
    inside = tf.logical_and(
        values >= tf.constant(low) - _SLACK, values <= tf.constant(high) + _SLACK
    )
    wrong = tf.reduce_any(tf.logical_not(inside), axis=list(range(1, values.shape.rank)))
    return pictures.none(f"{name}: a value is NaN or not in {low} to {high} at index", wrong)
