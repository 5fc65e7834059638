"""A model's output as plain arrays, photo by photo: what programs save, render and measure."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf
from rich import progress
from rich.console import Console

from igc_tf.datasets.pipeline import to_float
from igc_tf.igc_net import IGCNet
from igc_tf.structures import BACKGROUND, IGCOutput, Light, ObjectCapsule, Pose
from igc_tf.viewing.result import PhotoResult

# Whoever only looks at photos has no use for scikit-learn and SciPy, half a second of imports.
if TYPE_CHECKING:
    from igc_tf.evaluation.score import Predictions
    from igc_tf.metrics.cycle import Capsules, Rerendered
    from igc_tf.metrics.descriptors import CapsuleMaps

_MAP_SIZE = 32  # of the maps kept for descriptors, px: all of a set must fit in memory
_TURN_DEGREES, _LIGHT_DEGREES = 15.0, 35.0  # of `rerender` [choice]


def photo_results(image: tf.Tensor, output: IGCOutput) -> list[PhotoResult]:
    """Takes a batch apart into one `PhotoResult` a photo.

    Args:
      image: `[B, H, W, 3]` in [0, 1], what the model was given.
      output: of the model outside training, so with the parts rendered in the photo's view.

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
            albedo=_on_the_object(arrays.object.albedo[i], arrays.object, i),
            normals=arrays.rendering.normals[i],
            shading=arrays.rendering.shading[i],
            canonical_image=_on_the_object(arrays.rendering.canonical_image[i], arrays.object, i),
            rotation_degrees=np.degrees(arrays.pose.rotation[i]),
            translation=arrays.pose.translation[i],
            light=light[i],
            alpha=arrays.rendering.alpha[i],
        )
        for i in range(len(visibility))
    ]


def _on_the_object(colors: np.ndarray, capsule: ObjectCapsule, image: int) -> np.ndarray:
    """Canonical colors `[h, w, 3]`; over a static background white where the object is never seen."""
    if capsule.static_background is None:
        return colors
    return np.where(capsule.visibility[image, BACKGROUND, ..., np.newaxis] > 0, 1.0, colors)


