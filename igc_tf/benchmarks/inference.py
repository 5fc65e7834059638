"""The exported SavedModel beside the live Keras model it was made of."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from igc_tf import igc_net
from igc_tf.benchmarks import timing
from igc_tf.benchmarks.timing import Timing
from igc_tf.config import Config
from igc_tf.datasets.pipeline import to_float
from igc_tf.serving.signatures import ServedModel
from igc_tf.structures import IGCOutput


def compare(
    config: Config, batches: tuple[int, ...], seconds: float
) -> dict[int, dict[str, Timing]]:
    """Saves a model of `config` as exports are, loads it back and times both on uint8 pictures.

    The live model is called as `inference.predict` calls it, with the rasterizer of the export, and
    with the one it would choose itself.

    Args:
      config: of the architecture; the weights are random, which costs the same.
      batches: numbers of pictures at a time.
      seconds: for each of them.

    Returns:
      Timings `{batch: {"live", "live_own", "exported"}}` of a batch; "live_own" chose its rasterizer.
    """
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")
    try:
        config = config.replace(rasterizer="tensorflow")
        model = igc_net.build(config)
        own = igc_net.build(config.replace(rasterizer="auto"))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    live, live_own = (_graph_of(keras_model) for keras_model in (model, own))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        served = ServedModel(config, model)
        tf.saved_model.save(served, folder, signatures=served.functions)
        exported = tf.saved_model.load(folder).signatures["serving_default"]
        for batch in batches:
            size = config.model.image_size
            pictures = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
            images = tf.constant(pictures)
            functions = {
                "live": functools.partial(live, images),
                "live_own": functools.partial(live_own, images),
                "exported": functools.partial(exported, images=images),
            }
            found[batch] = timing.alternate(functions, seconds)
    return found


def _graph_of(model: igc_net.IGCNet) -> Callable[[tf.Tensor], IGCOutput]:
    return tf.function(lambda images: model(to_float(images)), autograph=False)
