"""A server for tests: TF Serving's gRPC and REST protocols, with the official messages, on a real model.

    python -m tests.serving.server FOLDER_OF_VERSIONS [gRPC port [REST port]]

It prints the two ports it listens on as JSON and serves every version, the newest by default. It is no
replacement of TF Serving: no batching, no reloading.
"""

from __future__ import annotations

import base64
import concurrent.futures
import http.server
import json
import os
import pathlib
import re
import sys
import threading
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

NAME = "igc"
_LARGEST_MESSAGE = 1 << 30
_CODES = {code.value[0]: code for code in grpc.StatusCode}
#: What the wrong kind of JSON raises on the way to arrays.
_BAD_JSON = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
_HTTP = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.INTERNAL: 500}


class RequestError(Exception):
    """A request that is answered with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code


class Version(NamedTuple):
    number: int
    model: object
    meta_graph: object  #: MetaGraphDef


class Models:
    """The versions of one model."""

    def __init__(self, folder: pathlib.Path):
        self.versions = {}
        for path in sorted(folder.iterdir()):
            if path.name.isdigit():
                self.versions[int(path.name)] = Version(
                    int(path.name), tf.saved_model.load(str(path)), _meta_graph(path)
                )

    def find(self, name: str, number: int | None) -> Version:
        if name != NAME:
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found: {name}")
        number = number or max(self.versions)
        if number not in self.versions:
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"No version {number} of {name}")
        return self.versions[number]


def _meta_graph(path: pathlib.Path):
    proto = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0]


def answer(version: Version, signature: str, inputs: dict[str, np.ndarray]) -> dict:
    """Runs a signature, with TF Serving's checks of names and types.

    Raises:
      RequestError: as TF Serving would answer.
    """
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    signature = signature or "serving_default"
    if signature not in version.model.signatures:
        raise RequestError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f'Serving signature key "{signature}" not found.',
        )
    function = version.model.signatures[signature]
    specs = function.structured_input_signature[1]
    if set(inputs) != set(specs):
        raise RequestError(
            invalid, f"input names differ: expected {sorted(specs)}, got {sorted(inputs)}"
        )
    tensors = {}
    for name, value in inputs.items():
        dtype = tf.as_dtype(value.dtype) if value.dtype != object else tf.string
        if dtype != specs[name].dtype:
            raise RequestError(
                invalid, f"{name} is {dtype.name}; expected {specs[name].dtype.name}"
            )
        tensors[name] = tf.constant(value, dtype)
    try:
        return {name: value.numpy() for name, value in function(**tensors).items()}
    except tf.errors.OpError as error:
        raise RequestError(_CODES[error.error_code], error.message) from error
    except (TypeError, ValueError) as error:  # a shape that the signature rules out
        raise RequestError(invalid, str(error)) from error


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC service of predictions."""

    def __init__(self, models: Models):
        self.models = models

    def Predict(self, request, context):
        try:
            number = request.model_spec.version.value
            version = self.models.find(request.model_spec.name, number)
            inputs = {name: _array(value) for name, value in request.inputs.items()}
            found = answer(version, request.model_spec.signature_name, inputs)
        except RequestError as error:
            context.abort(error.code, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.name = NAME
        response.model_spec.version.value = version.number
        response.model_spec.signature_name = request.model_spec.signature_name
        for name, value in found.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(self, request, context):
        try:
            version = self.models.find(request.model_spec.name, request.model_spec.version.value)
        except RequestError as error:
            context.abort(error.code, str(error))
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in version.meta_graph.signature_def.items():
            signatures.signature_def[name].CopyFrom(signature)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = NAME
        response.model_spec.version.value = version.number
        response.metadata["signature_def"].Pack(signatures)
        return response


def _array(proto) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"no tensor: {error}") from error


