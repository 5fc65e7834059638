"""The loop in one process: it learns, it stops at what is not finite, it reports what it must."""

import collections
import json

import numpy as np
import pytest
import tensorflow as tf
from absl import logging as absl_logging

from igc_tf import config as config_lib
from igc_tf import inference, run_directory
from igc_tf.datasets import pipeline
from igc_tf.training import optimizers, trainer
from igc_tf.training.step import TrainingStep
from tests.weight_files import efficientnet_arrays, write_torch


@pytest.fixture
def run_config(tiny, disc_photos, kernels, unoptimized, own_cache, monkeypatch):
    """With the compiled rasterizer where there is one: its graph is the smaller one."""
    monkeypatch.setattr(trainer, "FIXED_BATCH", 2)
    return tiny.replace(
        dataset="photo_folder",
        data_dir=str(disc_photos),
        batch_size=4,
        max_steps=3,
        pyramid_weight=1.0,
        test_fraction=0.2,
    )


@pytest.mark.slow
def test_a_training_learns_and_leaves_what_it_promises(run_config, tmp_path, capsys):
    config = run_config.replace(max_steps=25, learning_rate=3e-3, summary_every_seconds=0.0)
    trainer.Trainer(config, tmp_path / "run").train()
    run = tmp_path / "run"
    assert json.loads((run / "done.json").read_text()) == {"steps": 25, "images": 100}
    assert tf.train.latest_checkpoint(str(run / "checkpoints")).endswith("ckpt-25")
    tags, l1, shares = set(), [], collections.defaultdict(float)
    for path in sorted(run.glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tags.add(value.tag)
                if value.tag == "Training/l1":
                    l1.append(float(tf.make_ndarray(value.tensor)))
                if value.tag.startswith("Loss_share/"):
                    shares[event.step] += abs(float(tf.make_ndarray(value.tensor)))
    assert np.mean(l1[-5:]) < 0.8 * np.mean(l1[:5])
    assert list(shares.values()) == pytest.approx([1.0] * 25)
    assert "25/25 steps, of the loss: " in capsys.readouterr().err
    for tag in (
        "Loss/total", "Loss/likelihood", "Loss/likelihood_flip", "Loss/contrastive",
        "Loss/sparsity", "Loss/background", "Loss_share/contrastive", "Training/relief",
        "Training/images_per_second", "Capsule_area/0", "Capsule_depth_low/2",
        "Capsule_depth_high/2", "Validation/l1", "Panel",
        "Hierarchy", "Turn", "Embedding/shape", "Flags", "Object_VERTEX", "Object_FACE", "Object_COLOR",
    ):  # fmt: skip
        assert tag in tags, (tag, sorted(tags))


@pytest.mark.slow
@pytest.mark.parametrize("rasterizer", ["native", "tfg", "tensorflow"])
def test_every_rasterizer_trains_validates_and_evaluates_any_number_of_photos(
    run_config, tmp_path, compiled, rasterizer, eager_step, monkeypatch
):
    monkeypatch.setattr(trainer, "VALIDATION_IMAGES", 3)
    config = run_config.replace(rasterizer=rasterizer, batch_size=2, max_steps=1, test_fraction=0.3)
    run = trainer.Trainer(config, tmp_path / "run")
    assert len(run.validation.images) >= 3  # a batch of two and one of one
    run.train()
    (l1,) = [
        float(tf.make_ndarray(value.tensor))
        for path in (tmp_path / "run").glob("events.out.tfevents.*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "Validation/l1"
    ]
    assert 0.0 < l1 < 1.0
    found = inference.collect(run.model, run.photos.images[:5], 32, batch_size=2)
    tf.config.run_functions_eagerly(True)
    try:
        whole = inference.collect(run.model, run.photos.images[:5], 32, batch_size=5)
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(
        found.predictions.reconstruction, whole.predictions.reconstruction, atol=1e-4
    )


def test_a_run_that_starts_from_another_has_its_weights_and_its_own_steps(
    run_config, eager, tmp_path
):
    first = trainer.Trainer(run_config.replace(max_steps=1), tmp_path / "first")
    first.train()
    config = run_config.replace(init_from=str(tmp_path / "first"), seed=1)
    second = trainer.Trainer(config, tmp_path / "second")
    assert int(second.step_counter.numpy()) == 0
    for ours, theirs in zip(first.model.weights, second.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    second.train()
    again = trainer.Trainer(config, tmp_path / "second")  # its own checkpoint, not the first's
    for ours, theirs in zip(second.model.weights, again.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_step_that_is_not_finite_stops_with_a_report(run_config, eager, tmp_path):
    config = run_config.replace(learning_rate=1e25, max_steps=5)
    with pytest.raises(trainer.NonFiniteError, match="is not finite: .*loss/") as caught:
        trainer.Trainer(config, tmp_path / "run").train()
    (folder,) = (tmp_path / "run").glob("not_finite_step_*")
    assert str(folder) in str(caught.value)
    report = json.loads((folder / "report.json").read_text())
    assert "loss/total" in report["not_finite"]
    assert len(report["photos"]) == 4 and report["photos"][0].endswith(".png")
    with np.load(folder / "batch.npz") as batch:
        assert batch["image"].shape == (4, 32, 32, 3)
    assert not (tmp_path / "run" / "done.json").exists()


def test_a_step_that_is_not_finite_is_named_however_late_it_is_looked_at(
    run_config, tmp_path, monkeypatch
):
    """The 20th of 40 steps, which are looked at 16 at a time; later ones go on as if it were not."""

    class FailsOnce(TrainingStep):
        def terms(self, image, output, images_seen, distances=None):
            terms = super().terms(image, output, images_seen, distances)
            weight, values = terms["pyramid"]
            return {
                **terms,
                "pyramid": (weight, values / tf.cast(images_seen - 20 * 4, tf.float32)),
            }

    monkeypatch.setattr(trainer, "TrainingStep", FailsOnce)
    monkeypatch.setattr(trainer, "LOOK_SECONDS", 1e9)
    never = {f"{what}_every_seconds": 1e9 for what in ("summary", "checkpoint")}
    config = run_config.replace(max_steps=40, validate_every_steps=16, **never)
    run = trainer.Trainer(config, tmp_path / "run")
    with pytest.raises(trainer.NonFiniteError, match=r"Step 20 is not finite: .*loss/pyramid"):
        run.train()
    (folder,) = (tmp_path / "run").glob("not_finite_step_*")
    report = json.loads((folder / "report.json").read_text())
    assert report["step"] == 20 and "loss/likelihood" not in report["not_finite"]
    assert any("decoders" in name for name in report["gradients_not_finite"])
    rows = pipeline.BatchOrder(len(run.photos.images), 4, config.training.seed).indices(20)
    assert report["photos"] == [run.photos.names[row] for row in rows]
    with np.load(folder / "batch.npz") as batch:
        np.testing.assert_array_equal(batch["image"], run.photos.images[rows])
    # 32 steps were taken when it was seen; 31 of them moved the weights, none was saved.
    assert run.optimizer.iterations.numpy() == 31 and run.step_counter.numpy() == 16
    assert all(np.isfinite(variable).all() for variable in run.model.trainable_variables)
    assert tf.train.latest_checkpoint(str(run.checkpoints.folder)) is None


def made_step(config):
    """A step of a few weights of every kind, its optimizer's slots made as the trainer makes them."""
    strategy = trainer.make_strategy()
    with strategy.scope():
        layers = [tf.keras.layers.Dense(4), tf.keras.layers.GroupNormalization(2)]
        model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(3)])
        model.build([None, 5])
        optimizer = optimizers.make(config.training, 10)
        optimizers.build(optimizer, model.trainable_variables)
    return TrainingStep(config, model, None, optimizer, strategy)


def state_of(step):
    """Weights, slots and the optimizer's step, as a checkpoint would keep them."""
    return [variable.numpy() for variable in [*step.variables, *step.optimizer.variables()]]


def test_a_step_that_is_not_finite_changes_neither_weights_nor_slots_nor_step(tiny):
    step = made_step(tiny.replace(l2=0.1, warmup_steps=3))
    random = np.random.default_rng(0)
    good = [tf.constant(random.normal(size=v.shape), tf.float32) for v in step.variables]
    zero, infinite = tf.constant(0.0), tf.constant(np.inf)
    update = tf.function(lambda *args: step.strategy.run(step.update, args=args), autograph=False)
    for _ in range(2):  # so that there is momentum, which moves weights without any gradient
        update(good, zero)
    before = state_of(step)
    assert len(before) > 2 * len(good) and any(np.any(value != 0) for value in before[len(good) :])

    bad = [*good[:3], good[3] + np.nan, *good[4:]]
    norm, finite = update(bad, zero)
    assert np.isnan(norm) and finite.numpy().sum() == len(good) - 1 and not finite[3]
    huge = [
        gradient + 3e19 for gradient in good
    ]  # the squares of a few are finite, their sum is not
    assert np.isinf(update(huge, zero)[0])
    norm, finite = update(good, infinite)
    assert np.isfinite(norm) and finite.numpy().all()
    for old, now in zip(before, state_of(step), strict=True):
        np.testing.assert_array_equal(old, now)

    update(good, zero)
    changed = [
        not np.array_equal(old, now) for old, now in zip(before, state_of(step), strict=True)
    ]
    assert all(changed[: len(good)])


def test_l2_is_added_to_every_weight(tiny):
    """[unsup3d] does so by PyTorch's weight_decay, norms' scales among them."""
    step = made_step(tiny.replace(l2=0.25, clip_norm=0.0))
    step.optimizer = tf.keras.optimizers.legacy.SGD(1.0)
    before = state_of(step)[: len(step.variables)]
    gradients = [tf.ones_like(variable) for variable in step.variables]
    step.strategy.run(step.update, args=(gradients, tf.constant(0.0)))
    for old, variable in zip(before, step.variables, strict=True):
        np.testing.assert_allclose(
            variable, old - (1.0 + 0.25 * old), rtol=1e-5, atol=1e-6, err_msg=variable.name
        )
    assert {name.rsplit("/", 1)[1] for name in (v.name for v in step.variables)} >= {
        "kernel:0", "bias:0", "gamma:0", "beta:0",
    }  # fmt: skip


def test_variables_without_gradient_are_named(tiny, caplog):
    step = made_step(tiny)
    gradients = [None] + [tf.zeros_like(variable) for variable in step.variables[1:]]
    absl_logging.use_absl_handler()
    with caplog.at_level("WARNING", logger="absl"):
        step.strategy.run(step.update, args=(gradients, tf.constant(0.0)))
    assert step.variables[0].name in caplog.text
    assert step.variables[1].name not in caplog.text


def test_the_batch_must_divide_over_the_devices(run_config, tmp_path, monkeypatch):
    devices = tf.config.list_logical_devices("CPU")
    if len(devices) != 1:
        pytest.skip("made for one logical CPU")
    config = run_config.replace(batch_size=3)
    fake = type("Two", (), {"num_replicas_in_sync": 2})()
    monkeypatch.setattr(trainer, "make_strategy", lambda *_: fake)
    with pytest.raises(ValueError, match="--batch_size=3 must be a multiple of the 2 devices"):
        trainer.Trainer(config, tmp_path / "run")
    assert not (tmp_path / "run" / "flags.json").exists()


def test_what_is_wrong_leaves_a_directory_that_the_corrected_command_can_use(run_config, tmp_path):
    run = tmp_path / "run"
    for wrong in (
        {"data_dir": str(tmp_path / "phtos")},
        {"feature_network": "squeezenet", "squeezenet_weights": str(tmp_path / "squeze.h5")},
        {"feature_network": "vgg16", "vgg_weights": str(tmp_path / "vg.h5")},
        {"init_from": "synthetc"},
    ):
        with pytest.raises(FileNotFoundError, match=list(wrong)[-1]):
            trainer.Trainer(run_config.replace(**wrong), run)
        assert [path.name for path in run.iterdir()] == ["lock"]
    trainer.Trainer(run_config.replace(parts=4), run)
    assert config_lib.load(run).model.parts == 4


def test_photos_that_changed_are_noticed(run_config, disc_photos, tmp_path):
    first = trainer.Trainer(run_config, tmp_path / "run")
    with pytest.raises(run_directory.InUse):
        trainer.Trainer(run_config, tmp_path / "run")
    first.run.unlock()
    count = len(first.photos.names)
    for name in first.photos.names[:3]:
        (disc_photos / name).unlink()
    message = f"train: {count} pictures in the run, {count - 3} now"
    with pytest.raises(run_directory.ConfigurationMismatch, match=message):
        trainer.Trainer(run_config, tmp_path / "run")


@pytest.mark.slow
def test_a_run_goes_on_after_harm_in_folders_of_odd_names(run_config, disc_photos, eager, tmp_path):
    """The state file gone, the newest checkpoint cut, killed before done.json: nothing is lost."""
    photos = disc_photos.rename(tmp_path / "photos [b]\\?*")
    config = run_config.replace(data_dir=str(photos), checkpoint_every_seconds=0.0)
    run = tmp_path / "run [a]\\?*"
    trainer.Trainer(config, run).train()
    newest = run / "checkpoints" / "ckpt-3.data-00000-of-00001"
    _, trained = run_directory.load_model(run)
    done = (run / "done.json").read_text()
    events = sorted(run.glob("events.*"))

    (run / "done.json").unlink()
    trainer.Trainer(config, run).train()
    assert (run / "done.json").read_text() == done and sorted(run.glob("events.*")) == events

    newest.write_bytes(newest.read_bytes()[:1000])
    (run / "checkpoints" / "checkpoint").unlink()
    again = trainer.Trainer(config, run)
    assert int(again.step_counter.numpy()) == 2
    again.train()
    _, resumed = run_directory.load_model(run)
    for before, after in zip(trained.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_optimizer_moves_a_weight(tiny, schedule):
    config = tiny.replace(learning_rate_schedule=schedule, learning_rate=0.1, warmup_steps=2)
    variable = tf.Variable([1.0, -2.0])
    made = optimizers.make(config.training, 20)
    for _ in range(8):
        made.apply_gradients([(variable * 2.0, variable)])
    assert np.abs(variable.numpy()).sum() < 3.0


def test_a_built_optimizer_is_restored_whole_before_its_first_step(tiny, tmp_path):
    training = tiny.replace(learning_rate=0.1).training

    def start():
        variable = tf.Variable([1.0, -2.0])
        made = optimizers.make(training, 20)
        optimizers.build(made, [variable])
        return variable, made, tf.train.Checkpoint(variable=variable, optimizer=made)

    def steps(variable, made, count):
        for _ in range(count):
            made.apply_gradients([(variable * 2.0, variable)])

    variable, made, checkpoint = start()
    steps(variable, made, 3)
    path = checkpoint.save(str(tmp_path / "ckpt"))
    steps(variable, made, 3)
    resumed, made, checkpoint = start()
    # The counter that `save` adds is no object of ours yet.
    checkpoint.save_counter.assign(0)
    run_directory.restore(checkpoint, path)
    steps(resumed, made, 3)
    np.testing.assert_array_equal(resumed, variable)


def test_learning_rate_schedules_by_hand(tiny):
    cosine = tiny.replace(learning_rate=1.0, learning_rate_schedule="cosine", warmup_steps=4)
    rate = optimizers.learning_rate(cosine.training, 100)
    assert float(rate(1)) == pytest.approx(0.25)  # after the first of 4 warm-up steps
    assert float(rate(4)) == pytest.approx(1.0)
    assert float(rate(52)) == pytest.approx(0.505)  # half way from 1 to 0.01
    assert float(rate(100)) == pytest.approx(0.01)
    constant = tiny.replace(learning_rate=1.0, learning_rate_schedule="constant", warmup_steps=4)
    rate = optimizers.learning_rate(constant.training, 100)
    assert [float(rate(step)) for step in (2, 4, 99)] == pytest.approx([0.5, 1.0, 1.0])


def test_parts_learn_from_the_clusters_of_the_photos(run_config, tmp_path):
    """The network's architecture is the real one; its weights are random, discs stand out to it too."""
    weights = write_torch(tmp_path / "lite0.pth", efficientnet_arrays())
    config = run_config.replace(
        feature_clustering_weight=1.0,
        feature_place_weight=1.0,
        efficientnet_weights=weights,
        flip=True,
        learning_rate=3e-3,
        max_steps=12,
        summary_every_seconds=0.0,
    )
    training = trainer.Trainer(config, tmp_path / "run")
    assert training.clusters.distances.shape[:3] == (len(training.photos.images), 14, 14)
    training.train()
    values = []
    for path in sorted((tmp_path / "run").glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tag == "Loss/feature_clustering":
                    values.append(float(tf.make_ndarray(value.tensor)))
    assert len(values) == 12 and values[-1] < 0.9 * values[0]


def test_clusters_are_made_when_all_else_is_right(run_config, tmp_path, monkeypatch):
    """They take minutes: a typo elsewhere is found before."""
    made = []
    monkeypatch.setattr(trainer, "cluster", lambda *_: made.append("clusters"))
    config = run_config.replace(feature_clustering_weight=1.0, efficientnet_weights="lite0.pth")
    with pytest.raises(FileNotFoundError, match="--init_from=photoz"):
        trainer.Trainer(config.replace(init_from="photoz"), tmp_path / "run")
    assert not made


def test_a_missing_network_is_named_before_anything_is_trained(run_config, tmp_path):
    config = run_config.replace(feature_clustering_weight=1.0, efficientnet_weights="/no/such.pth")
    with pytest.raises(FileNotFoundError, match="--efficientnet_weights=/no/such.pth"):
        trainer.Trainer(config, tmp_path / "run")
