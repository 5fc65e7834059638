"""A video of a face: one identity for the whole clip, pose and light of each frame, steadied.

The face is looked for in every frame. Crop, pose and light go through a one-euro filter; depth and
albedo of the parts are averaged over the clip, for they are the same person's. What is rendered of each
frame is that average face in the frame's pose and light.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from igc_tf import inference
from igc_tf.datasets import crop_transforms, framing
from igc_tf.igc_net import IGCNet
from igc_tf.pretrained import Pretrained
from igc_tf.steadying import OneEuro
from igc_tf.structures import IGCOutput, Light, ObjectCapsule, PartCapsules, Pose, Rendering
from igc_tf.viewing import glyphs, overlay, textures, turntable
from igc_tf.viewing.result import PhotoResult

#: Cutoff (Hz) and quickness of the filters [choice]: of the crop's corners, in crops; of angles, degrees;
#: of the translation, units of the camera's distance; of the light, whose strengths are in [0, 1].
_CROP, _ROTATION, _TRANSLATION, _LIGHT = (1.0, 1.0), (1.0, 0.1), (1.0, 10.0), (0.5, 0.5)
#: What lies farther than this from the last crop, in crops, is another face, for a second [choice].
_JUMP = 0.4
#: How far the face is turned beside the photo, degrees of yaw, and how far at most from the front.
_TURNED, _LARGEST_YAW = 35.0, 60.0
#: Of the page, px: the height of its pictures at most, and the side of the plate that shows the pose.
_HEIGHT, _PLATE = 360, 72
_BATCH = 16
#: Frames a second of what a camera sees, about [choice].
LIVE_RATE = 10.0
#: After so many seconds without it a face is another person's [choice].
_AWAY = 1.0
#: Embeddings and poses of parts that are averages have no meaning.
_NONE: Any = None


class Motion(NamedTuple):
    """How the face of a video of N frames moves."""

    found: (
        np.ndarray
    )  #: [N] bool: a face was found; without, its crop is that of the last frame with one
    transforms: np.ndarray  #: [N, 2, 3], of the frame in the picture that the network saw
    rotation_degrees: np.ndarray  #: [N, 3] (pitch, yaw, roll)
    translation: np.ndarray  #: [N, 3], units of the camera's distance
    light: np.ndarray  #: [N, 5] (ambient, diffuse, dx, dy, dz)


class Analysis(NamedTuple):
    """What was found in a video."""

    motion: Motion  #: steadied
    face: PhotoResult  #: the average face, in the frame that shows it most from the front
    parts: PartCapsules  #: of the average face alone


def analyze(
    model: Pretrained, frames: Iterable[np.ndarray], rate: float, detect: bool | None = None
) -> Analysis:
    """Finds the face of a video. Of several faces the largest of the first frame is followed.

    Args:
      model: a trained one.
      frames: `[H, W, 3]` uint8 RGB, all of one size; they are read three times.
      rate: frames a second.
      detect: see `Pretrained.predict`.

    Raises:
      NoFace: there is no frame, or no face in any.
    """
    data = model.config.data
    detect = framing.detects(data) if detect is None else detect
    found, placed = _follow(model, frames, rate, detect)
    seen = _look(model, frames, placed)
    if detect:
        yaws = _steadied(seen.rotation_degrees, rate, _ROTATION)[:, 1]
        placed = _as_rendered(model, placed, yaws, seen.parts)
        seen = _look(model, frames, placed)
    light = _steadied(seen.light, rate, _LIGHT)
    light[:, 2:] /= np.linalg.norm(light[:, 2:], axis=1, keepdims=True)
    motion = Motion(
        found,
        placed,
        _steadied(seen.rotation_degrees, rate, _ROTATION),
        _steadied(seen.translation, rate, _TRANSLATION),
        light,
    )
    best = int(np.abs(motion.rotation_degrees[:, :2]).sum(1).argmin())
    image = seen.pictures[best : best + 1] / np.float32(255)
    (face,) = _rendered(model, seen.parts, motion, slice(best, best + 1), image)
    photo = Image.fromarray(next(itertools.islice(iter(frames), best, None)))
    size = model.config.model.image_size
    finer = crop_transforms.detailed(photo, placed[best], size, textures.SIZE)
    return Analysis(motion, dataclasses.replace(face, photo=finer), seen.parts)


def pages(
    model: Pretrained, analysis: Analysis, frames: Iterable[np.ndarray]
) -> Iterator[np.ndarray]:
    """Each frame, the same with the parts over it, and the face turned by 35 degrees, with its pose.

    Args:
      model: that found it.
      analysis: from `analyze`.
      frames: the same ones.

    Yields:
      `[h, w, 3]` uint8, both even.
    """
    number = 0
    for batch in _batches(frames):
        motion = Motion(*(array[number : number + len(batch)] for array in analysis.motion))
        yield from _pages(model, batch, motion, analysis.parts, analysis.face)
        number += len(batch)


def live(
    model: Pretrained, frames: Iterable[tuple[float, np.ndarray]], detect: bool | None = None
) -> Iterator[tuple[float, np.ndarray, Motion | None]]:
    """Follows the face of a camera: as `analyze` and `pages`, of what has been seen so far.

    Crop, pose and light go through the filter forwards alone, so they come a little late; the person's
    depth and albedo are the mean of all frames until then, and begin anew when the face has been away for
    a second.

    Args:
      model: a trained one.
      frames: (time in seconds, `[H, W, 3]` uint8 RGB, all of one size).
      detect: see `Pretrained.predict`.

    Yields:
      (its time, the page, what moves of this one frame; without a face None, and the page shows none).
    """
    detect = framing.detects(model.config.data) if detect is None else detect
    size = model.config.model.image_size
    follow, person = _Follower(model, LIVE_RATE, detect), None
    for now, frame in frames:
        corners = follow(frame)
        if corners is not None:
            if person is None or now - person.last > _AWAY:
                person = _Person()
            side = float(np.linalg.norm(corners[1] - corners[0]))
            steady = person.steady("crop", corners.ravel() / side, _CROP, now) * side
            placed = _transform(steady.reshape(3, 2), size)[np.newaxis]
            if detect and person.parts is not None:
                placed = _as_rendered(model, placed, person.yaw_degrees, person.parts)
            motion, parts = person.take_in(_look(model, [frame], placed), placed, now)
            (page,) = _pages(model, [frame], motion, parts)
        else:
            motion = None
            page = _blank(frame)
        yield now, page, motion


class _Person:
    """Who is before the camera, as far as has been seen."""

    def __init__(self) -> None:
        self.parts: PartCapsules | None = None  # the mean
        self.yaw_degrees = np.zeros(1)
        self.last = 0.0  # time
        self._count = 0  # of frames
        self._filters: dict[str, OneEuro] = {}

    def steady(
        self, name: str, value: np.ndarray, how: tuple[float, float], now: float
    ) -> np.ndarray:
        seconds = now - self.last if self._count else None
        return self._filters.setdefault(name, OneEuro(LIVE_RATE, *how))(value, seconds)

    def take_in(self, seen: _Seen, placed: np.ndarray, now: float) -> tuple[Motion, PartCapsules]:
        """A frame more: how it moves in it, and who it is by now."""
        light = self.steady("light", seen.light, _LIGHT, now).copy()
        light[:, 2:] /= np.linalg.norm(light[:, 2:], axis=1, keepdims=True)
        rotation = self.steady("rotation", seen.rotation_degrees, _ROTATION, now)
        translation = self.steady("translation", seen.translation, _TRANSLATION, now)
        old, new = self.parts or seen.parts, seen.parts
        self._count += 1
        depth = old.depth + (new.depth - old.depth) / self._count
        albedo = old.albedo + (new.albedo - old.albedo) / self._count
        self.parts = PartCapsules(_NONE, depth, albedo, _NONE)
        self.last, self.yaw_degrees = now, rotation[:, 1]
        return Motion(np.ones(1, bool), placed, rotation, translation, light), self.parts


def _page_size(frame: np.ndarray) -> tuple[int, int]:
    """(width, height) of the frame on a page, both even."""
    height, width = frame.shape[:2]
    scale = min(1.0, _HEIGHT / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _blank(frame: np.ndarray) -> np.ndarray:
    """The page of a frame without a face."""
    size = _page_size(frame)
    photo = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
    return np.concatenate([photo, photo, np.full([size[1], size[1], 3], 60, np.uint8)], axis=1)


def _pages(
    model: Pretrained,
    frames: Sequence[np.ndarray],
    motion: Motion,
    parts: PartCapsules,
    face: PhotoResult | None = None,
) -> Iterator[np.ndarray]:
    """See `pages`; of a few frames and their motion."""
    size = _page_size(frames[0])
    ratio = np.array(size) / frames[0].shape[1::-1]
    rotations = motion.rotation_degrees
    views = [
        turntable.View((pitch, min(yaw + _TURNED, _LARGEST_YAW), roll), tuple(light))
        for (pitch, yaw, roll), light in zip(rotations.tolist(), motion.light, strict=True)
    ]
    results = _rendered(model, parts, motion, slice(None))
    turned = turntable.render(face or results[0], model.config.model, views, size[1], often=True)
    for i, frame in enumerate(frames):
        photo = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
        transform = motion.transforms[i].copy()
        transform[:, :2] /= ratio
        page = [photo, overlay.on_photo(photo, transform, results[i]), turned[i]]
        plate = glyphs.pose_plate(rotations[i], min(_PLATE, size[1]))
        page[2][-len(plate) :, : len(plate)] = plate
        yield np.concatenate(page, axis=1)


class _Seen(NamedTuple):
    """What the network sees in all frames."""

    pictures: np.ndarray  # [N, S, S, 3] uint8
    rotation_degrees: np.ndarray  # [N, 3]
    translation: np.ndarray  # [N, 3]
    light: np.ndarray  # [N, 5]
    parts: PartCapsules  # their mean, of one image


def _look(model: Pretrained, frames: Iterable[np.ndarray], placed: np.ndarray) -> _Seen:
    size = model.config.model.image_size
    seen: list[tuple[np.ndarray, ...]] = []
    depth = albedo = 0.0
    number = 0
    for batch in _batches(frames):
        pictures = np.stack(
            [
                crop_transforms.resample(Image.fromarray(frame), transform, size)
                for frame, transform in zip(batch, placed[number:], strict=False)
            ]
        )
        # All batches are of one size: another one would be traced anew, which takes seconds.
        count = len(batch)
        full = pictures[np.arange(_BATCH if number else count) % count]
        ((_, _, output),) = inference.predict(model.network, full, _BATCH)
        light = output.light
        strengths = tf.stack([light.ambient, light.diffuse], axis=1)
        found = (
            np.degrees(output.pose.rotation.numpy()),
            output.pose.translation.numpy(),
            tf.concat([strengths, light.direction], axis=1).numpy(),
        )
        seen.append((pictures, *(values[:count] for values in found)))
        depth = depth + output.parts.depth.numpy()[:count].sum(0, keepdims=True)
        albedo = albedo + output.parts.albedo.numpy()[:count].sum(0, keepdims=True)
        number += count
    depth, albedo = (tf.constant(total / np.float32(number)) for total in (depth, albedo))
    parts = PartCapsules(_NONE, depth, albedo, _NONE)
    pictures, rotation, translation, strengths = map(np.concatenate, zip(*seen, strict=True))
    return _Seen(pictures, rotation, translation, strengths, parts)


def _as_rendered(
    model: Pretrained, placed: np.ndarray, yaw_degrees: np.ndarray, parts: PartCapsules
) -> np.ndarray:
    """Crops that show a turned face where the model renders it.

    Aligned by eyes and mouth, a face that turns has them always in the middle, and is tilted a little;
    the model turns it about the head's axis, so that they move to the side. Without this, yaw is found
    15 % too small.

    Args:
      model: a trained one.
      placed: `[N, 2, 3]`, aligned by eyes and mouth.
      yaw_degrees: `[N]`.
      parts: the face, of one image.
    """
    size = model.config.model.image_size
    wanted = framing.target(model.config.data)
    depth = model.network.assemble(parts).depth  # [1, h, w]
    pixels = (wanted * depth.shape[1]).astype(int)  # [3, 2]
    centers = (pixels + 0.5) * size / depth.shape[1]
    moved = []
    for start in range(0, len(placed), _BATCH):
        yaws = np.radians(yaw_degrees[start : start + _BATCH]).astype(np.float32)
        rotation = tf.constant(np.stack([0 * yaws, yaws, 0 * yaws], axis=1))
        many = tf.repeat(depth, len(yaws), axis=0)
        view = Pose(rotation, tf.zeros_like(rotation))
        surface = model.network.renderer.surface_pixels(many, view).numpy()
        rendered = wanted * size + surface[:, pixels[:, 1], pixels[:, 0]] - centers
        for transform, points in zip(placed[start:], rendered, strict=False):
            # As alignment sees the rendered face; undone, it is where it is rendered.
            back = crop_transforms.inverse(crop_transforms.of_anchors(points, wanted, size))
            matrix = back[:, :2] @ transform[:, :2]
            offset = crop_transforms.apply(back, transform[:, 2])
            moved.append(np.concatenate([matrix, offset[:, np.newaxis]], axis=1))
    return np.array(moved)


def _follow(
    model: Pretrained, frames: Iterable[np.ndarray], rate: float, detect: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Whether a face is in each frame, `[N]`, and steadied transforms `[N, 2, 3]`."""
    follow = _Follower(model, rate, detect)
    seen = [follow(frame) for frame in frames]
    found = np.array([points is not None for points in seen])
    if not found.any():
        raise crop_transforms.NoFace("no face found in any frame" if seen else "there is no frame")
    # The last frame with a face, or before the first one that.
    source = np.maximum.accumulate(np.where(found, np.arange(len(found)), 0))
    source[: found.argmax()] = found.argmax()
    filled = np.array([seen[index] for index in source])
    side = float(np.median(np.linalg.norm(filled[:, 1] - filled[:, 0], axis=1)))
    steady = _steadied(filled.reshape(len(filled), 6) / side, rate, _CROP).reshape(-1, 3, 2) * side
    return found, np.array(
        [_transform(corners, model.config.model.image_size) for corners in steady]
    )


