"""Released weights equal the run's and tell where they come from; wrong ones are refused."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from igc_tf import config as config_lib
from igc_tf import igc_net, released, run_directory

_ORIGIN = {"data": "noise, CC0", "command": "python -m tools.train", "commit": "0123abc"}


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory, begin):
    """A run directory with a checkpoint of step 7, optimizer and all, and its model."""
    config = tiny.replace(
        dataset="photo_folder",
        data_dir="/somewhere/on/my machine/",
        makehuman_dir="/somewhere/else",
        squeezenet_weights="/somewhere/squeeze.h5",
        vgg_weights="/somewhere/vgg.h5",
    )
    model = igc_net.build(config)
    optimizer = tf.keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    path = tmp_path_factory.mktemp("runs") / "run"
    directory, _ = begin(config, path)
    last = directory.checkpoints(tf.train.Checkpoint(model=model, optimizer=optimizer))
    last.save(checkpoint_number=7)
    return path, model


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    """The folder of the weights 'tiny_noise', released of that run."""
    folder, metrics = tmp_path_factory.mktemp("written") / "weights", {"l1": {"value": 0.5}}
    released.write(run[0], "tiny_noise", metrics=metrics, folder=folder, **_ORIGIN)
    return folder


@pytest.fixture
def weights(written, tmp_path):
    """A copy of it, to do harm to."""
    return shutil.copytree(written, tmp_path / "weights")


def rounded(weight):
    """To half precision, as releases are."""
    return weight.numpy().astype(np.float16).astype(np.float32)


def test_the_weights_are_the_runs(run, weights):
    path, model = run
    loaded_config, loaded = run_directory.load_model(released.path_of("tiny_noise", weights))
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        assert theirs.dtype == tf.float32
        np.testing.assert_array_equal(rounded(ours), theirs.numpy())
    given = {"data_dir": "my machine", "makehuman_dir": "else"}
    files = {"squeezenet_weights": "squeeze.h5", "vgg_weights": "vgg.h5"}
    assert loaded_config == config_lib.load(path).replace(**given, **files)


def test_nothing_but_the_weights_is_kept(run, weights):
    folder = released.path_of("tiny_noise", weights)
    reader = tf.train.load_checkpoint(run_directory.RunDirectory(folder).checkpoint_path())
    shapes = reader.get_variable_to_shape_map()
    assert not [name for name in shapes if name.startswith("optimizer")]
    numbers = sum(np.prod(shape) for name, shape in shapes.items() if name.startswith("model/"))
    assert numbers == run[1].count_params()
    assert "/somewhere" not in (folder / "flags.json").read_text()
    assert "/somewhere" not in (folder / "checkpoints" / "checkpoint").read_text()
    assert {file.name for file in weights.iterdir()} == {"tiny_noise"}  # nothing left aside


def test_the_origin_is_written_beside_them(run, weights):
    found = released.read("tiny_noise", weights)
    assert found == released.Release(
        name="tiny_noise",
        steps=7,
        parameters=run[1].count_params(),
        metrics={"l1": {"value": 0.5}},
        **_ORIGIN,
    )
    (weights / "tiny_noise" / "weights.json").write_text('{"name": 1}')
    with pytest.raises(ValueError, match="weights.json is damaged"):
        released.read("tiny_noise", weights)


def test_names_of_the_parts_go_with_them(run, tmp_path):
    released.write(run[0], "named", part_names="eyes,nose", folder=tmp_path / "w", **_ORIGIN)
    assert config_lib.load(tmp_path / "w" / "named").model.part_names == "eyes,nose"
    with pytest.raises(ValueError, match="it must give 2 different names"):
        released.write(run[0], "wrong", part_names="eyes", folder=tmp_path / "w", **_ORIGIN)


def test_an_unknown_name_lists_what_there_is(weights, tmp_path):
    with pytest.raises(ValueError, match="--weights=other: .* there are: tiny_noise"):
        released.path_of("other", weights)
    with pytest.raises(ValueError, match="holds none yet"):
        released.path_of("other", tmp_path / "nowhere")


def test_a_new_run_may_start_from_them_or_from_a_run(run, weights, tiny):
    path, trained = run
    for source in ("tiny_noise", str(path)):
        model = igc_net.build(tiny.replace(seed=1))
        released.start_from(model, tiny, source, weights)
        for ours, theirs in zip(model.weights, trained.weights, strict=True):
            expected = rounded(theirs) if source == "tiny_noise" else theirs.numpy()
            np.testing.assert_array_equal(ours.numpy(), expected)


def test_weights_too_large_for_half_precision_are_refused():
    with pytest.raises(ValueError, match="kernel holds 7e.04, too large"):
        released._rounded(np.array([1.0, -7e4], np.float32), "kernel")


def test_no_run_starts_from_nothing_or_from_another_model(weights, tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--init_from=nowhere: neither .* \(tiny_noise\)"):
        released.start_from(igc_net.build(tiny), tiny, "nowhere", weights)
    for flag, wanted in ("parts", 4), ("shape_dim", 4):
        wide = dict(decoder_channels=8, train_images=5)
        other = tiny.replace(**{flag: wanted}, **wide)
        with pytest.raises(ValueError, match=rf"differ:(.|\n)* --{flag}: .* in the run, 4 now"):
            released.start_from(igc_net.build(other), other, "tiny_noise", weights)
    for file in (weights / "tiny_noise" / "checkpoints").glob("*.index"):
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ValueError, match=r"No checkpoint in .* can be read: .*ckpt-7 \("):
        released.start_from(igc_net.build(tiny), tiny, "tiny_noise", weights)


def test_what_is_no_release_is_refused_and_leaves_nothing(run, weights, tmp_path, monkeypatch):
    path, model = run
    with pytest.raises(FileExistsError, match="give another --name"):
        released.write(path, "tiny_noise", folder=weights, **_ORIGIN)
    for name in ("Tiny", "../tiny", "tiny-noise", ""):
        with pytest.raises(ValueError, match="--name="):
            released.write(path, name, folder=weights, **_ORIGIN)
    with pytest.raises(ValueError, match="--data is empty"):
        released.write(path, "b", folder=weights, **{**_ORIGIN, "data": " "})
    monkeypatch.setattr(released, "MAX_BYTES", 4 * model.count_params())
    with pytest.raises(ValueError, match="MB; a release may take"):
        released.write(path, "b", folder=weights, **_ORIGIN)
    assert {file.name for file in weights.iterdir()} == {"tiny_noise"}


def test_a_diverged_run_is_refused(tiny, tmp_path, begin):
    model = igc_net.build(tiny)
    model.weights[3].assign(model.weights[3] * np.nan)
    directory, _ = begin(tiny, tmp_path / "run")
    directory.checkpoints(tf.train.Checkpoint(model=model)).save(checkpoint_number=1)
    with pytest.raises(ValueError, match="it has diverged"):
        released.write(directory.path, "b", folder=tmp_path / "weights", **_ORIGIN)


@pytest.mark.parametrize("harm", ["truncated", "altered", "missing"])
def test_damaged_weights_are_not_loaded(weights, harm):
    folder = released.path_of("tiny_noise", weights)
    (data,) = folder.glob("checkpoints/*.data-00000-of-00001")
    content = bytearray(data.read_bytes())
    if harm == "truncated":
        data.write_bytes(content[: len(content) // 2])
    elif harm == "altered":
        content[len(content) // 2] ^= 0xFF
        data.write_bytes(content)
    else:
        data.unlink()
    with pytest.raises(ValueError, match=r"No checkpoint in .* can be read: .*ckpt-7 \("):
        run_directory.load_model(folder)


def test_weights_of_another_architecture_are_not_loaded(weights):
    folder = released.path_of("tiny_noise", weights)
    flags = json.loads((folder / "flags.json").read_text())
    (folder / "flags.json").write_text(json.dumps({**flags, "decoder_channels": 8}))
    with pytest.raises(ValueError, match="does not fit the configuration beside it"):
        run_directory.load_model(folder)


def test_the_released_weights_of_this_checkout_load():
    for name in released.names():
        assert released.read(name).name == name
        config, model = run_directory.load_model(released.path_of(name))
        size = config.model.image_size
        image = model(tf.zeros([1, size, size, 3])).rendering.image
        assert np.isfinite(image.numpy()).all()
