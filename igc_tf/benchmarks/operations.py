"""Floating-point operations and bytes of a traced graph, from its layers' shapes."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf


class Work(NamedTuple):
    """What a graph must do, whoever does it."""

    operations: float  #: multiplications and additions of convolutions and matrix products
    bytes: float  #: what those read and write, each operand once


def count(function: tf.types.experimental.ConcreteFunction) -> Work:
    """Counts convolutions and matrix products, their gradients among them.

    Element-wise work is left out: a perfect implementation would do it while a value is at hand.

    Args:
      function: traced with static shapes. Operations in functions that it calls count too.

    Returns:
      The work of one call.
    """
    operations = moved = 0.0
    for graph in _graphs(function.graph):
        for op in graph.get_operations():
            found = _operations(op)
            if found:
                operations += found
                moved += sum(_bytes(tensor) for tensor in (*op.inputs, *op.outputs))
    return Work(operations, moved)


def _graphs(graph: tf.Graph) -> list[tf.Graph]:
    found = [graph]
    for name in graph._functions:  # noqa: SLF001 - TensorFlow has no public list of them
        definition = graph._get_function(name)  # noqa: SLF001
        inner = getattr(definition, "graph", None)
        if inner is not None and inner is not graph:
            found.append(inner)
    return found


def _operations(op: tf.Operation) -> float:
    """2 per multiply-add of one operation; 0 for what is neither a convolution nor a product."""
    kind = op.type
    if kind == "Conv2D":
        return 2 * _taps(op.inputs[1].shape) * _size(op.outputs[0].shape)
    if kind == "Conv2DBackpropInput":  # inputs: sizes, kernel, gradient of the output
        return 2 * _taps(op.inputs[1].shape) * _size(op.inputs[2].shape)
    if kind == "Conv2DBackpropFilter":  # inputs: image, sizes, gradient of the output
        return 2 * _taps(op.outputs[0].shape) * _size(op.inputs[2].shape)
    if kind == "MatMul":
        rows = op.inputs[0].shape
        inner = rows[0] if op.get_attr("transpose_a") else rows[1]
        return 2 * inner * _size(op.outputs[0].shape)
    if kind == "BatchMatMulV2":
        inner = op.inputs[0].shape[-2 if op.get_attr("adj_x") else -1]
        return 2 * inner * _size(op.outputs[0].shape)
    return 0


def _taps(kernel: tf.TensorShape) -> int:
    return kernel[0] * kernel[1] * kernel[2]


def _size(shape: tf.TensorShape) -> int:
    return math.prod(shape.as_list())


def _bytes(tensor: tf.Tensor) -> int:
    return _size(tensor.shape) * tensor.dtype.size if tensor.shape.is_fully_defined() else 0
