"""The training loop: tf.distribute, resume, checkpoints, validation, and a stop at the first NaN."""

from __future__ import annotations

import json
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np
import tensorflow as tf
from absl import logging

from igc_tf import igc_net, released, run_directory
from igc_tf.config import Config, TrainingConfig
from igc_tf.datasets import catalog, pipeline
from igc_tf.features import clusters, efficientnet
from igc_tf.losses import reconstruction
from igc_tf.losses.objective import Objective
from igc_tf.training import optimizers
from igc_tf.training.progress import Progress
from igc_tf.training.step import Report, TrainingStep
from igc_tf.training.summaries import Summaries

#: How many photos of the validation split make the fixed batch of TensorBoard's pictures.
FIXED_BATCH = 8
#: How many steps, or how many seconds of them, may pass before their reports are looked at.
LOOK_STEPS, LOOK_SECONDS = 16, 1.0
#: Seconds between TensorBoard's pictures.
PICTURES_SECONDS = 120.0
#: How many images of the validation split are measured.
VALIDATION_IMAGES = 256


class NonFiniteError(ArithmeticError):
    """A loss or gradient was NaN or infinite; the message says which, and where the batch lies."""


class Interrupted(Exception):
    """SIGINT or SIGTERM ended the training; its state was saved."""

    def __init__(self, signal_number: int, step: int):
        """Notes the signal and the step that was saved."""
        super().__init__(f"Stopped by {signal.Signals(signal_number).name}, saved at step {step}.")
        self.signal_number = signal_number


def make_strategy(devices: list[str] | None = None) -> tf.distribute.MirroredStrategy:
    """The tf.distribute strategy: mirrored over all GPUs, or over the CPU where there is none.

    Args:
      devices: which devices, all by default.
    """
    if devices is None:
        gpus = tf.config.list_logical_devices("GPU")
        devices = [device.name for device in gpus] or ["/cpu:0"]
    return tf.distribute.MirroredStrategy(devices)


def prepare_process(config: TrainingConfig) -> None:
    """Sets this process' seeds, determinism and compute type, before any weights are made."""
    tf.keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.keras.mixed_precision.set_global_policy(config.precision)


def cluster(config: Config, images: np.ndarray) -> clusters.Clusters | None:
    """The clusters of the training photos' features, if a loss asks for them.

    Raises:
      FileNotFoundError, ValueError: the network's weights are missing or wrong; the photos do not fall
        into so many parts.
    """
    if not config.loss.feature_clustering_weight:
        return None
    network = efficientnet.EfficientNetFeatures(config.loss.efficientnet_weights)
    features = tf.function(lambda picture: network(pipeline.to_float(picture)), autograph=False)
    return clusters.open_or_build(
        images,
        lambda picture: features(tf.constant(picture)).numpy(),
        network.name_of_weights,
        config.model.parts - 1,
        config.loss.feature_place_weight,
    )


class _Taken(NamedTuple):
    """A step that was taken and not looked at yet."""

    step: int
    report: tf.Tensor
    batch: tf.Tensor | tuple[tf.Tensor, tf.Tensor]
    indices: tf.Tensor


