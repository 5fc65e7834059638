"""Which part of a photo becomes the picture: one step, shared by every data set of photos.

`--crop` names the way:

* `none` squeezes the whole photo into the square;
* `center` cuts the square of `crop_scale` and `crop_center_y`;
* `landmarks` turns, scales and shifts the photo so that eyes and mouth come to lie at `align_eye_line`,
  `align_mouth_line` and `align_eye_distance` [choice];
* `box` cuts the box that the data set tells, as Unsup3D did CelebA [unsup3d];
* `detect` cuts the face that a detector finds.

What lies beyond the photo's edge repeats it [unsup3d].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import detector
from igc_tf.datasets.image_store import Crop

#: A crop may be this many times as large as its photo, no more.
_LARGEST = 10.0


class NoFace(ValueError):
    """The photo cannot be cut as asked: no face was found in it, or nothing tells where it is."""


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
        detector.require()


def fingerprint(data: DataConfig) -> str:
    """Text that changes with how photos are cut."""
    used = {
        "none": (),
        "center": ("crop_scale", "crop_center_y"),
        "landmarks": ("align_eye_line", "align_mouth_line", "align_eye_distance"),
        "box": ("box_scale",),
        "detect": ("box_scale", "detector"),
    }[data.crop]
    return " ".join([data.crop, *(f"{name}={getattr(data, name)}" for name in used)])


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
        return _aligned(marks.anchors, data, size)
    if data.crop == "box":
        if marks.box is None or not np.isfinite(marks.box).all():
            raise NoFace("no box")
        return _boxed(_square(marks.box, data.box_scale), size)
    if data.crop == "detect":
        box = detector.detect(np.asarray(photo), data.detector)
        if box is None:
            raise NoFace("no face found")
        return _boxed(_square(box, data.box_scale), size)
    return _boxed(crop_box(*photo.size, data), size)


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
    return Crop(resample(photo, transform, size), transform)


def resample(photo: Image.Image, transform: np.ndarray, size: int) -> np.ndarray:
    """`[size, size, 3]` uint8: the photo under a crop transform.

    Raises:
      NoFace: the picture would lie outside of the photo, or be far larger than it.
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], float)
    inverse = np.linalg.inv(transform[:, :2])
    on_photo = (corners - transform[:, 2]) @ inverse.T
    low, high = on_photo.min(axis=0), on_photo.max(axis=0)
    extent = np.array(photo.size)
    if (low >= extent).any() or (high <= 0).any() or (high - low > _LARGEST * extent).any():
        raise NoFace("its crop lies outside of the photo, or is far larger: wrong landmarks or box")
    upright = transform[0, 1] == transform[1, 0] == 0
    if upright and (low > -1e-6).all() and (high < extent + 1e-6).all():
        box = (*np.maximum(low, 0), *np.minimum(high, extent))
        return _resized(photo, (size, size), box)
    margin = 2 + 2 / max(np.abs(np.linalg.det(transform[:, :2])) ** 0.5, 1e-6)  # of the filter
    first = np.floor(low - margin).astype(int)
    photo = _padded(photo, first, np.ceil(high + margin).astype(int))
    scale = min(np.abs(np.linalg.det(transform[:, :2])) ** 0.5, 1.0)
    shrunk = np.maximum(np.round(np.array(photo.size) * scale), 1).astype(int)
    factor = np.array(photo.size) / shrunk
    photo = Image.fromarray(_resized(photo, tuple(shrunk), (0, 0, *photo.size)))
    # px of the picture to px of the shrunk photo
    matrix = inverse / factor[:, None]
    offset = (-inverse @ transform[:, 2] - first) / factor
    values = np.concatenate([matrix, offset[:, None]], axis=1).ravel()
    turned = photo.transform(
        (size, size), Image.Transform.AFFINE, tuple(values), Image.Resampling.BICUBIC
    )
    return np.asarray(turned, np.uint8)


def _resized(photo: Image.Image, size: tuple[int, int], box: tuple[float, ...]) -> np.ndarray:
    resized = photo.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(resized, np.uint8)


def _padded(photo: Image.Image, first: np.ndarray, last: np.ndarray) -> Image.Image:
    """The pixels `first` to `last` (x, y) of a photo; beyond its edge, the edge's."""
    columns, rows = (
        np.clip(np.arange(first[axis], last[axis]), 0, photo.size[axis] - 1) for axis in (0, 1)
    )
    return Image.fromarray(np.asarray(photo)[rows][:, columns])


def _boxed(box: tuple[float, float, float, float], size: int) -> np.ndarray:
    left, top, right, bottom = box
    x, y = size / (right - left), size / (bottom - top)
    return np.array([[x, 0, -left * x], [0, y, -top * y]])


def _square(box: np.ndarray, scale: float) -> tuple[float, float, float, float]:
    """The square about a box's center, its side `scale` times the box's longer one."""
    left, top, right, bottom = (float(value) for value in box)
    half = scale * max(right - left, bottom - top) / 2
    if not half > 0:
        raise NoFace("an empty box")
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half


def _aligned(points: np.ndarray, data: DataConfig, size: int) -> np.ndarray:
    """The similarity that takes three anchors nearest to where they shall lie (least squares).

    With the mouth among them a face in profile, whose eyes nearly coincide, keeps its size.
    """
    half = data.align_eye_distance / 2
    target = size * np.array(
        [
            0.5 - half + 1j * data.align_eye_line,
            0.5 + half + 1j * data.align_eye_line,
            0.5 + 1j * data.align_mouth_line,
        ]
    )
    source = points[:, 0] + 1j * points[:, 1]
    centered = source - source.mean()
    spread = (np.abs(centered) ** 2).sum()
    factor = (centered.conj() * target).sum() / max(spread, 1e-12)
    if spread < 1 or factor == 0:
        raise NoFace("its landmarks coincide")
    shift = target.mean() - factor * source.mean()
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )
