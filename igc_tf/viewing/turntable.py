"""A face that turns and a light that goes round: frames, animations, and a strip to look at."""

from __future__ import annotations

import functools
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.disk import written
from igc_tf.graphics import renderer
from igc_tf.structures import BACKGROUND, Light, Pose, Rendering
from igc_tf.viewing import textures
from igc_tf.viewing.colors import to_uint8
from igc_tf.viewing.result import PhotoResult

SIZE = 256  #: side of the frames, px
FRAMES_PER_SECOND = 20
_BATCH = 8
_YAW_DEGREES, _PITCH_DEGREES, _LIGHT_DEGREES = 60.0, 15.0, 40.0
_AMBIENT_SHARE = 0.35  # of the light that goes round [choice]
#: px by which the mesh is off the pixels: one whose center is a vertex may be in none of its triangles.
_OFF_CENTER = (0.013, 0.007)


class View(NamedTuple):
    """How a face is shown in one frame."""

    rotation_degrees: tuple[float, float, float]  #: (pitch, yaw, roll)
    light: tuple[float, float, float, float, float]  #: (ambient, diffuse, dx, dy, dz)


def turning(result: PhotoResult, frames: int = 72) -> list[View]:
    """Yaw to one side, to the other and back, then a nod, in the photo's own light."""
    nods = frames // 3
    turn = [
        (0.0, _YAW_DEGREES * math.sin(2 * math.pi * i / (frames - nods)), 0.0)
        for i in range(frames - nods)
    ]
    nod = [(_PITCH_DEGREES * math.sin(2 * math.pi * i / nods), 0.0, 0.0) for i in range(nods)]
    light = tuple(float(value) for value in result.light)
    return [View(rotation, light) for rotation in turn + nod]


def relighting(result: PhotoResult, frames: int = 48) -> list[View]:
    """A light that goes round the face, 40 degrees off the line of sight, as strong as the photo's."""
    tilt = math.radians(_LIGHT_DEGREES)
    strength = float(result.light[0] + result.light[1])
    ambient, diffuse = _AMBIENT_SHARE * strength, (1.0 - _AMBIENT_SHARE) * strength
    views = []
    for i in range(frames):
        around = 2 * math.pi * i / frames
        x, y = math.sin(tilt) * math.sin(around), math.sin(tilt) * math.cos(around)
        views.append(View((0.0, 0.0, 0.0), (ambient, diffuse, x, y, math.cos(tilt))))
    return views


#: What moves, by the name of the files it is saved under.
MOTIONS = {"turn": turning, "relight": relighting}


def render(
    result: PhotoResult,
    model: ModelConfig,
    views: Sequence[View],
    size: int = SIZE,
    texture: str = "albedo",
    often: bool = False,
) -> np.ndarray:
    """Renders a face from other sides and in other light.

    Depth and albedo are enlarged before they are rendered, so the frames are as sharp as the maps
    allow; the depth is smoothed a little (0.7 px of 64). The face stands before what was found of its
    background; a background capsule that turns with the head is left as it is.

    Args:
      result: the face.
      model: of the model that found it: its camera, its depth range.
      views: of the frames.
      size: side of the frames, px; above 512 there is nothing more to see.
      texture: of `textures.KINDS`.
      often: it is called again and again: made a graph, which takes a second, and is twice as fast then;
        more than eight views always are.

    Returns:
      `[F, size, size, 3]` uint8.
    """
    depth = textures.enlarged(textures.smoothed(result.depth), size)
    seen = result.canonical_visibility[BACKGROUND] < 0.5
    albedo = textures.of(result, texture, model.fov_degrees)
    alpha = np.ones_like(result.depth)
    behind = np.ones([size, size, 3], np.float32)
    if model.static_background and seen.any():
        albedo = textures.spread(albedo, seen)
        alpha = textures.smoothed(seen.astype(np.float32))
        behind = textures.enlarged(result.part_albedo[BACKGROUND], size)
    albedo, alpha = textures.enlarged(albedo, size), textures.enlarged(alpha, size)
    make = _graph if often or len(views) > _BATCH else _renderer
    render = make(size, model.fov_degrees, model.max_depth, model.rasterizer)
    pixel = 2.0 * math.tan(math.radians(model.fov_degrees) / 2.0) / size  # at distance 1
    translation = np.array([*_OFF_CENTER, 0.0], np.float32) * pixel
    frames = []
    for start in range(0, len(views), _BATCH):
        some = views[start : start + _BATCH]
        rotations = np.radians([view.rotation_degrees for view in some]).astype(np.float32)
        lights = np.array([view.light for view in some], np.float32)
        count = len(some)
        rendered = render(
            tf.constant(np.repeat(depth[np.newaxis], count, 0)),
            tf.constant(np.repeat(np.clip(albedo, 0.0, 1.0)[np.newaxis], count, 0)),
            Light(*(tf.constant(part) for part in (lights[:, 0], lights[:, 1], lights[:, 2:]))),
            Pose(tf.constant(rotations), tf.constant(np.repeat(translation[np.newaxis], count, 0))),
            alpha=tf.constant(np.repeat(np.clip(alpha, 0.0, 1.0)[np.newaxis], count, 0)),
        )
        share = (rendered.alpha).numpy()[..., np.newaxis]
        frames.append(to_uint8(share * rendered.image.numpy() + (1.0 - share) * behind))
    return np.concatenate(frames)


def _renderer(size: int, *how: Any) -> renderer.Renderer:
    return renderer.Renderer((size, size), *how)


@functools.lru_cache(maxsize=8)
def _graph(size: int, *how: Any) -> Callable[..., Rendering]:
    return tf.function(_renderer(size, *how), autograph=False)


def strip(frames: np.ndarray, count: int = 9) -> np.ndarray:
    """Some of the frames side by side, evenly in time: `[size, count * size, 3]`."""
    chosen = ((np.arange(count) + 0.5) * len(frames) / count).astype(int)
    return np.concatenate(list(frames[chosen]), axis=1)


def save(frames: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Writes an endless animation, GIF or WebP as the name ends; the file is whole or not there.

    Raises:
      ValueError: another ending.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".gif", ".webp"):
        raise ValueError(f"{path.name}: the name must end in .gif or .webp")
    pictures = [Image.fromarray(frame) for frame in frames]
    if path.suffix == ".gif":  # One palette for all: several times faster, and no color flickers.
        sample = frames[:: max(1, len(frames) // 16)]
        palette = Image.fromarray(np.concatenate(sample)).quantize(256)
        pictures = [picture.quantize(palette=palette) for picture in pictures]
    first, *rest = pictures
    with written(path) as stream:
        first.save(
            stream,
            path.suffix[1:],
            save_all=True,
            append_images=rest,
            duration=1000 // FRAMES_PER_SECOND,
            loop=0,
        )
