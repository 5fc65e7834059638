"""Requests that a server answers before it takes a new version into service.

TF Serving reads them from `assets.extra/tf_serving_warmup_requests`, a TFRecord file of its
PredictionLog messages. Without them the first request of each signature waits for the graph to be
optimized. `export` asks the written model the same requests, in a process of its own.
"""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from igc_tf.serving import contract
from igc_tf.serving.signatures import ServedModel

#: Where TF Serving looks, below the version's folder.
FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")
BATCHES = (1, 3)


def requests(served: ServedModel, batch: int) -> list[tuple[str, dict[str, tf.Tensor]]]:
    """One request of `batch` pictures for every signature: (signature, inputs)."""
    generator = np.random.default_rng(batch)
    coarse = generator.integers(0, 256, (batch, 6, 5, 3)).astype(np.float32)
    pictures = tf.image.resize(coarse, [96, 80], method="bicubic")
    images = tf.cast(tf.clip_by_value(pictures, 0, 255), tf.uint8)
    encoders = (tf.io.encode_jpeg, tf.io.encode_png)
    files = tf.stack([encoders[i % 2](picture) for i, picture in enumerate(images)])
    given = {"images": images, "image_bytes": files}
    given.update(served.functions["capsules"](images=images))
    return [
        (signature, {name: given[name] for name in inputs})
        for signature, (inputs, _) in contract.SIGNATURES.items()
    ]


def write(served: ServedModel, folder: pathlib.Path) -> None:
    """Writes the requests of all `BATCHES` below a version's folder."""
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for batch in BATCHES:
            for signature, inputs in requests(served, batch):
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "igc"
                request.model_spec.signature_name = signature
                for name, value in inputs.items():
                    request.inputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(record.SerializeToString())