class Trainer:
    """Trains one run directory, from its beginning or from where it stopped."""

    def __init__(
        self,
        config: Config,
        run_dir: str | pathlib.Path,
        strategy: tf.distribute.Strategy | None = None,
    ):
        """Opens the run, its data, model and newest checkpoint; nobody else may train it until the end.

        Nothing is written to the directory, but for the lock, before all of that has succeeded.

        Args:
          config: the run's.
          run_dir: its directory.
          strategy: where to train; `make_strategy`'s by default.

        Raises:
          ConfigurationMismatch: the directory holds a run with another configuration, or of other photos.
          InUse: another process trains it.
          FileNotFoundError, ValueError: the data or a file is missing or does not fit.
        """
        self.run = run_directory.RunDirectory(run_dir)
        self.run.lock()
        try:
            self._open(config, strategy)
        except BaseException:
            self.run.unlock()
            raise

    def _open(self, config: Config, strategy: tf.distribute.Strategy | None) -> None:
        self.config = config = self.run.resolve(config)
        self.photos = catalog.open_split(config.data, config.model.image_size, "train")
        self.validation = catalog.open_split(config.data, config.model.image_size, "validation")
        splits = {"train": self.photos, "validation": self.validation}
        self.run.compare_photos(splits)
        training = config.training
        prepare_process(training)
        self.strategy = strategy or make_strategy()
        replicas = self.strategy.num_replicas_in_sync
        if training.batch_size % replicas:
            raise ValueError(
                f"--batch_size={training.batch_size} must be a multiple of the {replicas} devices."
            )
        self.total_steps = training.steps
        with self.strategy.scope():
            self.model = igc_net.build(config)
            self.optimizer = optimizers.make(training, self.total_steps)
            optimizers.build(self.optimizer, self.model.trainable_variables)
            self.step_counter = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(
            model=self.model, optimizer=self.optimizer, step=self.step_counter
        )
        self.checkpoints = self.run.checkpoints(checkpoint)
        resumed = self.run.resume(checkpoint)
        step = int(self.step_counter.numpy())
        if resumed is not None:
            logging.info("Continuing at step %d of %d.", step, self.total_steps)
        elif training.init_from:
            released.start_from(self.model, config, training.init_from)
            logging.info("Starting with the weights of %s.", training.init_from)
        # Last, for clusters take minutes: all else is known to be right then.
        self.clusters = cluster(config, self.photos.images)
        with self.strategy.scope():
            self.objective = Objective(config, self.clusters)
        self.step = TrainingStep(config, self.model, self.objective, self.optimizer, self.strategy)
        self.run.begin(config, splits, step)
        self._signal: int | None = None

    def train(self) -> None:
        """Trains to the end of the configuration, and lets others train the run.

        Steps are taken without waiting for what they report; that is looked at every `LOOK_SECONDS`, and
        before anything is written.

        Raises:
          NonFiniteError: a loss or gradient was not finite. The last good checkpoint stands.
          Interrupted: by SIGINT or SIGTERM, after saving.
        """
        try:
            self._train()
        finally:
            self.run.unlock()

    def _train(self) -> None:
        step = int(self.step_counter.numpy())
        if step >= self.total_steps:
            logging.info("%s has its %d steps already.", self.run.path, step)
            self.run.mark_done(step, step * self.config.training.batch_size)
            return
        fixed = self.validation.images[:FIXED_BATCH]
        summaries = Summaries(self.run.path, self.config, np.asarray(fixed))
        training = self.config.training
        clocks = {
            "scalars": _Clock(training.summary_every_seconds),
            "pictures": _Clock(PICTURES_SECONDS),
            "checkpoint": _Clock(training.checkpoint_every_seconds),
        }
        look = _Clock(LOOK_SECONDS)
        taken: list[_Taken] = []
        previous = self._catch_signals()
        progress = Progress(self.total_steps, training.batch_size, step)
        try:
            with progress:
                if step == 0:
                    summaries.data({"train": self.photos, "validation": self.validation})
                    summaries.pictures(0, self.model)
                for batch, indices in self.batches(step):
                    report = self.step(batch, self._images(step))
                    taken.append(_Taken(step, report, batch, indices))
                    step += 1
                    last = step == self.total_steps
                    due = {name for name, clock in clocks.items() if last or clock.due()}
                    validate = last or step % training.validate_every_steps == 0
                    stop = self._signal
                    full = len(taken) == LOOK_STEPS or look.due()
                    if not (full or due or validate or stop):
                        continue
                    # Nothing below this line is done after a step that is not finite.
                    found = self._checked(taken)
                    taken.clear()
                    self.step_counter.assign(step)
                    progress.update(step, found.values["loss/total"], found.values["l1"])
                    if "scalars" in due:
                        summaries.scalars(step, found, progress.images_per_second)
                        progress.shares(found.shares)
                    if "pictures" in due:
                        summaries.pictures(step, self.model)
                    if validate:
                        self._validate(step, summaries)
                    if "checkpoint" in due or stop:
                        self.checkpoints.save(checkpoint_number=step)
                    if stop and not last:
                        raise Interrupted(stop, step)
        finally:
            self._restore_signals(previous)
        self.run.mark_done(step, step * training.batch_size)

    def _images(self, step: int) -> tf.Tensor:
        return tf.constant(step * self.config.training.batch_size, tf.int64)

    def batches(self, start: int) -> Iterator:
        """Distributed batches of pictures and their indices, from step `start` to the last."""
        training = self.config.training

        def share(context: tf.distribute.InputContext) -> tf.data.Dataset:
            dataset = pipeline.training_batches(
                self.photos.images,
                self.config.data,
                training.batch_size,
                training.seed,
                start,
                self.total_steps,
                context.input_pipeline_id,
                context.num_input_pipelines,
                self.clusters.distances if self.clusters else None,
            )
            size = context.get_per_replica_batch_size(training.batch_size)
            whole = context.num_input_pipelines * size == training.batch_size
            return dataset if whole else dataset.rebatch(size, drop_remainder=True)

        return iter(self.strategy.distribute_datasets_from_function(share))

    def _checked(self, taken: list[_Taken]) -> Report:
        """What the last step reported, if all that all of them reported is finite."""
        for one, vector in zip(taken, tf.stack([one.report for one in taken]).numpy(), strict=True):
            found = self.step.read(vector)
            if found.not_finite or found.gradients_not_finite:
                self._stop_at(one, found)
        return found

    def _stop_at(self, taken: _Taken, found: Report) -> NoReturn:
        """Writes down a step that is not finite, and raises NonFiniteError."""
        local = self.strategy.experimental_local_results
        pictures = taken.batch[0] if isinstance(taken.batch, tuple) else taken.batch
        indices, images = (
            np.concatenate([part.numpy() for part in local(value)])
            for value in (taken.indices, pictures)
        )
        report = {
            "step": taken.step,
            "not_finite": found.not_finite,
            "gradients_not_finite": found.gradients_not_finite,
            "values": {name: repr(value) for name, value in found.values.items()},
            "photos": [self.photos.names[index] for index in indices],
        }
        folder = self.run.path / f"not_finite_step_{taken.step}"
        folder.mkdir(exist_ok=True)
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        np.savez(folder / "batch.npz", image=images)
        raise NonFiniteError(
            f"Step {taken.step} is not finite: {', '.join(found.not_finite) or 'no loss'}; gradients "
            f"of {len(found.gradients_not_finite)} variables. Its batch and a report lie in "
            f"{folder}; the last checkpoint is untouched. A lower --learning_rate or --clip_norm "
            "usually helps."
        )

    def _validate(self, step: int, summaries: Summaries) -> None:
        """Measures L1 on the validation split."""
        images = self.validation.images[:VALIDATION_IMAGES]
        total = 0.0
        size = self.config.training.batch_size // self.strategy.num_replicas_in_sync
        for start in range(0, len(images), size):
            batch = pipeline.to_float(tf.constant(images[start : start + size]))
            total += float(tf.reduce_sum(self._validation_l1(batch)))
        summaries.validation(step, {"l1": total / len(images)})

    @tf.function(autograph=False, reduce_retracing=True)
    def _validation_l1(self, image: tf.Tensor) -> tf.Tensor:
        rendering = self.model(image).rendering
        return reconstruction.l1(image, rendering.image, rendering.mask)

    def _catch_signals(self) -> dict[int, Any]:
        def note(number: int, _frame: object) -> None:
            self._signal = number

        return {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}

    @staticmethod
    def _restore_signals(previous: dict[int, Any]) -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Clock:
    """Tells when some seconds have passed since it last said so."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._last = time.monotonic()

    def due(self) -> bool:
        if time.monotonic() - self._last < self.seconds:
            return False
        self._last = time.monotonic()
        return True
