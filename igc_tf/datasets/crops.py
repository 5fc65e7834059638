"""Which part of a photo becomes the picture: one step, shared by every data set of photos.

`--crop` names the way:

* `none` squeezes the whole photo into the square;
* `center` cuts the square of `crop_scale` and `crop_center_y`;
* `landmarks` turns, scales and shifts the photo so that eyes and mouth come to lie at `align_eye_line`,
  `align_mouth_line` and `align_eye_distance` [choice];
* `box` cuts the box that the data set tells, as Unsup3D did CelebA [unsup3d];
* `detect` does as `landmarks` with the eyes and mouth of the face that a detector finds; they come to
  lie where the average face has them in a box `box_scale` times as large as it [choice].

What lies beyond the photo's edge repeats it [unsup3d].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crop_transforms, detector
from igc_tf.datasets.crop_transforms import NoFace
from igc_tf.datasets.image_store import Crop

#: Size (width, height), px, of a photo of CelebA's aligned release, and where MediaPipe's detector sees
#: eyes and mouth in it, [3, 2] px: medians over 2,243 of the photos.
CELEBA_SIZE = (178, 218)
CELEBA_ANCHORS = np.array([[69.6, 113.2], [109.1, 113.2], [89.3, 156.3]])
#: Collections whose photos are framed as CelebA's are, where they are cut by their center.
_AS_CELEBA = ("celeb_a", "photo_folder")


class Marks(NamedTuple):
    """What is known of where the face is, px of the upright photo; NaN or None where nothing is."""

    anchors: np.ndarray | None = (
        None  #: [3, 2] (x, y): image-left eye, image-right eye, mouth's center
    )
    box: np.ndarray | None = None  #: [4] left, top, right, bottom


def anchors(landmarks: np.ndarray) -> np.ndarray:
    """`[..., 5, 2]` eyes, nose, corners of the mouth to the `[..., 3, 2]` of `Marks.anchors`."""
    mouth = landmarks[..., 3:5, :].mean(axis=-2, keepdims=True)
    return np.concatenate([landmarks[..., :2, :], mouth], axis=-2)


def require(data: DataConfig) -> None:
    """Checks that what `data.crop` needs is installed.

    Raises:
      ValueError: it is not; the message says how to install it.
    """
    if data.crop == "detect":
        detector.require(data.detector)


def fingerprint(data: DataConfig) -> str:
    """Text that changes with how photos are cut."""
    used = {
        "none": (),
        "center": ("crop_scale", "crop_center_y"),
        "landmarks": ("align_eye_line", "align_mouth_line", "align_eye_distance"),
        "box": ("box_scale",),
        "detect": ("box_scale", "detector"),
    }[data.crop]
    words = [data.crop, *(f"{name}={getattr(data, name)}" for name in used)]
    if data.crop == "detect" and detector.name(data.detector):
        words.append(detector.name(data.detector))
    return " ".join(words)


def template(data: DataConfig) -> np.ndarray | None:
    """Where eyes and mouth lie in the pictures of a run, however they were cut.

    Photos cut by their center are taken to be framed as CelebA's aligned ones, which the recipes that
    cut so are made for; not where the whole photo was kept.

    Args:
      data: how the run's photos are cut.

    Returns:
      `[3, 2]` (x, y) of the image-left eye, the image-right eye and the mouth, as shares of the
      picture's side; None where nothing tells.
    """
    if data.crop == "landmarks":
        half = data.align_eye_distance / 2
        eyes = [[0.5 - half, data.align_eye_line], [0.5 + half, data.align_eye_line]]
        return np.array([*eyes, [0.5, data.align_mouth_line]])
    if data.crop == "detect":
        return 0.5 + (detector.BOX_ANCHORS - 0.5) / data.box_scale
    whole = (data.crop_scale, data.crop_center_y) == (1.0, 0.5)
    if data.crop == "center" and data.dataset in _AS_CELEBA and not whole:
        left, top, right, _ = crop_box(*CELEBA_SIZE, data)
        return (CELEBA_ANCHORS - [left, top]) / (right - left)
    return None


def crop_transform(
    photo: Image.Image, data: DataConfig, size: int, marks: Marks | None = None
) -> np.ndarray:
    """The transform from points of a photo to those of the picture.

    Args:
      photo: upright, RGB.
      data: how it is cut.
      size: side of the picture, px.
      marks: what is known of the face.

    Returns:
      `[2, 3]` float64, see `image_store.Crop`.

    Raises:
      NoFace: `data.crop` needs marks or a face that this photo has not.
    """
    marks = marks or Marks()
    if data.crop == "landmarks":
        if marks.anchors is None or not np.isfinite(marks.anchors).all():
            raise NoFace("no landmarks")
        return crop_transforms.of_anchors(marks.anchors, template(data), size)
    if data.crop == "box":
        if marks.box is None or not np.isfinite(marks.box).all():
            raise NoFace("no box")
        return crop_transforms.of_box(_square(marks.box, data.box_scale), size)
    if data.crop == "detect":
        found = detector.find(photo, data.detector)
        if not found:
            raise NoFace("no face found")
        return crop_transforms.of_anchors(found[0].anchors, template(data), size)
    return crop_transforms.of_box(crop_box(*photo.size, data), size)


def crop_box(width: int, height: int, data: DataConfig) -> tuple[float, float, float, float]:
    """(left, top, right, bottom), px, of what 'none' and 'center' keep of a photo of that size."""
    if data.crop == "none":
        return 0, 0, width, height
    side = data.crop_scale * min(width, height)
    left = (width - side) / 2
    top = min(max(data.crop_center_y * height - side / 2, 0), height - side)
    return left, top, left + side, top + side


def crop(photo: Image.Image, data: DataConfig, size: int, marks: Marks | None = None) -> Crop:
    """Cuts and resizes a photo with an antialiasing filter.

    Raises:
      NoFace: see `crop_transform`; or the crop would lie outside of the photo.
    """
    transform = crop_transform(photo, data, size, marks)
    return Crop(crop_transforms.resample(photo, transform, size), transform)


def _square(box: np.ndarray, scale: float) -> tuple[float, float, float, float]:
    """The square about a box's center, its side `scale` times the box's longer one."""
    left, top, right, bottom = (float(value) for value in box)
    half = scale * max(right - left, bottom - top) / 2
    if not half > 0:
        raise NoFace("an empty box")
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half
