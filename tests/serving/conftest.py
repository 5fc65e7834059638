"""A hardly trained tiny model, exported once for all tests here."""

import pathlib
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.serving import contract, export, signatures
from tests import programs
from tests.serving.serve import serve


class Exported(NamedTuple):
    """A model, live, as the files a server reads, and what a fresh process answered from these."""

    config: config_lib.Config
    served: signatures.ServedModel  #: the live one
    folder: pathlib.Path  #: of the versions
    path: pathlib.Path  #: of version 1
    answers: dict[str, np.ndarray]  #: to every warm-up request, as `reload` writes them


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A tiny model whose parts are all seen, with the cut of photos that CelebA's have."""
    config = config_lib.Config().replace(
        image_size=32,
        map_size=32,
        parts=4,
        shape_dim=8,
        view_dim=4,
        encoder_channels=4,
        decoder_channels=4,
        crop_scale=0.9,
        crop_center_y=0.55,
        rasterizer="tensorflow",
    )
    tf.keras.utils.set_random_seed(4)
    model = igc_net.build(config)
    for weight in model.weights:  # Turned, lit and uneven, as a trained model's answers are.
        if "kernel" in weight.name:
            weight.assign(weight * 3.0)
    folder = tmp_path_factory.mktemp("models") / "igc"
    compare, kept = export._compare, []

    def compare_and_keep(served, answers):
        compare(served, answers)
        kept.extend([served, {name: answers[name] for name in answers.files}])

    with mock.patch.object(export, "_compare", compare_and_keep):
        path = export.export(config, model, folder)
    served, answers = kept
    return Exported(config, served, folder, path, answers)


@pytest.fixture(scope="session")
def photos():
    """`[7, 90, 70, 3]` uint8, smooth and different."""
    generator = np.random.default_rng(7)
    coarse = generator.integers(0, 256, (7, 5, 4, 3)).astype(np.float32)
    large = tf.image.resize(coarse, [90, 70], method="bicubic").numpy()
    return np.clip(large, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def two_faces(exported, photos):
    """Good inputs of `render`."""
    found = exported.served.functions["capsules"](images=tf.constant(photos[:2]))
    return {name: found[name].numpy() for name in contract.SIGNATURES["render"][0]}


@pytest.fixture(scope="session")
def requests(exported, photos):
    """Good requests of every signature and the live model's answers: batches and sizes vary.

    `{name: (signature, inputs, outputs)}`
    """
    found = {}
    for count, height, width in ((1, 48, 48), (7, 90, 70), (64, 64, 80), (1, 1024, 700)):
        pictures = tf.image.resize(photos[:count], [height, width]).numpy().astype(np.uint8)
        images = np.concatenate([pictures, pictures[::-1, ::-1]] * count)[:count]
        encode = (tf.io.encode_png, tf.io.encode_jpeg)
        files = [encode[i % 2](image).numpy() for i, image in enumerate(images)]
        given = {"images": images, "image_bytes": np.array(files, object)}
        answers = exported.served.functions["capsules"](images=tf.constant(images))
        given.update({name: value.numpy() for name, value in answers.items()})
        for signature, (inputs, _) in contract.SIGNATURES.items():
            chosen = {name: given[name] for name in inputs}
            live = exported.served.functions[signature](
                **{name: tf.constant(value) for name, value in chosen.items()}
            )
            outputs = {name: value.numpy() for name, value in live.items()}
            found[f"{signature} {count} of {height}x{width}"] = (signature, chosen, outputs)
    return found


class Server(NamedTuple):
    """A server process."""

    process: programs.Forked
    grpc: str  #: host:port
    rest: str


@pytest.fixture(scope="session")
def server(exported):
    """The exported model behind gRPC and REST, in a process of its own."""
    with serve(exported.folder) as (process, ports):
        yield Server(process, f"localhost:{ports['grpc']}", f"localhost:{ports['rest']}")
