"""A video of a face: one identity for the whole clip, pose and light of each frame, steadied.

The face is looked for in every frame. Crop, pose and light go through a one-euro filter; depth and
albedo of the parts are averaged over the clip, for they are the same person's. What is drawn of each
frame is that average face in the frame's pose and light.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from igc_tf import inference
from igc_tf.datasets import framing, placements
from igc_tf.pretrained import Pretrained
from igc_tf.steadying import OneEuro
from igc_tf.structures import IGCOutput, Light, PartCapsules, Pose
from igc_tf.viewing import dials, overlay, turntable
from igc_tf.viewing.result import PhotoResult

#: Cutoff (Hz) and quickness of the filters [choice]: of the crop's corners, in crops; of angles, degrees;
#: of the translation, units of the camera's distance; of the light, whose strengths are in [0, 1].
_CROP, _ROTATION, _TRANSLATION, _LIGHT = (2.0, 4.0), (1.5, 0.3), (1.0, 10.0), (0.5, 0.5)
#: How far the face is turned beside the photo, degrees of yaw, and how far at most from the front.
_TURNED, _LARGEST_YAW = 35.0, 60.0
#: Of the page, px: the height of its pictures at most, and the side of the plate that shows the pose.
_HEIGHT, _PLATE = 360, 72
_BATCH = 16


class Motion(NamedTuple):
    """How the face of a video of N frames moves."""

    found: (
        np.ndarray
    )  #: [N] bool: a face was found; without, its crop is that of the last frame with one
    placements: np.ndarray  #: [N, 2, 3], of the frame in the picture that the network saw
    rotation_degrees: np.ndarray  #: [N, 3] (pitch, yaw, roll)
    translation: np.ndarray  #: [N, 3], units of the camera's distance
    light: np.ndarray  #: [N, 5] (ambient, diffuse, dx, dy, dz)


class Film(NamedTuple):
    """What was found in a video."""

    motion: Motion  #: steadied
    face: PhotoResult  #: the average face, in the frame that shows it most from the front
    parts: PartCapsules  #: of the average face alone


def take_apart(
    model: Pretrained, frames: Iterable[np.ndarray], rate: float, detect: bool | None = None
) -> Film:
    """Finds the face of a video. Of several faces the largest of the first frame is followed.

    Args:
      model: a trained one.
      frames: `[H, W, 3]` uint8 RGB, all of one size; they are read twice.
      rate: frames a second.
      detect: see `Pretrained.predict`.

    Raises:
      NoFace: there is no frame, or no face in any.
    """
    found, placed = _follow(model, frames, rate, detect)
    size = model.config.model.image_size
    rotations, translations, lights = [], [], []
    depth = albedo = 0.0
    best, front, picture = 0, np.inf, np.zeros([size, size, 3], np.uint8)
    number = 0
    for batch in _batches(frames):
        pictures = np.stack(
            [
                placements.resample(Image.fromarray(frame), placed[number + i], size)
                for i, frame in enumerate(batch)
            ]
        )
        ((_, _, output),) = inference.predict(model.network, pictures, _BATCH)
        pose, light = output.pose, output.light
        rotations.append(np.degrees(pose.rotation.numpy()))
        translations.append(pose.translation.numpy())
        strengths = tf.stack([light.ambient, light.diffuse], axis=1)
        lights.append(tf.concat([strengths, light.direction], axis=1).numpy())
        depth = depth + output.parts.depth.numpy().sum(0, keepdims=True)
        albedo = albedo + output.parts.albedo.numpy().sum(0, keepdims=True)
        turned = np.abs(rotations[-1][:, :2]).sum(1)
        if turned.min() < front:
            front, best = turned.min(), number + int(turned.argmin())
            picture = pictures[turned.argmin()]
        number += len(batch)
    steadied_light = _steadied(np.concatenate(lights), rate, _LIGHT)
    steadied_light[:, 2:] /= np.linalg.norm(steadied_light[:, 2:], axis=1, keepdims=True)
    motion = Motion(
        found,
        placed,
        _steadied(np.concatenate(rotations), rate, _ROTATION),
        _steadied(np.concatenate(translations), rate, _TRANSLATION),
        steadied_light,
    )
    count = np.float32(number)
    parts = PartCapsules(None, tf.constant(depth / count), tf.constant(albedo / count), None)
    (face,) = _drawn(
        model, parts, motion, slice(best, best + 1), picture[np.newaxis] / np.float32(255)
    )
    return Film(motion, face, parts)


def pages(model: Pretrained, film: Film, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Each frame, the same with the parts over it, and the face turned by 35 degrees, with its pose.

    Args:
      model: that found it.
      film: from `take_apart`.
      frames: the same ones.

    Yields:
      `[h, w, 3]` uint8, both even.
    """
    number = 0
    for batch in _batches(frames):
        where = slice(number, number + len(batch))
        rotations, lights = film.motion.rotation_degrees[where], film.motion.light[where]
        height, width = batch[0].shape[:2]
        scale = min(1.0, _HEIGHT / height)
        size = tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))
        ratio = np.array(size) / (width, height)
        views = [
            turntable.View((pitch, min(yaw + _TURNED, _LARGEST_YAW), roll), tuple(light))
            for (pitch, yaw, roll), light in zip(rotations.tolist(), lights, strict=True)
        ]
        turned = turntable.render(film.face, model.config.model, views, size[1])
        results = _drawn(model, film.parts, film.motion, where)
        for i, frame in enumerate(batch):
            photo = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
            placement = film.motion.placements[number + i].copy()
            placement[:, :2] /= ratio
            page = [photo, overlay.on_photo(photo, placement, results[i]), turned[i]]
            plate = dials.pose_plate(rotations[i], min(_PLATE, size[1]))
            page[2][-len(plate) :, : len(plate)] = plate
            yield np.concatenate(page, axis=1)
        number += len(batch)


