"""The objective: the weighted sum of all losses [paper], each reported by name."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from igc_tf.config import Config
from igc_tf.features.clusters import Clusters
from igc_tf.features.squeezenet import SqueezeNetFeatures
from igc_tf.features.vgg16 import VGG16Features
from igc_tf.losses import constraints, devices, perceptual, reconstruction, semantic_consistency
from igc_tf.losses.feature_clustering import FeatureClustering
from igc_tf.losses.rerender import pose_loss
from igc_tf.structures import Confidence, IGCOutput, Rendering, Rerendered

#: The background begins this many standard deviations beyond the mean of the foreground's depth, which
#: is smoothed by a Gaussian of this many px in maps of 64 [choice].
BACKGROUND_THRESHOLD, BACKGROUND_SIGMA = 0.3, 2.0


class Objective:
    """Computes every loss the configuration asks for.

    A loss whose weight is 0 is not computed at all.
    """

    def __init__(self, config: Config, clusters: Clusters | None = None):
        """Makes the objective; loads the perceptual network if one is asked for.

        Args:
          config: the run's.
          clusters: of the training photos' features, where the feature clustering loss is asked for.

        Raises:
          FileNotFoundError, ValueError: its weights are missing or wrong.
        """
        self.loss = config.loss
        self.model = config.model
        self.clustering: FeatureClustering | None = None
        if self.loss.feature_clustering_weight:
            assert clusters is not None
            self.clustering = FeatureClustering(clusters, self.model.map_size, self.model.parts)
        self.features: Any = None
        if self.loss.feature_network == "vgg16":
            self.features = VGG16Features(self.loss.vgg_weights)
        elif self.loss.feature_network == "squeezenet":
            self.features = SqueezeNetFeatures(self.loss.squeezenet_weights)

    def __call__(
        self,
        image: tf.Tensor,
        output: IGCOutput,
        rerendered: Rerendered | None = None,
        distances: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """`{name: [B]}`, the losses of `terms` by themselves; and 'total', their weighted sum."""
        terms = self.terms(image, output, rerendered, distances)
        losses = {name: values for name, (_, values) in terms.items()}
        losses["total"] = tf.add_n([weight * values for weight, values in terms.values()])
        return losses

    def terms(
        self,
        image: tf.Tensor,
        output: IGCOutput,
        rerendered: Rerendered | None = None,
        distances: tf.Tensor | None = None,
    ) -> dict[str, tuple[tf.Tensor | float, tf.Tensor]]:
        """Losses of a batch, and what each weighs.

        Args:
          image: `[B, H, W, 3]` in [0, 1].
          output: of the model in training.
          rerendered: what was found in pictures rendered anew, if that is asked for.
          distances: `[B, s, s, K]` float16 of the photos' features from the clusters, likewise.

        Returns:
          `{name: (weight, [B])}`, one number an image, weighted by nothing yet.
        """
        loss = self.loss
        terms: dict[str, tuple[tf.Tensor | float, tf.Tensor]] = {}
        branches = (
            ("", 1.0, output.rendering, 0),
            ("_flip", loss.flip_weight, output.flipped_rendering, 1),
        )
        for suffix, share, rendering, index in branches:
            if share == 0:
                continue
            assert rendering is not None
            for name, weight, values in self._reconstruction(
                image, rendering, output.confidence, index
            ):
                terms[name + suffix] = (share * weight, values)

        parts = output.parts
        if loss.contrastive_weight:
            gathered, offset = devices.gather(parts.embeddings.shape)
            terms["contrastive"] = (
                loss.contrastive_weight,
                constraints.contrastive(
                    parts.embeddings.shape, loss.contrastive_temperature, gathered, offset
                ),
            )
        if loss.sparsity_weight:
            terms["sparsity"] = (
                loss.sparsity_weight,
                constraints.sparsity(
                    output.object.soft_visibility, loss.sparsity_cap, loss.sparsity_floor
                ),
            )
        if loss.background_weight and self.model.parts > 1:
            region = constraints.background_region(
                parts.depth, BACKGROUND_THRESHOLD, BACKGROUND_SIGMA * self._scale
            )
            terms["background"] = (
                loss.background_weight,
                constraints.background(output.object.soft_visibility, region),
            )
        if loss.smoothness_weight:
            depth_range = self.model.max_depth - self.model.min_depth
            terms["smoothness"] = (
                loss.smoothness_weight,
                constraints.smoothness(parts.depth, depth_range),
            )
        if loss.part_feature_weight:
            found = semantic_consistency.on_the_surface(
                self.features(image, loss.part_feature_size), output.surface, self.model.image_size
            )
            values = semantic_consistency.consistency(
                found, output.object.soft_visibility, loss.part_place_weight
            )
            terms["part_feature"] = (loss.part_feature_weight, values)
        if self.clustering:
            values = self.clustering(
                distances,
                output.surface,
                -self.model.visibility_sharpness * parts.depth,
                self.model.image_size,
            )
            terms["feature_clustering"] = (loss.feature_clustering_weight, values)
        if loss.rerender_pose_weight:
            assert rerendered is not None
            values = pose_loss(rerendered, tf.constant(self.model.rotation_limits))
            terms["rerender_pose"] = (loss.rerender_pose_weight, values)
        return terms

    @property
    def _scale(self) -> float:
        return self.model.map_size / 64

    def _reconstruction(
        self,
        image: tf.Tensor,
        rendering: Rendering,
        confidence: Confidence | None,
        index: int,
    ) -> list[tuple[str, float, tf.Tensor]]:
        """(name, weight, values) of the losses of one branch."""
        loss, mask = self.loss, rendering.mask
        found = []
        if loss.likelihood_weight:
            assert confidence is not None and confidence.pixels is not None
            values = reconstruction.negative_log_likelihood(
                image, rendering.image, confidence.pixels[..., index], mask
            )
            found.append(("likelihood", loss.likelihood_weight, values))
        if loss.pyramid_weight:
            values = reconstruction.pyramid(image, rendering.image, mask)
            found.append(("pyramid", loss.pyramid_weight, values))
        if self.features is not None and loss.perceptual_weight:
            assert confidence is not None and confidence.features is not None
            canvas = mask[..., tf.newaxis]
            filled = rendering.image * canvas + image * (1.0 - canvas)
            values = perceptual.negative_log_likelihood(
                tf.stop_gradient(self.features(image)),
                self.features(filled),
                confidence.features[..., index],
                mask,
            )
            found.append(("perceptual", loss.perceptual_weight, values))
        return found
