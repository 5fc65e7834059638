"""What an exported version holds, and what is refused."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from igc_tf import config as config_lib
from igc_tf import igc_net
from igc_tf.datasets import crops
from igc_tf.graphics.rasterizers import rasterizer
from igc_tf.serving import contract, export, reload, signatures, warmup


def test_the_graph_holds_stock_ops_only_and_no_keras(exported):
    assert export.custom_ops(exported.path) == set()
    assert export.ops(exported.path) >= {"Conv2D", "DecodeImage", "Assert"}
    assert not (exported.path / "keras_metadata.pb").exists()
    suffixes = {path.suffix for path in exported.path.rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".h5", ".keras", ".py"}


class Holds(tf.Module):
    """A module whose one function holds some op."""

    def __init__(self, call, *shapes):
        super().__init__()
        specs = [tf.TensorSpec(shape) for shape in shapes]
        self.call = tf.function(call, input_signature=specs, autograph=False)


def _resample(picture, warp):
    import tensorflow_addons as tfa

    return tfa.image.resampler(picture, warp)


def _rasterize(backend):
    def render(vertices):
        triangles = np.array([[0, 1, 2]], np.int32)
        fragments = rasterizer.rasterize(vertices, triangles, (8, 8), backend=backend)
        return rasterizer.interpolate(fragments, triangles, vertices, backend=backend)

    return render


def _asks_python(numbers):
    return tf.numpy_function(lambda x: x, [numbers], tf.float32)


@pytest.mark.parametrize(
    ("call", "shapes", "custom"),
    [
        (_rasterize("native"), [[2, 3, 4]], {"IgcRasterize", "IgcInterpolate"}),
        (_rasterize("tfg"), [[2, 3, 4]], {"RasterizeTriangles"}),
        (_rasterize("tensorflow"), [[2, 3, 4]], set()),
        (_resample, [[1, 4, 4, 1], [1, 2, 2]], {"Addons>Resampler"}),
        (_asks_python, [[2]], {"PyFunc"}),
    ],
)
def test_ops_that_a_stock_server_lacks_are_found(compiled, tmp_path, call, shapes, custom):
    tf.saved_model.save(Holds(call, *shapes), str(tmp_path))
    assert export.custom_ops(tmp_path) == custom


def test_a_model_that_draws_with_custom_ops_is_not_exported(compiled, exported, tmp_path):
    model = igc_net.build(exported.config)
    model.renderer.backend = "native"
    with pytest.raises(ValueError, match="holds custom ops, which TF Serving lacks.*IgcRasterize"):
        export.export(exported.config, model, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a[b]", "a\\b", "a*", "a?"])
def test_a_folder_that_no_model_could_be_loaded_from_is_refused_at_once(tmp_path, name):
    folder = tmp_path / name / "models"
    with pytest.raises(ValueError, match="TensorFlow loads no model from a path with"):
        export.export(config_lib.Config(), None, folder)  # before anything is looked at
    assert not folder.parent.exists()


def test_signatures_are_those_of_the_contract(exported):
    loaded = tf.saved_model.load(str(exported.path)).signatures
    assert set(loaded) == set(contract.SIGNATURES)
    for name, (inputs, outputs) in contract.SIGNATURES.items():
        assert tuple(sorted(loaded[name].structured_input_signature[1])) == tuple(sorted(inputs))
        assert set(loaded[name].structured_outputs) == set(outputs)
        assert set(inputs) <= set(contract.INPUTS) and set(outputs) <= set(contract.OUTPUTS)


def test_names_of_before_are_still_given():
    """What the first clients ask for; names may be added, none may go."""
    everything = (
        "image segmentation part_visibility part_centers part_depth part_albedo "
        "canonical_visibility depth albedo normals shading canonical_image reconstruction mask "
        "rotation_degrees translation light"
    )
    promised = {
        "serving_default": everything,
        "serialized": everything,
        "parts": "segmentation part_visibility part_centers",
        "parts_portable": "segmentation part_visibility part_centers",
        "capsules": "part_depth part_albedo canonical_visibility shape_embedding albedo_embedding "
        "rotation_degrees translation light",
        "reconstruct": "depth albedo normals shading rotation_degrees translation light "
        "reconstruction mask",
        "embed": "descriptor",
        "render": "rendering mask segmentation",
    }
    for signature, names in promised.items():
        assert set(names.split()) <= set(contract.SIGNATURES[signature][1]), signature


def test_alpha_is_served(exported, photos, two_faces):
    found = exported.served.functions["serving_default"](images=tf.constant(photos[:2]))
    # This model has no static background and assembles its albedo by the nearest part.
    np.testing.assert_allclose(found["alpha"], 1.0 - found["part_visibility"][:, 0], atol=1e-5)
    assert 0.1 < found["alpha"].numpy().mean() < 0.9
    given = {name: tf.constant(value) for name, value in two_faces.items()}
    rendered = exported.served.functions["render"](**given)
    np.testing.assert_allclose(rendered["alpha"], found["alpha"], atol=1e-4)
    np.testing.assert_array_equal(rendered["mask"], found["mask"])


def test_assets_go_with_the_model(exported):
    assets = exported.path / "assets"
    assert config_lib.load(assets) == exported.config
    labels = json.loads((assets / "labels.json").read_text())
    assert labels == {"0": "background", "1": "part 1", "2": "part 2", "3": "part 3"}
    assert (assets / "LICENSE").read_text().lstrip().startswith("Apache License")


@pytest.fixture(scope="module")
def answers(exported):
    """What a fresh process answers to every warm-up request."""
    return exported.answers


def test_a_fresh_process_answers_every_warm_up_request(answers):
    names = {name.partition("/")[2] for name in answers}
    assert names == {name for _, outputs in contract.SIGNATURES.values() for name in outputs}
    numbers = {int(name.partition("/")[0]) for name in answers}
    assert numbers == set(range(len(warmup.BATCHES) * len(contract.SIGNATURES)))
    # What the process runs knows nothing of the model's own code.
    assert "from igc_tf" not in pathlib.Path(reload.__file__).read_text()


def test_versions_count_up_and_half_of_one_is_never_there(exported, tmp_path, monkeypatch):
    model = exported.served._model.value
    for name in ("7", "notes", ".partial-1"):
        (tmp_path / name).mkdir()
    assert export._rename_to_next_version(tmp_path / ".partial-1").name == "8"

    def fail(served, folder):
        there = sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit())
        assert there == ["7", "8"] and folder.name.startswith(".partial-")
        raise ValueError("no good")

    monkeypatch.setattr(export, "_check", fail)
    monkeypatch.setattr(
        export, "ServedModel", lambda config, model: exported.served
    )  # of this model
    with pytest.raises(ValueError, match="no good"):
        export.export(exported.config, model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["7", "8", "notes"]


def test_a_model_that_differs_from_what_was_written_is_an_error(exported, answers):
    model = exported.served._model.value
    bias = model.lighting.to_parameters.bias
    kept = bias.numpy()
    try:
        bias.assign(kept + 0.01)
        with pytest.raises(ValueError, match="differs from the live one's by"):
            export._compare(exported.served, answers)
    finally:
        bias.assign(kept)


def test_models_that_cannot_be_served_are_refused(exported, tiny):
    config = tiny.replace(rasterizer="auto")
    with pytest.raises(ValueError, match="rasterizer='tensorflow'"):
        signatures.ServedModel(config, igc_net.build(config))
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        config = tiny.replace(rasterizer="tensorflow")
        with pytest.raises(ValueError, match="computes in float32"):
            signatures.ServedModel(config, igc_net.build(config))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)


@pytest.mark.parametrize("shape", [(48, 48), (32, 32), (91, 203), (700, 520), (20, 1024)])
@pytest.mark.parametrize("crop", ["center", "none"])
def test_photos_are_cut_and_resized_as_for_training(exported, shape, crop):
    from igc_tf.serving import pictures

    generator = np.random.default_rng(shape[0])
    coarse = generator.integers(0, 256, (9, 7, 3), np.uint8)
    photo = Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC)
    data = exported.config.replace(crop=crop).data
    wanted = crops.crop(photo, data, 32).image / 255.0
    batch = np.asarray(photo)[np.newaxis]
    for function in (pictures.resized, pictures.resized_portably):
        got = function(tf.constant(batch), data, 32).numpy()[0]
        assert np.abs(got - wanted).max() < 2.5 / 255  # Pillow rounds to 8 bits, after each axis
        assert np.abs(got - wanted).mean() < 0.5 / 255
    both = [f(tf.constant(batch), data, 32) for f in (pictures.resized, pictures.resized_portably)]
    np.testing.assert_allclose(*both, atol=1e-5)


def test_answers_do_not_depend_on_the_rest_of_the_batch(exported, photos):
    for name, (inputs, _) in contract.SIGNATURES.items():
        if inputs != ("images",):
            continue
        function = exported.served.functions[name]
        together = function(images=tf.constant(photos))
        alone = function(images=tf.constant(photos[4:5]))
        others = function(images=tf.constant(photos[[4, 0, 0, 2]]))
        for output, value in alone.items():
            for batch, index in ((together, 4), (others, 0)):
                got = batch[output][index].numpy().astype(np.float64)
                np.testing.assert_allclose(got, value[0], rtol=0, atol=1e-4, err_msg=output)
