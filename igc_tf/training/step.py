"""One training step on every device: forward, losses, gradients, update."""

from __future__ import annotations

import math

import tensorflow as tf
from absl import logging

from igc_tf.config import Config
from igc_tf.datasets.pipeline import to_float
from igc_tf.evaluation.relief import border_and_centre
from igc_tf.igc_net import IGCNet
from igc_tf.losses import constraints, reconstruction
from igc_tf.losses import retake as retake_lib
from igc_tf.losses.objective import Objective
from igc_tf.structures import IGCOutput, Retake


def gather_global(embeddings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Embeddings of all devices, and where this device's begin; differentiable."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return embeddings, 0
    gathered = context.all_gather(embeddings, axis=0)
    replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
    return gathered, replica * tf.shape(embeddings)[0]


class TrainingStep:
    """The step as a `tf.function` over a distribution strategy.

    Losses are summed over a device's images and divided by the *global* batch; gradients are summed
    over the devices, clipped by their global norm, then L2 is added [unsup3d], then they are applied
    on every device alike. So the update does not depend on the number of devices.
    """

    def __init__(self, config: Config, model: IGCNet, objective: Objective, optimizer, strategy):
        """Binds the step to its model; variables were made under `strategy`."""
        self.config = config
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.strategy = strategy
        self.variables = model.trainable_variables
        self._without_gradient: list[str] | None = None

    @tf.function(autograph=False)
    def __call__(self, batch: tf.Tensor, images_seen: tf.Tensor) -> dict[str, tf.Tensor]:
        """Trains on one batch.

        Args:
          batch: distributed `[batch_size, H, W, 3]` uint8; or of these and the distances of their
            features from the clusters, `[batch_size, s, s, K]` float16.
          images_seen: scalar int64, images trained on before.

        Returns:
          `loss/...` each loss, 'gradient_norm' before clipping, `area/<m>` `depth_low/<m>`
          `depth_high/<m>` of each capsule, 'relief', all scalars; and 'gradient_finite', a bool for
          every trainable variable.
        """
        results = self.strategy.run(self._on_one_device, args=(batch, images_seen))
        found = {
            name: self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in results["summed"].items()
        }
        for name, value in results["same"].items():
            found[name] = self.strategy.experimental_local_results(value)[0]
        return found

    @tf.autograph.experimental.do_not_convert
    def _on_one_device(self, batch: tf.Tensor, images_seen: tf.Tensor) -> dict:
        share = 1.0 / self.config.training.batch_size
        picture, distances = batch if isinstance(batch, tuple) else (batch, None)
        image = to_float(picture)
        with tf.GradientTape() as tape:
            output = self.model(image, training=True)
            losses = self.losses(image, output, images_seen, distances)
            summed = {f"loss/{name}": tf.reduce_sum(v) * share for name, v in losses.items()}
        gradients = tape.gradient(summed["loss/total"], self.variables)
        norm, finite = self.update(gradients)
        summed.update(self.observed(image, output, share))
        return {"summed": summed, "same": {"gradient_norm": norm, "gradient_finite": finite}}

    def losses(
        self, image: tf.Tensor, output, images_seen: tf.Tensor, distances: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Losses `{name: [B]}` of this device's images, 'total' among them."""
        retake = self._retake(output, images_seen)
        return self.objective(image, output, images_seen, gather_global, retake, distances)

    def observed(self, image: tf.Tensor, output, share: float) -> dict[str, tf.Tensor]:
        """What else the step reports: sums over this device's images, times `share`."""
        l1 = reconstruction.l1(image, output.rendering.image, output.rendering.mask)
        return {"l1": tf.reduce_sum(l1) * share, **self._capsules(output, share)}

    def _retake(self, output: IGCOutput, images_seen: tf.Tensor) -> Retake | None:
        """Draws this device's faces in poses that depend on the seed and the step alone."""
        loss = self.config.loss
        if not loss.retake_weight:
            return None
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        device_and_seed = tf.cast(replica, tf.int64) * 2**32 + self.config.training.seed
        rotation = retake_lib.rotations(
            output.pose.rotation.shape[0],
            math.radians(loss.retake_yaw_degrees),
            math.radians(loss.retake_tilt_degrees),
            seed=tf.stack([tf.cast(images_seen, tf.int64), device_and_seed]),
        )
        return self.model.retake(output, rotation)

    def update(self, gradients: list[tf.Tensor | None]) -> tuple[tf.Tensor, tf.Tensor]:
        """Sums over devices, clips, adds L2, updates the variables; in a replica's context.

        Args:
          gradients: one for each of `variables`, of this device; None where no loss reaches it.

        Returns:
          The global norm before clipping, and whether each gradient was finite.
        """
        config = self.config.training
        self._warn_without_gradient(gradients)
        pairs = [
            (tf.convert_to_tensor(gradient), variable)
            for gradient, variable in zip(gradients, self.variables, strict=True)
            if gradient is not None
        ]
        context = tf.distribute.get_replica_context()
        totals = [gradient for gradient, _ in pairs]
        if context.num_replicas_in_sync > 1:
            totals = context.all_reduce(tf.distribute.ReduceOp.SUM, totals)
        squares = tf.stack([tf.nn.l2_loss(total) for total in totals])
        finite, norm = tf.math.is_finite(squares), tf.sqrt(2.0 * tf.reduce_sum(squares))
        # A step that is not finite must not reach the weights: the loop stops at it.
        keep = tf.reduce_all(finite)
        clipped = tf.minimum(1.0, config.clip_norm / norm) if config.clip_norm else 1.0
        scale = tf.where(keep, clipped, 0.0)
        totals = [tf.math.multiply_no_nan(total, scale) for total in totals]
        if config.l2 and config.optimizer != "adamw":  # AdamW decays by itself
            l2 = tf.where(keep, config.l2, 0.0)
            totals = [
                total + l2 * variable for total, (_, variable) in zip(totals, pairs, strict=True)
            ]
        updates = zip(totals, [variable for _, variable in pairs], strict=True)
        if isinstance(self.optimizer, tf.keras.optimizers.legacy.Optimizer):
            self.optimizer.apply_gradients(updates, experimental_aggregate_gradients=False)
        else:
            self.optimizer.apply_gradients(updates, skip_gradients_aggregation=True)
        return norm, finite

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

    def variables_with_gradient(self) -> list[str]:
        """Names in the order of 'gradient_finite'; known after the first step."""
        missing = set(self._without_gradient or [])
        return [variable.name for variable in self.variables if variable.name not in missing]

    def _capsules(self, output, share: float) -> dict[str, tf.Tensor]:
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
    """`igc_tf.evaluation.relief.relief` in TensorFlow, `[B, h, w]` to `[B]`; positive is convex."""
    border, centre = border_and_centre(depth.shape[1:])
    weights = border / border.sum() - centre / centre.sum()
    return tf.einsum("bhw,hw->b", depth, tf.constant(weights, depth.dtype))
