"""TF Serving's protocols: our client, an independent one, and requests that must be refused."""

import base64
import http.server
import json
import socket
import subprocess
import sys
import threading

import grpc
import numpy as np
import pytest
import requests as http_requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from igc_tf.serving import client
from tests.serving import bad_requests

pytestmark = pytest.mark.slow

_OVMSCLIENT = """
import sys
import numpy, ovmsclient
client = ovmsclient.make_grpc_client(sys.argv[1])
assert client.get_model_status("igc")[1]["state"] == "AVAILABLE"
metadata = client.get_model_metadata("igc")
assert metadata["inputs"]["images"]["shape"] == [-1, -1, -1, 3], metadata
answers = client.predict({"images": numpy.load(sys.argv[2])}, "igc")
numpy.savez(sys.argv[3], **answers)
try:
    client.predict({"images": numpy.zeros((1, 4, 4, 3), numpy.uint8)}, "igc")
except ovmsclient.tfs_compat.base.errors.InvalidInputError as error:
    assert "sides must be 16 to 4096 px" in str(error)
else:
    raise AssertionError("it was answered")
assert "tensorflow" not in sys.modules
"""


def _assert_close(got, wanted):
    assert set(got) == set(wanted)
    for name, value in wanted.items():
        assert got[name].shape == value.shape and got[name].dtype == value.dtype, name
        np.testing.assert_allclose(got[name], value, rtol=0, atol=1e-4, err_msg=name)


def _connection(server, protocol, **options):
    address = {"grpc": server.grpc, "rest": server.rest}[protocol]
    return client.CONNECTIONS[protocol](address, "igc", timeout=100.0, **options)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_the_client_gets_what_the_live_model_gives(server, requests, protocol):
    connection = _connection(server, protocol)
    for name, (signature, inputs, outputs) in requests.items():
        if " 7 of" in name or (protocol == "grpc" and " 64 of" in name):
            _assert_close(client.predict(connection, signature, inputs), outputs)


def test_an_independent_client_without_tensorflow(server, requests, tmp_path):
    _, inputs, outputs = requests["serving_default 7 of 90x70"]
    np.save(tmp_path / "images.npy", inputs["images"])
    files = [str(tmp_path / name) for name in ("images.npy", "answers.npz")]
    subprocess.run([sys.executable, "-c", _OVMSCLIENT, server.grpc, *files], check=True)
    with np.load(tmp_path / "answers.npz") as answers:
        _assert_close({name: answers[name] for name in answers.files}, outputs)


def test_every_bad_request_is_refused_and_the_server_lives(server, two_faces, requests):
    connection = _connection(server, "grpc")
    bad = bad_requests.every(two_faces)
    for case in bad:
        with pytest.raises(client.ServerError) as caught:
            connection.predict(case.signature, case.inputs)
        assert not caught.value.transient, case.name
        assert ": INVALID_ARGUMENT: " in str(caught.value), (case.name, str(caught.value))
        if not case.typed:
            assert case.says in str(caught.value), (case.name, str(caught.value))
    assert server.process.poll() is None
    for signature, inputs, outputs in requests.values():
        if len(next(iter(inputs.values()))) == 7:
            _assert_close(connection.predict(signature, inputs), outputs)


def test_bad_requests_of_the_protocol(server):
    connection = _connection(server, "grpc")
    photo = {"images": np.zeros((1, 48, 48, 3), np.uint8)}
    for signature, inputs, says in (
        ("nonsense", photo, "not found"),
        ("parts", {}, "input names differ"),
        ("parts", {"photos": photo["images"]}, "input names differ"),
        ("parts", {**photo, "more": photo["images"]}, "input names differ"),
    ):
        with pytest.raises(client.ServerError, match=says):
            connection.predict(signature, inputs)
    with pytest.raises(client.ServerError, match="NOT_FOUND"):
        client.GrpcConnection(server.grpc, "other").predict("parts", photo)
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.version.value = "igc", 9
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="No version 9"):
            stub.Predict(request)
        request.model_spec.version.value = 1
        proto = tf.make_tensor_proto(photo["images"])
        proto.tensor_content = proto.tensor_content[:-7]
        request.inputs["images"].CopyFrom(proto)
        with pytest.raises(grpc.RpcError, match="no tensor"):
            stub.Predict(request)


