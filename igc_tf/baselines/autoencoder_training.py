"""Trains the auto-encoder as the IGC-Net beside it was: same photos, order, optimizer and seed."""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from igc_tf import precision
from igc_tf.baselines import autoencoder
from igc_tf.config import Config
from igc_tf.datasets import pipeline
from igc_tf.losses import reconstruction
from igc_tf.training import optimizers, trainer
from igc_tf.training.progress import Progress
from igc_tf.training.step import TrainingStep


class Trained(NamedTuple):
    """A trained auto-encoder."""

    model: autoencoder.AutoEncoder
    images: int  #: trained on, counted with repetition
    seconds: float  #: that it took, wall-clock
    l1: float  #: mean L1 of the last steps' images, in color units of [0, 1]


class AutoEncoderStep(TrainingStep):
    """The training step with the auto-encoder's losses."""

    def terms(
        self,
        image: tf.Tensor,
        output: autoencoder.AutoEncoding,
        images_seen: tf.Tensor,
        distances: tf.Tensor | None = None,
    ) -> dict[str, tuple[float, tf.Tensor]]:
        """The pyramid loss of the whole picture, weighted as IGC-Net's; by 1 if that had none."""
        values = reconstruction.pyramid(image, output.reconstruction, _everywhere(image))
        return {"pyramid": (self.config.loss.pyramid_weight or 1.0, values)}

    def observed(
        self, image: tf.Tensor, output: autoencoder.AutoEncoding, share: float
    ) -> dict[str, tf.Tensor]:
        """The L1 of the pictures."""
        l1 = reconstruction.l1(image, output.reconstruction, _everywhere(image))
        return {"l1": tf.reduce_sum(l1) * share}


def train(
    config: Config,
    decoder_channels: int,
    photos: np.ndarray,
    images: int,
) -> Trained:
    """Trains an auto-encoder from its beginning.

    Args:
      config: of the IGC-Net it stands beside.
      decoder_channels: of the decoder's last stage.
      photos: `[N, H, W, 3]` uint8, the train split.
      images: how many to train on, rounded up to whole steps.

    Returns:
      The trained model, and what it took.

    Raises:
      ValueError: `images` is not positive.
      NonFiniteError: a loss or gradient was not finite.
    """
    if images <= 0:
        raise ValueError(f"{images} images: one at least is needed.")
    config = config.replace(
        precision=precision.resolve(config.training.precision), train_images=images, max_steps=0
    )
    return _Training(config, decoder_channels).run(photos)


def encode(
    model: autoencoder.AutoEncoder, photos: np.ndarray, batch_size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings `[N, D]` and reconstructions `[N, H, W, 3]`, float32, of `[N, H, W, 3]` uint8."""
    run = tf.function(model, autograph=False, reduce_retracing=True)
    found = [
        run(pipeline.to_float(tf.constant(photos[start : start + batch_size])))
        for start in range(0, len(photos), batch_size)
    ]
    embeddings, pictures = zip(*found, strict=True)
    return np.concatenate(embeddings), np.concatenate(pictures)


class _Training:
    """Model, optimizer and step of one training."""

    def __init__(self, config: Config, decoder_channels: int):
        self.config, training = config, config.training
        trainer.prepare_process(training)
        self.steps = training.steps
        self.strategy = trainer.make_strategy()
        with self.strategy.scope():
            self.model = autoencoder.build(config.model, decoder_channels)
            optimizer = optimizers.make(training, self.steps)
            optimizers.build(optimizer, self.model.trainable_variables)
        self.step = AutoEncoderStep(config, self.model, None, optimizer, self.strategy)

    def run(self, photos: np.ndarray) -> Trained:
        """All steps."""
        batch_size = self.config.training.batch_size
        start, recent = time.monotonic(), []
        with Progress(self.steps, batch_size, 0) as progress:
            for step, found in enumerate(self.results(photos), 1):
                recent = [*recent[-99:], found["l1"]]
                progress.update(step, found["loss/total"], found["l1"])
        seconds = time.monotonic() - start
        return Trained(self.model, self.steps * batch_size, seconds, statistics.fmean(recent))

    def results(self, photos: np.ndarray):
        """What each step reports, as floats; a step is taken when it is asked for."""
        training = self.config.training
        dataset = pipeline.training_batches(
            photos, self.config.data, training.batch_size, training.seed, 0, self.steps
        )
        batches = self.strategy.experimental_distribute_dataset(dataset)
        for step, (batch, _) in enumerate(batches):
            seen = tf.constant(step * training.batch_size, tf.int64)
            report = self.step.read(self.step(batch, seen).numpy())
            if report.not_finite or report.gradients_not_finite:
                raise trainer.NonFiniteError(
                    f"Step {step} of the auto-encoder's training is not finite ({report.values}). It "
                    f"takes the run's own --learning_rate={training.learning_rate:g} and "
                    f"--clip_norm={training.clip_norm:g}."
                )
            yield report.values


def _everywhere(image: tf.Tensor) -> tf.Tensor:
    return tf.ones_like(image[..., 0])
