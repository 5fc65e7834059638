"""The settings for TF Serving parse as what TF Serving reads them as, and fit what is exported."""

import pathlib
import re

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

_FOLDER = pathlib.Path("serving")


def test_models_config():
    config = text_format.Parse(
        (_FOLDER / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == (
        "igc", "/models/igc", "tensorflow",
    )  # fmt: skip
    assert model.model_version_policy.latest.num_versions == 2
    assert dict(model.version_labels) == {"stable": 1}  # the first version that export writes


def test_every_file_that_compose_names_is_there():
    text = (_FOLDER / "docker-compose.yml").read_text()
    named = set(re.findall(r"=/config/([\w.]+)", text))
    assert named == {"models.config", "monitoring.config", "batching.config"}
    assert all((_FOLDER / name).is_file() for name in named)
    assert re.search(r"image: tensorflow/serving:2\.15\.1$", text, re.MULTILINE)
    assert all(port.startswith("127.0.0.1:") for port in re.findall(r'- "([\d.:]+)" #', text))
