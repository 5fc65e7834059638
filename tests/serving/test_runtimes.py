"""The exported model in other runtimes, against the live model in Python."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tests import programs
from tests.serving import bad_requests

pytestmark = pytest.mark.slow

_OPENVINO = """
import sys
import numpy, openvino
core = openvino.Core()
model = core.read_model(sys.argv[1])
compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
requests, answers = numpy.load(sys.argv[2]), {}
for number in requests.files:
    for output, value in compiled({"images": requests[number]}).items():
        answers[f"{number}/{output.any_name}"] = value
numpy.savez(sys.argv[3], **answers)
assert "tensorflow" not in sys.modules
"""


def _assert_close(got, wanted, what):
    assert got.shape == wanted.shape and got.dtype == wanted.dtype, what
    difference = np.abs(got.astype(np.float64) - wanted)
    assert difference.max() <= 1e-4, f"{what}: {difference.max()}"


@pytest.fixture(scope="module")
def run_in_cpp(exported, tmp_path_factory):
    """`run({name: (signature, inputs)})`: `{name: outputs}`, a string where it was refused."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler to build the program with")
    folder = tmp_path_factory.mktemp("cpp")
    library = tf.sysconfig.get_lib()
    program = folder / "run_saved_model"
    subprocess.run(
        [compiler, "-O0", "tests/serving/run_saved_model.cc", "-o", program,
         *tf.sysconfig.get_compile_flags(), f"-L{library}", f"-Wl,-rpath,{library}",
         "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"],
        check=True,
    )  # fmt: skip

    def run(requests):
        where = folder / f"requests_{len(list(folder.iterdir()))}"
        names = {}
        for number, (name, (signature, inputs)) in enumerate(requests.items()):
            path = names[name] = where / str(number)
            path.mkdir(parents=True)
            (path / "signature").write_text(signature)
            for key, value in inputs.items():
                proto = tf.make_tensor_proto(value)
                (path / f"{key}.in").write_bytes(proto.SerializeToString())
        environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([program, exported.path, where], check=True, env=environment)
        return {name: _answer(path) for name, path in names.items()}

    return run


def _answer(path):
    if (path / "error").exists():
        return (path / "error").read_text()
    return {
        file.stem: tf.make_ndarray(tensor_pb2.TensorProto.FromString(file.read_bytes()))
        for file in path.glob("*.out")
    }


@pytest.fixture(scope="module")
def bad(two_faces):
    """Requests that must be refused."""
    return bad_requests.every(two_faces)


@pytest.fixture(scope="module")
def answers(run_in_cpp, bad, requests):
    """What one process answers: first the bad requests, then the good ones."""
    refused = {case.name: (case.signature, case.inputs) for case in bad}
    return run_in_cpp(refused | {name: request[:2] for name, request in requests.items()})


def test_cpp_without_python_gives_every_output(answers, requests):
    for name, (_, _, outputs) in requests.items():
        assert set(answers[name]) == set(outputs), answers[name]
        for output, wanted in outputs.items():
            _assert_close(answers[name][output], wanted, f"{name}: {output}")


def test_cpp_refuses_every_bad_request_and_goes_on(answers, bad):
    """The test above shows how it goes on."""
    assert len(bad) >= 60 and len({case.name for case in bad}) == len(bad)
    for case in bad:
        assert isinstance(answers[case.name], str), f"{case.name} was answered"
        assert answers[case.name] and case.says in answers[case.name], (
            case.name,
            answers[case.name],
        )


def test_openvino_agrees_on_parts(exported, requests, tmp_path):
    loaded = tf.saved_model.load(str(exported.path))
    portable = {"serving_default": loaded.signatures["parts_portable"]}
    tf.saved_model.save(loaded, str(tmp_path / "portable"), signatures=portable)
    chosen = [request for request in requests.values() if request[0] == "parts"]
    given = {str(number): request[1]["images"] for number, request in enumerate(chosen)}
    np.savez(tmp_path / "requests.npz", **given)
    files = [tmp_path / name for name in ("portable", "requests.npz", "answers.npz")]
    subprocess.run([sys.executable, "-c", _OPENVINO, *map(str, files)], check=True)
    with np.load(tmp_path / "answers.npz") as answers:
        for number, (_, _, outputs) in enumerate(chosen):
            for output, wanted in outputs.items():
                got = answers[f"{number}/{output}"]
                assert got.shape == wanted.shape and got.dtype == wanted.dtype
                differing = np.abs(got.astype(np.float64) - wanted) > 1e-4
                # Where the depths of two parts tie, rounding decides which is seen: that moves single
                # pixels, and by them the centers of the two parts.
                assert differing.mean() <= 5e-4 or output == "part_centers", (number, output)
                np.testing.assert_allclose(got, wanted, atol=0.2 if output == "part_centers" else 9)


def test_saved_model_cli_shows_and_runs(exported, requests, tmp_path):
    command = [os.path.join(os.path.dirname(sys.executable), "saved_model_cli")]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    module = "tensorflow.python.tools.saved_model_cli"  # what the command runs
    shows = programs.start(module, "show", "--dir", exported.path, "--all")
    shown, _ = shows.communicate(timeout=300)
    assert shows.returncode == 0, shown
    assert "signature_def['render']" in shown and "shape: (-1, -1, -1, 3)" in shown
    _, inputs, outputs = requests["embed 7 of 90x70"]
    np.save(tmp_path / "images.npy", inputs["images"])
    subprocess.run(
        [*command, "run", "--dir", exported.path, "--tag_set", "serve", "--signature_def", "embed",
         "--inputs", f"images={tmp_path}/images.npy", "--outdir", tmp_path],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip
    _assert_close(np.load(tmp_path / "descriptor.npy"), outputs["descriptor"], "descriptor")