class _Follower:
    """Finds the same face in frame after frame, until it is away for a second."""

    def __init__(self, model: Pretrained, rate: float, detect: bool | None):
        self._data, self._size = model.config.data, model.config.model.image_size
        self._rate, self._detect = rate, detect
        self._last: np.ndarray | None = None
        self._missed = 0

    def __call__(self, frame: np.ndarray) -> np.ndarray | None:
        """Where the picture's corners lie on the frame, `[3, 2]` px: the origin, right, below."""
        photo = Image.fromarray(frame)
        try:
            faces = framing.find_faces(photo, self._data, self._size, self._detect)
        except crop_transforms.NoFace:
            faces = []
        corners = np.array([[0.0, 0.0], [self._size, 0.0], [0.0, self._size]])
        there = [crop_transforms.apply(crop_transforms.inverse(face), corners) for face in faces]
        last = self._last
        if last is not None and self._missed < self._rate:
            far = [float(np.linalg.norm(points - last, axis=1).max()) for points in there]
            off = [one / float(np.linalg.norm(last[1] - last[0])) for one in far]
            there = [there[int(np.argmin(off))]] if there and min(off) < _JUMP else []
        self._missed = 0 if there else self._missed + 1
        self._last = there[0] if there else last
        return there[0] if there else None


