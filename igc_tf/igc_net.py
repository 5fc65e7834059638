"""IGC-Net, the whole method: photos to part capsules to the object, and back to photos.

    photo -> encoder -> features -> GDM -> part embeddings -> decoders -> part capsules
    part capsules -> assembly by depth -> object capsule -> lighting, pose, rasterizer -> photo

| Stage | Module | Gives |
|---|---|---|
| Image encoder [paper] | `capsules.encoder` | features `[B, 8 encoder_channels]` |
| GDM, Eq. 6 [paper] | `capsules.decomposition` | shape, albedo, view of each part, `[B, M, D]` |
| Decoders [group] | `capsules.decoders` | depth `[B, M, h, w]`, albedo, pose of each part |
| Assembly [paper] | `capsules.assembly` | depth `[B, h, w]`, albedo, visibility `[B, M, h, w]` |
| Lighting network [paper] | `capsules.encoder` | ambient, diffuse, direction |
| Renderer [unsup3d] | `graphics.renderer` | picture `[B, H, W, 3]`, differentiable in all that |

M parts, the background first; h x w the canonical maps, H x W the photo. Sources: [paper] Graphics
Capsule, CVPR 2023; [group] its authors' other papers and code; [unsup3d] Wu et al. 2020; [choice] ours.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from igc_tf.capsules import assembly
from igc_tf.capsules.decoders import CapsuleDecoders
from igc_tf.capsules.decomposition import GraphicsDecomposition
from igc_tf.capsules.encoder import ConfidenceNetwork, ImageEncoder, LightingNetwork
from igc_tf.config import Config, ModelConfig
from igc_tf.graphics import pose, renderer
from igc_tf.structures import (
    BACKGROUND,
    IGCOutput,
    Light,
    ObjectCapsule,
    PartCapsules,
    Pose,
    Rendering,
    Rerendered,
)


class IGCNet(tf.keras.Model):
    """From photos to part capsules to the object, and back to photos.

    Training, evaluation, reconstruction and export all make the same call.
    """

    def __init__(
        self,
        config: ModelConfig,
        pixel_confidence: bool = True,
        feature_confidence: bool = False,
        find_surface: bool = False,
        **kwargs: Any,
    ):
        """Makes the networks and the renderer of `config`.

        Args:
          config: the architecture.
          pixel_confidence: predict the confidence that the likelihood needs.
          feature_confidence: predict the confidence that the perceptual loss needs.
          find_surface: in training, tell where the photo shows each point of the canonical view.
          **kwargs: of `tf.keras.Model`.
        """
        super().__init__(**kwargs)
        self.config = config
        self.find_surface = find_surface
        self.encoder = ImageEncoder(config, name="encoder")
        self.lighting = LightingNetwork(config, name="lighting")
        self.decomposition = GraphicsDecomposition(config, name="decomposition")
        self.decoders = CapsuleDecoders(config, name="decoders")
        self.confidence = None
        if pixel_confidence or feature_confidence:
            self.confidence = ConfidenceNetwork(
                config, pixel_confidence, feature_confidence, name="confidence"
            )
        self.renderer = renderer.Renderer(
            (config.image_size, config.image_size),
            config.fov_degrees,
            config.max_depth,
            config.rasterizer,
        )

    # No control flow here depends on tensors; without AutoGraph's conversion tracing is ten times faster.
    @tf.autograph.experimental.do_not_convert
    def call(self, image: tf.Tensor, training: bool = False) -> IGCOutput:
        """Finds the capsules of photos and renders them back.

        Args:
          image: `[B, H, W, 3]` float32 in [0, 1].
          training: also render the mirrored object and predict confidences, which the losses need;
            otherwise render the parts' visibility and the foreground's alpha in the photo's view, which
            people look at.

        Returns:
          All that was found, an `IGCOutput`.
        """
        features = self.encoder(image)  # B x F
        light = self.lighting(image)  # B each, direction B x 3
        part_embeddings = self.decomposition(features)  # B x M x D each
        parts = self.decoders(part_embeddings)  # depth B x M x h x w
        capsule = self.assemble(parts)  # depth B x h x w
        view = pose.merge(parts.pose)  # B x 3 each

        if not training:
            # The picture B x H x W x 3, visibility B x M x H x W, alpha B x H x W
            rendering = self.render(capsule, light, view, capsule.visibility, with_alpha=True)
            return IGCOutput(parts, capsule, light, view, rendering, None, None)

        rendering = self.render(capsule, light, view)  # B x H x W x 3
        flipped_rendering = self.render(assembly.mirrored(capsule), light, view)
        confidence = self.confidence(image) if self.confidence else None  # B x H x W x 2
        surface = self.renderer.surface_pixels(capsule.depth, view) if self.find_surface else None
        return IGCOutput(
            parts, capsule, light, view, rendering, flipped_rendering, confidence, surface
        )

    def render(
        self,
        capsule: ObjectCapsule,
        light: Light,
        view: Pose,
        visibility: tf.Tensor | None = None,
        with_alpha: bool = False,
    ) -> Rendering:
        """Renders an object under any light and pose, over its static background if it has one.

        Args:
          capsule: of B images.
          light: of B images.
          view: of B images.
          visibility: `[B, M, h, w]`, rendered too if given.
          with_alpha: render the foreground's alpha, too; over a static background it always is.

        Returns:
          Its rendering.
        """
        with_alpha = with_alpha or capsule.static_background is not None
        alpha = self.foreground(capsule) if with_alpha else None
        rendering = self.renderer(capsule.depth, capsule.albedo, light, view, visibility, alpha)
        if capsule.static_background is None:
            return rendering
        return renderer.composite(rendering, capsule.static_background)

    def foreground(self, capsule: ObjectCapsule) -> tf.Tensor:
        """The share `[B, h, w]`, in [0, 1], that parts but the background have in a point's color.

        It is what the object is composited over a static background by; without one, how the background
        part's albedo was weighted. A single capsule is all foreground.
        """
        if self.config.parts == 1:
            return tf.ones_like(capsule.depth)
        blended = capsule.static_background is not None
        visibility = capsule.soft_visibility if blended else capsule.visibility
        return 1.0 - visibility[:, BACKGROUND]

    def rerender(self, output: IGCOutput, rotation: tf.Tensor) -> Rerendered:
        """Renders what was found in other poses, and looks for it again.

        Args:
          output: of B photos; the rendered pictures are constants to the gradient.
          rotation: `[B, 3]` radians.

        Returns:
          What is found in the rendered pictures.
        """
        view = Pose(rotation, output.pose.translation)
        rendered = tf.stop_gradient(self.render(output.object, output.light, view).image)
        embeddings = self.decomposition(self.encoder(tf.clip_by_value(rendered, 0.0, 1.0)))
        found = pose.merge(self.decoders.decode_pose(embeddings.view))
        return Rerendered(rotation, found.rotation)

    def assemble(self, parts: PartCapsules) -> ObjectCapsule:
        """Merges part capsules by depth, with the constants of the configuration."""
        config = self.config
        return assembly.assemble(
            parts,
            config.assembly_sharpness,
            config.visibility_sharpness,
            config.border_depth,
            config.static_background,
        )


def build(config: Config) -> IGCNet:
    """An `IGCNet` with its weights made, with the confidences that the configured losses need."""
    model = IGCNet(
        config.model,
        pixel_confidence=config.loss.likelihood_weight > 0,
        feature_confidence=config.loss.feature_network != "none"
        and config.loss.perceptual_weight > 0,
        find_surface=config.loss.part_feature_weight > 0
        or config.loss.feature_clustering_weight > 0,
        name="igc_net",
    )
    size = config.model.image_size
    model(tf.zeros([1, size, size, 3]), training=True)
    return model
