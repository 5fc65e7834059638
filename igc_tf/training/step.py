"""One training step on every device: forward, losses, gradients, update."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from igc_tf.config import Config
from igc_tf.datasets.pipeline import to_float
from igc_tf.igc_net import IGCNet
from igc_tf.losses import constraints, devices, reconstruction, rerender
from igc_tf.losses.objective import Objective
from igc_tf.metrics.relief import border_and_center
from igc_tf.structures import IGCOutput, Rerendered


class Report(NamedTuple):
    """What a step reports."""

    values: dict[str, float]  #: see `TrainingStep.read`
    shares: dict[str, float]  #: of each loss in the total; their absolute values sum to 1
    gradients_not_finite: list[str]  #: names of variables

    @property
    def not_finite(self) -> list[str]:
        """Names of the values that are not finite."""
        return [name for name, value in self.values.items() if not math.isfinite(value)]


class TrainingStep:
    """The step as a `tf.function` over a distribution strategy.

    Losses are summed over a device's images and divided by the *global* batch; gradients are summed
    over the devices, clipped by their global norm, then L2 is added [unsup3d], then they are applied
    on every device alike. So the update does not depend on the number of devices. A step whose loss or
    gradient is not finite changes nothing: neither the weights nor what the optimizer keeps.
    """

    def __init__(
        self,
        config: Config,
        model: IGCNet,
        objective: Objective,
        optimizer: tf.keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
    ):
        """Binds the step to its model; variables were made under `strategy`."""
        self.config = config
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.strategy = strategy
        self.variables = model.trainable_variables
        self._without_gradient: list[str] | None = None
        #: Of the values in a step's vector; known once it was traced.
        self.names: list[str] = []

    @tf.function(autograph=False)
    def __call__(self, batch: tf.Tensor, images_seen: tf.Tensor) -> tf.Tensor:
        """Trains on one batch.

        Args:
          batch: distributed `[batch_size, H, W, 3]` uint8; or of these and the distances of their
            features from the clusters, `[batch_size, s, s, K]` float16.
          images_seen: scalar int64, images trained on before.

        Returns:
          All that it reports, one float32 vector, so that the host waits for one transfer; see `read`.
        """
        summed, same = self.strategy.run(self.on_one_device, args=(batch, images_seen))
        summed = self.strategy.reduce(tf.distribute.ReduceOp.SUM, summed, axis=None)
        return tf.concat([summed, self.strategy.experimental_local_results(same)[0]], axis=0)

    def read(self, vector: np.ndarray) -> Report:
        """What a step's vector says.

        Its values are `loss/<name>`, each loss weighted by nothing, and 'loss/total'; 'l1';
        `area/<m>` `depth_low/<m>` `depth_high/<m>` of each capsule; 'relief'; and 'gradient_norm'
        before clipping.
        """
        numbers, finite = np.split(vector, [len(self.names)])
        values = dict(zip(self.names, numbers.tolist(), strict=True))
        weighted = {
            name.removeprefix("weighted/"): values.pop(name)
            for name in self.names
            if name.startswith("weighted/")
        }
        whole = sum(map(abs, weighted.values())) or 1.0
        shares = {name: value / whole for name, value in weighted.items()}
        bad = np.array(self._variables_with_gradient())[finite == 0]
        return Report(values, shares, bad.tolist())

    @tf.autograph.experimental.do_not_convert
    def on_one_device(
        self, batch: tf.Tensor, images_seen: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains on this device's part of the batch, in a replica's context.

        Returns:
          Two vectors: what is to be summed over the devices, called `names`; and what is the same on
          each, the gradients' norm, then whether each gradient was finite, 1 or 0.
        """
        share = 1.0 / self.config.training.batch_size
        picture, distances = batch if isinstance(batch, tuple) else (batch, None)
        image = to_float(picture)
        summed = {}
        with tf.GradientTape() as tape:
            output = self.model(image, training=True)
            for name, (weight, values) in self.terms(image, output, images_seen, distances).items():
                summed[f"loss/{name}"] = tf.reduce_sum(values) * share
                summed[f"weighted/{name}"] = weight * summed[f"loss/{name}"]
            loss = tf.add_n([v for name, v in summed.items() if name.startswith("weighted/")])
        summed["loss/total"] = loss
        norm, finite = self.update(tape.gradient(loss, self.variables), loss)
        summed.update(self.observed(image, output, share))
        self.names = [*summed, "gradient_norm"]
        same = tf.concat([[norm], tf.cast(finite, tf.float32)], axis=0)
        return tf.stack(list(summed.values())), same

    def terms(
        self,
        image: tf.Tensor,
        output: Any,
        images_seen: tf.Tensor,
        distances: tf.Tensor | None = None,
    ) -> dict[str, tuple[tf.Tensor | float, tf.Tensor]]:
        """`{name: (weight, [B])}`, the losses of this device's images."""
        rerendered = self._rerender(output, images_seen)
        return self.objective.terms(image, output, rerendered, distances)

    def observed(self, image: tf.Tensor, output: Any, share: float) -> dict[str, tf.Tensor]:
        """What else the step reports: sums over this device's images, times `share`."""
        l1 = reconstruction.l1(image, output.rendering.image, output.rendering.mask)
        return {"l1": tf.reduce_sum(l1) * share, **self._capsules(output, share)}

    def _rerender(self, output: IGCOutput, images_seen: tf.Tensor) -> Rerendered | None:
        """Renders this device's faces in its share of poses that seed and step alone decide."""
        loss = self.config.loss
        if not loss.rerender_pose_weight:
            return None
        rotations = rerender.rotations(
            self.config.training.batch_size,
            math.radians(loss.rerender_yaw_degrees),
            math.radians(loss.rerender_tilt_degrees),
            seed=tf.stack([tf.cast(images_seen, tf.int64), self.config.training.seed]),
        )
        return self.model.rerender(output, devices.share(rotations))

    def update(
        self, gradients: list[tf.Tensor | None], loss: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Sums over devices, clips, adds L2, updates the variables; in a replica's context.

        If the loss or the norm is not finite, variables, slots and the optimizer's step stay.

        Args:
          gradients: one for each of `variables`, of this device; None where no loss reaches it.
          loss: scalar, this device's share of the total.

        Returns:
          The global norm before clipping, and whether each gradient was finite.
        """
        config = self.config.training
        self._warn_without_gradient(gradients)
        reached = [index for index, gradient in enumerate(gradients) if gradient is not None]
        variables = [self.variables[index] for index in reached]
        *totals, loss = devices.total(
            [*(tf.convert_to_tensor(gradients[index]) for index in reached), loss]
        )
        squares = tf.stack([tf.nn.l2_loss(total) for total in totals])
        norm = tf.sqrt(2.0 * tf.reduce_sum(squares))
        if config.clip_norm:
            scale = tf.minimum(1.0, config.clip_norm / norm)
            totals = [total * scale for total in totals]
        if config.l2:
            totals = [
                total + config.l2 * variable
                for total, variable in zip(totals, variables, strict=True)
            ]
        keep = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        self._apply_if(keep, totals, variables)
        return norm, tf.math.is_finite(squares)

    def _apply_if(
        self, keep: tf.Tensor, gradients: list[tf.Tensor], variables: list[tf.Variable]
    ) -> None:
        """Has the optimizer take its step where `keep`, the same on every device, says so."""

        def on_a_device(gradients: list[tf.Tensor]) -> None:
            updates = zip(gradients, variables, strict=True)
            self.optimizer.apply_gradients(updates, experimental_aggregate_gradients=False)

        def on_all(
            strategy: tf.distribute.Strategy, keep: tf.Tensor, gradients: list[tf.Tensor]
        ) -> None:
            def apply() -> tf.Tensor:
                strategy.extended.call_for_each_replica(on_a_device, args=(gradients,))
                return tf.constant(True)

            tf.cond(strategy.experimental_local_results(keep)[0], apply, lambda: tf.constant(False))

        # An optimizer meets the other devices in its step, which it may not within a branch: so the
        # branch is taken where all devices are seen, and they part within it.
        tf.distribute.get_replica_context().merge_call(on_all, args=(keep, gradients))

    def _warn_without_gradient(self, gradients: list[tf.Tensor | None]) -> None:
        """Names every variable that no loss reaches, once."""
        missing = [
            variable.name
            for g, variable in zip(gradients, self.variables, strict=True)
            if g is None
        ]
        if missing and self._without_gradient is None:
            logging.warning("No loss reaches these variables; they will not learn: %s", missing)
        self._without_gradient = missing

    def _variables_with_gradient(self) -> list[str]:
        """Names in the order of the vector's last entries; known after the first step."""
        missing = set(self._without_gradient or [])
        return [variable.name for variable in self.variables if variable.name not in missing]

    def _capsules(self, output: Any, share: float) -> dict[str, tf.Tensor]:
        """Area and depth range of each capsule, and the sign of the relief."""
        found = {}
        area = tf.reduce_sum(constraints.areas(output.object.visibility), axis=0) * share
        low = tf.reduce_sum(tf.reduce_min(output.parts.depth, axis=(2, 3)), axis=0) * share
        high = tf.reduce_sum(tf.reduce_max(output.parts.depth, axis=(2, 3)), axis=0) * share
        for part in range(self.config.model.parts):
            found[f"area/{part}"] = area[part]
            found[f"depth_low/{part}"] = low[part]
            found[f"depth_high/{part}"] = high[part]
        found["relief"] = tf.reduce_sum(relief(output.object.depth)) * share
        return found


def relief(depth: tf.Tensor) -> tf.Tensor:
    """`igc_tf.metrics.relief.relief` in TensorFlow, `[B, h, w]` to `[B]`; positive is convex."""
    border, center = border_and_center(depth.shape[1:])
    weights = border / border.sum() - center / center.sum()
    return tf.einsum("bhw,hw->b", depth, tf.constant(weights, depth.dtype))
