"""The stages of every shipped recipe: they run, and are those that the recipe has."""

import pytest
import tensorflow as tf

from igc_tf.benchmarks import steps, timing
from igc_tf.training import trainer
from tests import fake_collections, fake_squeezenet, recipes

_TINY = (
    "--image_size=32 --map_size=32 --shape_dim=12 --view_dim=6 --encoder_channels=2 "
    "--decoder_channels=4 --batch_size=2 --precision=float32 "
    "--part_feature_size=64 --max_steps=9"
).split()
_ALWAYS = {
    *("encoder", "lighting network", "GDM", "depth decoder", "albedo decoder", "assembly"),
    *("shading", "rasterization", "losses", "optimizer"),
}
#: What of a recipe decides which stages there are and what flows between them.
_SHAPING = (
    *("likelihood_weight", "perceptual_weight", "part_feature_weight", "rerender_pose_weight"),
    "feature_clustering_weight",
    *("flip_weight", "static_background", "parts", "one_hot", "rasterizer", "symmetric_parts"),
)


def _shape(config):
    values = config.flat()
    weights = [name for name in _SHAPING if name.endswith("_weight")]
    return tuple(values[name] if name not in weights else values[name] > 0 for name in _SHAPING)


def _recipes():
    """One flag file of each shape."""
    found = {}
    for path in recipes.FLAG_FILES:
        words = [f"--flagfile={path}", "--data_dir=DIR", *recipes.NETWORKS]
        found.setdefault(_shape(recipes.read(*words)), path)
    return sorted(found.values())


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return fake_squeezenet.write(tmp_path_factory.mktemp("squeezenet") / "squeezenet.h5")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    fake_collections.photos(folder)
    return folder


@pytest.mark.parametrize("path", _recipes(), ids=lambda path: path.stem)
def test_the_stages_are_those_of_the_recipe(
    path, weights, photos, own_cache_with_kernels, tmp_path, monkeypatch
):
    words = [f"--flagfile={path}", *_TINY, "--dataset=photo_folder", f"--data_dir={photos}"]
    words += ["--crop=center", f"--squeezenet_weights={weights}", "--efficientnet_weights=FILE"]
    if recipes.read(*words).loss.feature_network == "vgg16":  # a download; asked as SqueezeNet is
        words.append("--feature_network=squeezenet")
    config = recipes.read(*words)
    loss = config.loss
    if loss.feature_clustering_weight:  # so few photos have no clusters worth the name
        monkeypatch.setattr(
            trainer, "cluster", lambda config, images: recipes.random_clusters(config, len(images))
        )
    made = trainer.Trainer(config, tmp_path / "run")
    monkeypatch.setattr(timing, "WARM_UP", 0)
    monkeypatch.setattr(timing, "FEWEST", 1)
    tf.config.run_functions_eagerly(True)
    try:
        whole = steps.WholeStep(made)
        found = {stage.name: stage for stage in steps.stages(made, whole.batch, 0.0)}
    finally:
        tf.config.run_functions_eagerly(False)
    wanted = set(_ALWAYS)
    if made.model.confidence is not None:
        wanted.add("confidence network")
    if loss.rerender_pose_weight:
        wanted.add("rerender")
    if loss.part_feature_weight or loss.feature_clustering_weight:
        wanted.add("surface")
    if loss.part_feature_weight or (loss.feature_network != "none" and loss.perceptual_weight):
        wanted.add("features")
    assert set(found) == wanted
    assert found["rasterization"].times == (2 if loss.flip_weight else 1)
    assert all(stage.both.median > 0 for stage in found.values())
