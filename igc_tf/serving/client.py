"""Asks a model server over gRPC or REST, in TF Serving's protocols, again where that may help."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from igc_tf.serving import contract

#: A value of a request: an array of numbers, or files.
Value = np.ndarray | Sequence[bytes]

_LARGEST_MESSAGE = 1 << 30
_TRANSIENT_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_TRANSIENT_STATUS = (429, 502, 503, 504)
_UINT8_OUTPUTS = ("segmentation",)


class ServerError(ValueError):
    """The server refused a request, or cannot be reached."""

    def __init__(self, message: str, transient: bool = False):
        """Keeps whether asking again may help."""
        super().__init__(message)
        self.transient = transient


class Connection(Protocol):
    """A model on a server."""

    def predict(self, signature: str, inputs: dict[str, Value]) -> dict[str, np.ndarray]:
        """One request.

        Raises:
          ServerError: it was refused, took too long, or the server cannot be reached.
        """


class GrpcConnection:
    """Over gRPC, TF Serving's port 8500."""

    def __init__(self, address: str, model: str, label: str | None = None, timeout: float = 10.0):
        """Opens a channel; connects with the first request.

        Args:
          address: host:port.
          model: name of the model.
          label: of the version ('stable', 'canary'); the newest version by default.
          timeout: seconds a request may take.
        """
        self.address, self.timeout = address, timeout
        self._model, self._label = model, label
        size = ("grpc.max_receive_message_length", _LARGEST_MESSAGE)
        self._channel = grpc.insecure_channel(address, [size])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, signature: str, inputs: dict[str, Value]) -> dict[str, np.ndarray]:
        """See `Connection`."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        if self._label:
            request.model_spec.version_label = self._label
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            response = self._stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            code = error.code()
            raise ServerError(
                f"{self.address}: {code.name}: {error.details()}", code in _TRANSIENT_CODES
            ) from error
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


class RestConnection:
    """Over HTTP, TF Serving's port 8501."""

    def __init__(self, address: str, model: str, label: str | None = None, timeout: float = 10.0):
        """As `GrpcConnection`."""
        self.address, self.timeout = address, timeout
        version = f"/labels/{label}" if label else ""
        self._url = f"http://{address}/v1/models/{model}{version}:predict"
        self._session = requests.Session()

    def predict(self, signature: str, inputs: dict[str, Value]) -> dict[str, np.ndarray]:
        """See `Connection`."""
        request: dict[str, Any] = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        try:
            response = self._session.post(self._url, json=request, timeout=self.timeout)
        except requests.RequestException as error:
            transient = isinstance(error, requests.ConnectionError)
            raise ServerError(f"{self.address}: {error}", transient) from error
        if response.status_code != 200:
            raise ServerError(
                f"{self.address}: HTTP {response.status_code}: {_reason(response)}",
                response.status_code in _TRANSIENT_STATUS,
            )
        outputs = response.json()["outputs"]
        names = contract.SIGNATURES[signature][1]
        if len(names) == 1:  # REST gives a single output without its name.
            outputs = {names[0]: outputs}
        return {
            name: np.array(value, np.uint8 if name in _UINT8_OUTPUTS else np.float32)
            for name, value in outputs.items()
        }


CONNECTIONS: dict[str, Callable[..., Connection]] = {"grpc": GrpcConnection, "rest": RestConnection}


def predict(
    connection: Connection,
    signature: str,
    inputs: dict[str, Value],
    retries: int = 3,
    backoff: float = 0.5,
) -> dict[str, np.ndarray]:
    """A request, repeated while the server is away or too busy.

    The k-th repetition waits `backoff` 2^k seconds, give or take half, so that many clients do not
    come back at once.

    Raises:
      ServerError: the last one.
    """
    for attempt in range(retries + 1):
        try:
            return connection.predict(signature, inputs)
        except ServerError as error:
            if attempt == retries or not error.transient:
                raise
            time.sleep(backoff * 2**attempt * random.uniform(0.5, 1.5))
    raise AssertionError("unreachable")


def _to_json(value: Value) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(content).decode()} for content in value]


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