def _follow(
    model: Pretrained, frames: Iterable[np.ndarray], rate: float, detect: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Whether a face is in each frame, `[N]`, and steadied placements `[N, 2, 3]`."""
    size = model.config.model.image_size
    corners = np.array([[0.0, 0.0], [size, 0.0], [0.0, size]])
    seen: list[np.ndarray | None] = []  # [3, 2] each: the picture's corners on the frame, px
    last = None
    for frame in frames:
        try:
            faces = framing.place(Image.fromarray(frame), model.config.data, size, detect)
        except placements.NoFace:
            seen.append(None)
            continue
        there = [placements.apply(placements.inverse(face), corners) for face in faces]
        if last is not None:
            there.sort(key=lambda points, last=last: float(np.abs(points - last).sum()))
        last = there[0]
        seen.append(last)
    if last is None:
        raise placements.NoFace("no face found in any frame" if seen else "there is no frame")
    found = np.array([points is not None for points in seen])
    # The last frame with a face, or before the first one that.
    source = np.maximum.accumulate(np.where(found, np.arange(len(found)), 0))
    source[: found.argmax()] = found.argmax()
    filled = np.array([seen[index] for index in source])
    side = float(np.median(np.linalg.norm(filled[:, 1] - filled[:, 0], axis=1)))
    steady = _steadied(filled.reshape(len(filled), 6) / side, rate, _CROP).reshape(-1, 3, 2) * side
    axes = (steady[:, 1:] - steady[:, :1]) / size  # [N, 2, 2], of x and of y
    back = np.concatenate([axes.transpose(0, 2, 1), steady[:, 0, :, np.newaxis]], axis=2)
    return found, np.array([placements.inverse(one) for one in back])


def _steadied(values: np.ndarray, rate: float, how: tuple[float, float]) -> np.ndarray:
    steady = OneEuro(rate, *how)
    return np.array([steady(value) for value in values])


def _batches(frames: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    batch: list[np.ndarray] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _drawn(
    model: Pretrained,
    parts: PartCapsules,
    motion: Motion,
    where: slice,
    images: np.ndarray | None = None,
) -> list[PhotoResult]:
    """The average face in the pose and light of some frames; its `image` is the drawing, if not given."""
    rotation = np.radians(motion.rotation_degrees[where]).astype(np.float32)
    view = Pose(tf.constant(rotation), tf.constant(motion.translation[where].astype(np.float32)))
    told = motion.light[where].astype(np.float32)
    light = Light(*map(tf.constant, (told[:, 0], told[:, 1], told[:, 2:])))
    many = PartCapsules(
        None, *(tf.repeat(maps, len(rotation), axis=0) for maps in parts[1:3]), pose=None
    )
    capsule = model.network.assemble(many)
    drawn = model.network.render(capsule, light, view, capsule.visibility, with_alpha=True)
    output = IGCOutput(many, capsule, light, view, drawn, None, None)
    return inference.photo_results(drawn.image if images is None else images, output)
