"""Loads a SavedModel in a process that has seen nothing of igc_tf, and answers its warm-up requests.

    python -m igc_tf.serving.reload models/igc/1 answers.npz

The answers lie in the file as `<number of the request>/<output>`. It needs stock TensorFlow alone, as a
server does.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


def main(saved_model: str, answers: str) -> None:
    """Writes the answers to all warm-up requests."""
    signatures = tf.saved_model.load(saved_model).signatures
    path = pathlib.Path(saved_model) / "assets.extra" / "tf_serving_warmup_requests"
    found = {}
    for number, record in enumerate(tf.data.TFRecordDataset(str(path))):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        answer = signatures[request.model_spec.signature_name](**inputs)
        found.update({f"{number}/{name}": value.numpy() for name, value in answer.items()})
    np.savez(answers, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