def view_visibility(part_visibility: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Part visibility `[B, M, H, W]` in the photo's view, with the uncovered given to part 0."""
    filled = np.array(part_visibility)
    filled[:, BACKGROUND] += 1.0 - mask
    return filled


@functools.lru_cache(maxsize=1)
def _graph_of(model: IGCNet) -> Callable[[tf.Tensor], IGCOutput]:
    """The model as a graph, kept: tracing it takes seconds, and TensorFlow warns of doing so often."""
    return tf.function(model, autograph=False)


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
    run = _graph_of(model)
    for start in range(0, len(images), batch_size):
        where = slice(start, min(start + batch_size, len(images)))
        batch = to_float(tf.constant(images[where]))
        yield where, batch, run(batch)


class Collected(NamedTuple):
    """What a model finds in pictures, in the form that evaluation scores."""

    predictions: Predictions  #: without descriptors and re-renderings
    maps: CapsuleMaps  #: what descriptors are made of


def collect(
    model: IGCNet,
    images: np.ndarray,
    ground_truth_size: int,
    batch_size: int = 32,
    title: str = "Predicting",
) -> Collected:
    """A model's predictions on pictures.

    Args:
      model: with its weights.
      images: `[N, H, W, 3]` uint8.
      ground_truth_size: side of the maps of the ground truth, px; parts and depths are resized to it.
      batch_size: images at a time.
      title: beside the progress bar.

    Returns:
      The predictions of all N, and their capsules' maps, float16, at most 32 px large. A single
      capsule is the object, part 1; what it leaves uncovered is part 0. The depth in the photo's view is
      the canvas's, over a static background too, and `max_depth` where the canvas covers nothing; its
      mask is 1 where all that a pixel is made of is covered.
    """
    from igc_tf.evaluation.score import Predictions
    from igc_tf.metrics import landmarks
    from igc_tf.metrics.descriptors import CapsuleMaps

    centers: list[landmarks.PartCenters] = []
    found: list[dict[str, np.ndarray]] = []
    maps: list[CapsuleMaps] = []
    size = [ground_truth_size, ground_truth_size]
    batches = predict(model, images, batch_size)
    for _, batch, output in track(batches, title, -(-len(images) // batch_size)):
        rendering = output.rendering
        mask = rendering.mask.numpy()
        visible = view_visibility(rendering.part_visibility.numpy(), mask)
        if model.config.parts == 1:  # A single capsule is the object; what it leaves is not.
            visible = np.stack([1.0 - mask, mask], axis=1)
        visible = tf.image.resize(np.moveaxis(visible, 1, -1), size).numpy()
        depths = [
            tf.image.resize(one[..., tf.newaxis], size)[..., 0].numpy()
            for one in (output.object.depth, rendering.depth, rendering.canvas)
        ]
        centers.append(landmarks.part_centers(np.moveaxis(visible, -1, 1)))
        found.append(
            {
                "image": batch.numpy(),
                "reconstruction": rendering.image.numpy(),
                "mask": mask,
                "labels": visible.argmax(-1).astype(np.uint8),
                "rotation_degrees": np.degrees(output.pose.rotation.numpy()),
                "depth": depths[0],
                "view_depth": depths[1],
                "view_mask": (depths[2] > 1.0 - 1e-6).astype(np.uint8),
            }
        )
        maps.append(_capsule_maps(batch, output))
    joined = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    predictions = Predictions(
        parts=max(2, model.config.parts),
        centers=landmarks.PartCenters.concatenate(centers),
        fov_degrees=model.config.fov_degrees,
        **joined,
    )
    return Collected(
        predictions, CapsuleMaps(*(np.concatenate(field) for field in zip(*maps, strict=True)))
    )


def _capsule_maps(batch: tf.Tensor, output: IGCOutput) -> CapsuleMaps:
    from igc_tf.metrics.descriptors import CapsuleMaps

    parts, embeddings = output.parts, output.parts.embeddings

    def small(maps: tf.Tensor, channels: int) -> np.ndarray:
        """`[..., s, s(, channels)]`, s at most `_MAP_SIZE`, means over areas."""
        lead, side = maps.shape[: maps.shape.rank - (3 if channels > 1 else 2)], maps.shape[-2]
        side = min(side, _MAP_SIZE)
        flat = tf.reshape(maps, [-1, maps.shape[len(lead)], maps.shape[len(lead) + 1], channels])
        flat = tf.image.resize(flat, [side, side], method="area")
        shape = [*lead, side, side, channels] if channels > 1 else [*lead, side, side]
        return tf.reshape(flat, shape).numpy().astype(np.float16)

    return CapsuleMaps(
        image=small(batch, 3),
        albedo=small(output.object.albedo, 3),
        depth=small(output.object.depth, 1),
        visibility=small(output.object.visibility, 1),
        part_albedo=small(parts.albedo, 3),
        part_depth=small(parts.depth, 1),
        shape_embedding=embeddings.shape.numpy(),
        albedo_embedding=embeddings.albedo.numpy(),
    )


def rerender(model: IGCNet, images: np.ndarray, batch_size: int = 32) -> Rerendered:
    """Renders every face turned by 15 degrees, then lit from the other side, and looks at it again.

    The face is turned past or towards the front, where the canvas still covers the picture, with its own
    light; it is lit from 35 degrees on the other side in its own pose. Pixels that the canvas does
    not cover are the photo's own.

    Args:
      model: with its weights.
      images: `[N, H, W, 3]` uint8.
      batch_size: images at a time.

    Returns:
      The capsules of the photos and of what was rendered from them.
    """
    from igc_tf.metrics.cycle import Rerendered

    run = _graph_of(model)
    render = tf.function(model.render, autograph=False)
    found: list[Rerendered] = []
    batches = predict(model, images, batch_size)
    for _, batch, output in track(batches, "Re-rendering", -(-len(images) // batch_size)):
        capsule, light, view = output.object, output.light, output.pose

        def again(
            new_light: Light,
            new_view: Pose,
            batch: tf.Tensor = batch,
            capsule: ObjectCapsule = capsule,
        ) -> Capsules:
            rendered = render(capsule, new_light, new_view)
            covered = rendered.mask[..., tf.newaxis]
            picture = covered * rendered.image + (1.0 - covered) * batch
            return _capsules(run(tf.clip_by_value(picture, 0.0, 1.0)))

        yaw = view.rotation[:, 1]
        turned = yaw - np.radians(_TURN_DEGREES) * tf.where(yaw < 0, -1.0, 1.0)
        rotation = tf.stack([view.rotation[:, 0], turned, view.rotation[:, 2]], axis=1)
        side = tf.where(light.direction[:, 0] < 0, 1.0, -1.0) * np.tan(np.radians(_LIGHT_DEGREES))
        direction = tf.stack([side, tf.zeros_like(side), tf.ones_like(side)], axis=1)
        direction = tf.linalg.normalize(direction, axis=1)[0]
        found.append(
            Rerendered(
                first=_capsules(output),
                turned=again(light, view._replace(rotation=rotation)),
                turned_yaw_degrees=np.degrees(turned.numpy()),
                relit=again(light._replace(direction=direction), view),
                relit_direction=direction.numpy(),
            )
        )
    return tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *found)


def _capsules(output: IGCOutput) -> Capsules:
    from igc_tf.metrics.cycle import Capsules

    visibility = output.object.visibility.numpy()
    labels = visibility.argmax(1) if visibility.shape[1] > 1 else np.ones_like(visibility[:, 0])
    return Capsules(
        depth=output.object.depth.numpy(),
        albedo=output.object.albedo.numpy(),
        labels=labels.astype(np.uint8),
        yaw_degrees=np.degrees(output.pose.rotation[:, 1].numpy()),
        light_direction=output.light.direction.numpy(),
    )


def track(items: Iterable, title: str, count: int) -> Iterator:
    """The items, with a progress bar on the terminal; elsewhere nothing is shown."""
    with progress.Progress(
        progress.TextColumn(title),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        yield from bar.track(items, total=count)