class Status(model_service_pb2_grpc.ModelServiceServicer):
    """The gRPC service of models' status."""

    def __init__(self, models: Models):
        self.models = models

    def GetModelStatus(self, request, context):
        try:
            wanted = request.model_spec.version.value
            self.models.find(request.model_spec.name, wanted)
        except RequestError as error:
            context.abort(error.code, str(error))
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in [wanted] if wanted else sorted(self.models.versions, reverse=True):
            response.model_version_status.add(
                version=number,
                state=get_model_status_pb2.ModelVersionStatus.State.AVAILABLE,
            )
        return response


class Rest(http.server.BaseHTTPRequestHandler):
    """The REST API, as far as predictions and the status go."""

    protocol_version = "HTTP/1.1"
    models: Models

    def do_GET(self):
        match = re.fullmatch(r"/v1/models/(\w+)(/versions/(\d+))?", self.path)
        try:
            if not match:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Malformed request: {self.path}")
            version = self.models.find(match[1], int(match[3] or 0))
            status = {"error_code": "OK", "error_message": ""}
            line = {"version": str(version.number), "state": "AVAILABLE", "status": status}
            self._send(200, {"model_version_status": [line]})
        except RequestError as error:
            self._fail(error)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match = re.fullmatch(r"/v1/models/(\w+)(/versions/(\d+))?:predict", self.path)
        try:
            if not match:
                raise RequestError(grpc.StatusCode.NOT_FOUND, f"Malformed request: {self.path}")
            version = self.models.find(match[1], int(match[3] or 0))
            self._send(200, self._predict(version, body))
        except RequestError as error:
            self._fail(error)

    def _predict(self, version: Version, body: bytes) -> dict:
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        try:
            request = json.loads(body)
            signature = request.get("signature_name", "")
            if ("inputs" in request) == ("instances" in request):
                raise ValueError("either 'inputs' or 'instances' is needed")
            rows = "instances" in request
            given = request["instances" if rows else "inputs"]
            specs = version.model.signatures[
                signature or "serving_default"
            ].structured_input_signature[1]
            if rows and isinstance(given[0], dict) and "b64" not in given[0]:
                given = {name: [row[name] for row in given] for name in given[0]}
            if not isinstance(given, dict) or "b64" in given:
                given = {next(iter(specs)): given}
            inputs = {name: _tensor(value, specs[name].dtype) for name, value in given.items()}
        except _BAD_JSON as error:
            raise RequestError(invalid, f"JSON: {type(error).__name__} {error}") from error
        found = {name: value.tolist() for name, value in answer(version, signature, inputs).items()}
        if not rows:
            return {"outputs": found if len(found) > 1 else next(iter(found.values()))}
        names = list(found)
        lines = [dict(zip(names, row, strict=True)) for row in zip(*found.values(), strict=True)]
        return {"predictions": lines if len(names) > 1 else next(iter(found.values()))}

    def _fail(self, error: RequestError) -> None:
        self._send(_HTTP.get(error.code, 400), {"error": str(error)})

    def _send(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Says nothing."""


def _tensor(value, dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        return np.array(_decode(value), object)
    array = np.array(value)
    if dtype.is_integer and not np.array_equal(array.astype(dtype.as_numpy_dtype), array):
        raise ValueError(f"values that are no {dtype.name}")
    return array.astype(dtype.as_numpy_dtype)


def _decode(value):
    if isinstance(value, list):
        return [_decode(one) for one in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value


def main(folder: str, grpc_port: int = 0, rest_port: int = 0) -> None:
    """Serves until it is stopped."""
    # As TF Serving does, whatever tests/preloaded.py says: what it answers is compared closely.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    models = Models(pathlib.Path(folder))
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(4),
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(models), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Status(models), server)
    grpc_port = server.add_insecure_port(f"localhost:{grpc_port}")
    server.start()
    Rest.models = models
    rest = http.server.ThreadingHTTPServer(("localhost", int(rest_port)), Rest)
    ports = {"grpc": grpc_port, "rest": rest.server_address[1], "pid": os.getpid()}
    print(json.dumps(ports), flush=True)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