def test_rest_bodies(server, requests):
    url = f"http://{server.rest}/v1/models/igc"
    status = http_requests.get(url, timeout=60).json()["model_version_status"]
    assert status[0]["version"] == "1" and status[0]["state"] == "AVAILABLE"
    _, inputs, outputs = requests["serialized 7 of 90x70"]
    rows = [{"b64": base64.b64encode(content).decode()} for content in inputs["image_bytes"]]
    body = {"signature_name": "serialized", "instances": rows}
    lines = http_requests.post(f"{url}:predict", json=body, timeout=60).json()["predictions"]
    for index, line in enumerate(lines):
        np.testing.assert_allclose(line["light"], outputs["light"][index], atol=1e-4)
    good = bad_requests.encoded("PNG")
    for body, says in (
        ("no JSON", "JSON"),
        ("{}", "either 'inputs' or 'instances'"),
        (json.dumps({"signature_name": "serialized", "instances": [{"b64": "%%"}]}), "JSON"),
        (json.dumps({"instances": [[[[1, 2], [3, 4]]]]}), "error"),
        (json.dumps({"instances": [[[["a", "b", "c"]]]]}), "JSON"),
        (json.dumps({"instances": [[[[1, 2, 3]], [[1, 2, 3], [4, 5, 6]]]]}), "JSON"),
        (json.dumps({"instances": []}), "JSON"),
        (json.dumps({"instances": [[[[1, 2, 300]] * 20] * 20]}), "JSON"),
        (
            json.dumps(
                {
                    "signature_name": "serialized",
                    "instances": [
                        {"b64": base64.b64encode(content).decode()}
                        for content in (good, good[: len(good) // 2])
                    ],
                }
            ),
            "cut-off file at index] [1]",
        ),
    ):
        answer = http_requests.post(f"{url}:predict", data=body, timeout=60)
        assert answer.status_code == 400 and says in answer.text, (body[:80], answer.text[:300])
    assert http_requests.get(f"http://{server.rest}/v1/models/other", timeout=60).status_code == 404
    assert server.process.poll() is None


class _Flaky(http.server.BaseHTTPRequestHandler):
    """Answers 503 twice, then something."""

    asked = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked += 1
        body = b'{"outputs": [[1.0]]}'
        self.send_response(200 if self.asked > 2 else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def test_the_client_asks_again_when_that_may_help():
    with http.server.ThreadingHTTPServer(("localhost", 0), _Flaky) as flaky:
        threading.Thread(target=flaky.serve_forever, daemon=True).start()
        connection = client.RestConnection(f"localhost:{flaky.server_address[1]}", "igc")
        images = {"images": np.zeros((1, 16, 16, 3), np.uint8)}
        with pytest.raises(client.ServerError, match="HTTP 503"):
            client.predict(connection, "embed", images, retries=1, backoff=0.01)
        answer = client.predict(connection, "embed", images, retries=1, backoff=0.01)
        assert _Flaky.asked == 3 and answer["descriptor"] == [[1.0]]
        flaky.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_server_that_is_away_or_silent_is_an_error_in_time(protocol):
    photo = {"images": np.zeros((1, 16, 16, 3), np.uint8)}
    with socket.create_server(("localhost", 0)) as silent:  # takes connections, says nothing
        port = silent.getsockname()[1]
        connection = client.CONNECTIONS[protocol](f"localhost:{port}", "igc", timeout=0.5)
        with pytest.raises(client.ServerError):
            connection.predict("embed", photo)
    connection = client.CONNECTIONS[protocol](f"localhost:{port}", "igc", timeout=20)
    with pytest.raises(client.ServerError) as caught:
        client.predict(connection, "embed", photo, retries=1, backoff=0.01)
    assert caught.value.transient
