"""A model's output as plain arrays, photo by photo: what programs save, draw and measure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from igc_tf.datasets.pipeline import to_float
from igc_tf.evaluation import landmarks
from igc_tf.evaluation.score import Predictions
from igc_tf.igc_net import IGCNet
from igc_tf.structures import BACKGROUND, IGCOutput
from igc_tf.viewing.result import PhotoResult


def photo_results(image: tf.Tensor, output: IGCOutput) -> list[PhotoResult]:
    """Takes a batch apart into one `PhotoResult` a photo.

    Args:
      image: `[B, H, W, 3]` in [0, 1], what the model was given.
      output: of the model outside training, so with the parts drawn in the photo's view.

    Returns:
      B results. Pixels the canonical canvas does not cover belong to the background part.
    """
    arrays = tf.nest.map_structure(
        lambda tensor: None if tensor is None else tensor.numpy(), output
    )
    visibility = view_visibility(arrays.rendering.part_visibility, arrays.rendering.mask)
    light = np.concatenate(
        [arrays.light.ambient[:, None], arrays.light.diffuse[:, None], arrays.light.direction], 1
    )
    return [
        PhotoResult(
            image=np.asarray(image[i]),
            reconstruction=arrays.rendering.image[i],
            mask=arrays.rendering.mask[i],
            segmentation=visibility[i].argmax(0).astype(np.uint8),
            part_visibility=visibility[i],
            part_depth=arrays.parts.depth[i],
            part_albedo=arrays.parts.albedo[i],
            canonical_visibility=arrays.object.visibility[i],
            depth=arrays.object.depth[i],
            albedo=arrays.object.albedo[i],
            normals=arrays.rendering.normals[i],
            shading=arrays.rendering.shading[i],
            canonical_image=arrays.rendering.canonical_image[i],
            rotation_degrees=np.degrees(arrays.pose.rotation[i]),
            translation=arrays.pose.translation[i],
            light=light[i],
        )
        for i in range(len(visibility))
    ]


def view_visibility(part_visibility: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Part visibility `[B, M, H, W]` in the photo's view, with the uncovered given to part 0."""
    filled = np.array(part_visibility)
    filled[:, BACKGROUND] += 1.0 - mask
    return filled


def predict(
    model: IGCNet, images: np.ndarray, batch_size: int = 32
) -> Iterator[tuple[slice, tf.Tensor, IGCOutput]]:
    """Runs a model over pictures.

    Args:
      model: with its weights.
      images: `[N, H, W, 3]` uint8.
      batch_size: images at a time.

    Yields:
      (which images, their `[B, H, W, 3]` float32, the model's output).
    """
    run = tf.function(model, autograph=False)
    for start in range(0, len(images), batch_size):
        where = slice(start, min(start + batch_size, len(images)))
        batch = to_float(tf.constant(images[where]))
        yield where, batch, run(batch)


def collect(
    model: IGCNet, images: np.ndarray, truth_size: int, batch_size: int = 32
) -> Predictions:
    """A model's predictions on pictures, in the form that evaluation scores.

    Args:
      model: with its weights.
      images: `[N, H, W, 3]` uint8.
      truth_size: side of the maps of the truth, px; parts and depth are resized to it.
      batch_size: images at a time.

    Returns:
      The predictions of all N.
    """
    gathered: dict[str, list[np.ndarray]] = {}
    size = [truth_size, truth_size]
    for _, batch, output in predict(model, images, batch_size):
        rendering = output.rendering
        visible = view_visibility(rendering.part_visibility.numpy(), rendering.mask.numpy())
        visible = tf.image.resize(np.moveaxis(visible, 1, -1), size).numpy()
        found = {
            "image": batch,
            "reconstruction": rendering.image,
            "mask": rendering.mask,
            "labels": visible.argmax(-1).astype(np.uint8),
            "centres": landmarks.part_centres(np.moveaxis(visible, -1, 1)),
            "rotation_degrees": np.degrees(output.pose.rotation),
            "depth": tf.image.resize(output.object.depth[..., tf.newaxis], size)[..., 0],
        }
        for name, value in found.items():
            value = value if name == "centres" else np.asarray(value)
            gathered.setdefault(name, []).append(value)
    joined = {
        name: np.concatenate(values) for name, values in gathered.items() if name != "centres"
    }
    centres = landmarks.PartCentres.concatenate(gathered["centres"])
    return Predictions(parts=model.config.parts, centres=centres, **joined)
