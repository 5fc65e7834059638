"""Part capsules of one face in another: the object is assembled again, in the other's pose and light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from igc_tf.capsules import assembly
from igc_tf.igc_net import IGCNet
from igc_tf.inference import photo_results
from igc_tf.structures import BACKGROUND, IGCOutput, Light, PartCapsules, Pose
from igc_tf.viewing.result import PhotoResult

_DARKEST = 1e-2  # that a tone counts as


def mix(model: IGCNet, face: PhotoResult, donor: PhotoResult, parts: Sequence[int]) -> PhotoResult:
    """Puts part capsules of another face into a face.

    The capsules, depth and albedo, are assembled anew by what is nearest [paper], so a part of the donor
    may be seen where the face's own was not. Two things keep seams away [choice]: the donor's albedo is
    brought to the face's tone, by one factor a color channel, the ratio of the medians over the two
    faces; and albedos are blended by the soft visibility, whatever the model was trained with.

    Args:
      model: that found both.
      face: keeps its other parts, its pose and its light.
      donor: gives the parts.
      parts: which; 0 is the background, whose color stays as it is.

    Returns:
      The mixture; its `image` is its own reconstruction, for there is no photo of it.
    """
    chosen = list(parts)
    depth, albedo = face.part_depth.copy(), face.part_albedo.copy()
    toned = np.clip(donor.part_albedo * (_tone(face) / _tone(donor)), 0.0, 1.0)
    toned[BACKGROUND] = donor.part_albedo[BACKGROUND]
    depth[chosen], albedo[chosen] = donor.part_depth[chosen], toned[chosen]
    capsules = PartCapsules(
        embeddings=None,  # type: ignore[arg-type]  # They are of two faces.
        depth=tf.constant(depth[np.newaxis]),
        albedo=tf.constant(albedo[np.newaxis]),
        pose=None,  # type: ignore[arg-type]
    )
    capsule = assembly.assemble(
        capsules,
        model.config.assembly_sharpness,
        model.config.visibility_sharpness,
        model.config.border_depth,
        model.config.static_background,
        blended=True,
    )
    ambient, diffuse, *direction = face.light[:, np.newaxis]
    light = Light(*map(tf.constant, (ambient, diffuse, np.stack(direction, axis=1))))
    rotation = np.radians(face.rotation_degrees)
    view = Pose(*(tf.constant(part[np.newaxis]) for part in (rotation, face.translation)))
    rendered = model.render(capsule, light, view, capsule.visibility, with_alpha=True)
    (mixture,) = photo_results(
        rendered.image, IGCOutput(capsules, capsule, light, view, rendered, None, None)
    )
    return mixture


def _tone(face: PhotoResult) -> np.ndarray:
    """`[3]`, the median albedo of what is seen of the face; of all of it where that is nothing."""
    seen = face.canonical_visibility[BACKGROUND] < 0.5
    return np.maximum(
        np.median(face.albedo[seen if seen.any() else ...].reshape(-1, 3), 0), _DARKEST
    )