def _transform(corners: np.ndarray, size: int) -> np.ndarray:
    """The crop transform that has the picture's corners there, `[3, 2]` px of the frame."""
    axes = (corners[1:] - corners[:1]) / size  # of x and of y
    return crop_transforms.inverse(np.concatenate([axes.T, corners[0][:, np.newaxis]], axis=1))


def _steadied(values: np.ndarray, rate: float, how: tuple[float, float]) -> np.ndarray:
    """Filtered forwards and backwards, the mean of both, so that nothing comes late."""
    both = []
    for order in (slice(None), slice(None, None, -1)):
        steady = OneEuro(rate, *how)
        both.append(np.array([steady(value) for value in values[order]])[order])
    return (both[0] + both[1]) / 2


def _batches(frames: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    batch: list[np.ndarray] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rendered(
    model: Pretrained,
    parts: PartCapsules,
    motion: Motion,
    where: slice,
    images: np.ndarray | None = None,
) -> list[PhotoResult]:
    """The average face in some frames' pose and light; its `image` is the rendering if none is given."""
    rotation = np.radians(motion.rotation_degrees[where]).astype(np.float32)
    view = Pose(tf.constant(rotation), tf.constant(motion.translation[where].astype(np.float32)))
    found = motion.light[where].astype(np.float32)
    light = Light(*map(tf.constant, (found[:, 0], found[:, 1], found[:, 2:])))
    depth, albedo = (tf.repeat(maps, len(rotation), axis=0) for maps in (parts.depth, parts.albedo))
    many = PartCapsules(_NONE, depth, albedo, _NONE)
    capsule, rendered = _graph(model.network)(depth, albedo, light, view)
    output = IGCOutput(many, capsule, light, view, rendered, None, None)
    return inference.photo_results(rendered.image if images is None else images, output)


@functools.lru_cache(maxsize=1)
def _graph(network: IGCNet) -> Callable[..., tuple[ObjectCapsule, Rendering]]:
    """Part capsules' depth and albedo, light and pose to the object and its picture, as a graph."""

    def run(
        depth: tf.Tensor, albedo: tf.Tensor, light: Light, view: Pose
    ) -> tuple[ObjectCapsule, Rendering]:
        capsule = network.assemble(PartCapsules(_NONE, depth, albedo, _NONE))
        return capsule, network.render(capsule, light, view, capsule.visibility, with_alpha=True)

    return tf.function(run, autograph=False)
