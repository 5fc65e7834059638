"""The training step, whole and in stages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from igc_tf.benchmarks import operations, timing
from igc_tf.benchmarks.timing import Timing
from igc_tf.datasets.pipeline import to_float
from igc_tf.losses import rerender
from igc_tf.losses.objective import Objective
from igc_tf.structures import BACKGROUND, IGCOutput
from igc_tf.training.trainer import Trainer


class Stage(NamedTuple):
    """A part of the step and what it took."""

    name: str
    forward: Timing
    both: Timing  #: forward and backward; where there is no backward, `forward` again
    times: int  #: how often a step does it


class WholeStep:
    """A `Trainer`'s step on one batch of its data, again and again."""

    def __init__(self, trainer: Trainer):
        """Takes the first batch of the training."""
        self.trainer = trainer
        self.batch_size = trainer.config.training.batch_size
        self._batches = iter(trainer.batches(0))
        self.batch, _ = next(self._batches)
        self._seen = tf.constant(0, tf.int64)

    def __call__(self) -> None:
        """One step, with everything it reports fetched, as the training loop does."""
        self.trainer.step(self.batch, self._seen).numpy()

    def work(self) -> operations.Work:
        """Convolutions and matrix products of one step."""
        step = self.trainer.step
        return operations.count(step.__call__.get_concrete_function(self.batch, self._seen))

    def input_pipeline(self) -> Callable[[], object]:
        """Fetches the next batch; endless."""

        def fetch() -> object:
            try:
                return next(self._batches)
            except StopIteration:
                self._batches = iter(self.trainer.batches(0))
                return next(self._batches)

        return fetch


def stages(trainer: Trainer, batch: tf.Tensor, seconds: float) -> Iterator[Stage]:
    """Times the stages of a step, each on what the stage before gives.

    Args:
      trainer: on one device.
      batch: `[B, H, W, 3]` uint8, or of these and the distances of their features, as a step takes it.
      seconds: for each stage.

    Yields:
      The stages that the recipe has, in the step's order. Their sum is less than a step, which also
      adds and reports; but "features" is among "losses".
    """
    model, objective, config = trainer.model, trainer.objective, trainer.config
    loss, renderer = config.loss, model.renderer
    picture, distances = batch if isinstance(batch, tuple) else (batch, None)
    image = to_float(picture)
    features = model.encoder(image)
    embeddings = model.decomposition(features)
    output = model(image, training=True)
    capsule = output.object
    branches = 2 if loss.flip_weight else 1

    def stage(
        name: str, function: Callable, inputs: Any, layers: Any = (), times: int = 1
    ) -> Stage:
        variables = [variable for layer in layers for variable in layer.trainable_variables]
        forward, both = _forward_and_backward(function, inputs, variables)
        timings = timing.alternate({"forward": forward, "both": both}, seconds)
        return Stage(name, timings["forward"], timings["both"], times)

    yield stage("encoder", model.encoder, image, [model.encoder])
    yield stage("lighting network", model.lighting, image, [model.lighting])
    if model.confidence is not None:
        yield stage("confidence network", model.confidence, image, [model.confidence])
    yield stage("GDM", model.decomposition, features, [model.decomposition])
    decoders = model.decoders
    yield stage("depth decoder", decoders.depth, embeddings.shape, [decoders.depth])
    yield stage("albedo decoder", decoders.albedo, embeddings.albedo, [decoders.albedo])
    yield stage("assembly", model.assemble, output.parts)
    yield stage(
        "shading",
        lambda given: renderer.shade(*given),
        (capsule.depth, output.light),
        times=branches,
    )
    maps = [output.rendering.canonical_image]
    if capsule.static_background is not None:
        maps.append(1.0 - capsule.soft_visibility[:, BACKGROUND, ..., tf.newaxis])
    yield stage(
        "rasterization",
        lambda given: renderer.render(*given)[0],
        (capsule.depth, output.pose, tf.concat(maps, axis=-1)),
        times=branches,
    )
    if output.surface is not None:
        yield stage(
            "surface",
            lambda given: renderer.surface_pixels(*given),
            (capsule.depth, output.pose),
        )
    rerendered = None
    if loss.rerender_pose_weight:
        rotation = rerender.rotations(
            picture.shape[0],
            math.radians(loss.rerender_yaw_degrees),
            math.radians(loss.rerender_tilt_degrees),
            seed=tf.constant([0, config.training.seed], tf.int64),
        )
        rerendered = model.rerender(output, rotation)
        yield stage(
            "rerender",
            lambda given: model.rerender(given, rotation),
            output,
            [model.encoder, model.decomposition, decoders],
        )
    if objective.features is not None and (loss.part_feature_weight or loss.perceptual_weight):
        pictures = (image, output.rendering.image)
        yield stage("features", lambda given: _features(objective, *given), pictures)
    yield stage(
        "losses",
        lambda given: objective(image, _masks_constant(given[0]), given[1], distances)["total"],
        (output, rerendered),
    )

    gradients = [tf.zeros_like(variable) for variable in trainer.step.variables]
    update = tf.function(
        lambda: trainer.strategy.run(trainer.step.update, args=(gradients, tf.zeros([]))),
        autograph=False,
    )
    assert config.training.batch_size == picture.shape[0]
    updated = timing.measure(update, seconds)
    yield Stage("optimizer", updated, updated, 1)


def _masks_constant(output: IGCOutput) -> IGCOutput:
    """Which pixels the canvas covers is a constant to the gradient."""
    flipped = output.flipped_rendering
    return output._replace(
        rendering=output.rendering._replace(mask=tf.stop_gradient(output.rendering.mask)),
        flipped_rendering=flipped and flipped._replace(mask=tf.stop_gradient(flipped.mask)),
    )


def _features(objective: Objective, photo: tf.Tensor, rendered: tf.Tensor) -> list[tf.Tensor]:
    """What the losses ask of the pre-trained network; the photo's features are constants to them."""
    loss, photo, found = objective.loss, tf.stop_gradient(photo), []
    if loss.part_feature_weight:
        found.append(objective.features(photo, loss.part_feature_size))
    if loss.perceptual_weight:
        found += [objective.features(photo), objective.features(rendered)]
    return found


def _forward_and_backward(
    function: Callable, inputs: Any, variables: list[tf.Variable]
) -> tuple[Callable, Callable]:
    """A stage alone, and with its gradients to inputs and variables; both traced functions."""
    outputs = [value for value in tf.nest.flatten(function(inputs)) if value is not None]
    upstream = [tf.ones_like(value) for value in outputs]
    forward = tf.function(function, autograph=False)

    @tf.function(autograph=False)
    def both(inputs: Any, upstream: list[tf.Tensor]) -> list[tf.Tensor | None]:
        watched = [value for value in tf.nest.flatten(inputs) if value is not None]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            tape.watch(variables)
            found = [value for value in tf.nest.flatten(function(inputs)) if value is not None]
        return tape.gradient(found, watched + variables, output_gradients=upstream)

    return lambda: forward(inputs), lambda: both(inputs, upstream)
