"""Where the points of a photo come to lie in a picture, and the picture itself.

A transform is `[2, 3]` float64: `transform[:, :2] @ (x, y) + transform[:, 2]` is where the photo's point
(x, y), px, lies in the picture. What lies beyond the photo's edge repeats it [unsup3d].
"""

from __future__ import annotations

import numpy as np
from PIL import Image

#: A crop may be this many times as large as its photo, no more.
_LARGEST = 10.0


class NoFace(ValueError):
    """The photo cannot be cut as asked: no face was found in it, or nothing tells where it is."""


def of_box(box: tuple[float, float, float, float], size: int) -> np.ndarray:
    """The transform that makes (left, top, right, bottom), px, the picture of `size` px."""
    left, top, right, bottom = box
    x, y = size / (right - left), size / (bottom - top)
    return np.array([[x, 0, -left * x], [0, y, -top * y]])


def of_anchors(anchors: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """The similarity that takes points nearest to where they shall lie (least squares).

    With the mouth among them a face in profile, whose eyes nearly coincide, keeps its size.

    Args:
      anchors: `[P, 2]` (x, y), px of the photo.
      target: `[P, 2]`, where they shall lie, as shares of the picture's side.
      size: side of the picture, px.

    Raises:
      NoFace: the points coincide.
    """
    goal = size * (target[:, 0] + 1j * target[:, 1])
    source = anchors[:, 0] + 1j * anchors[:, 1]
    centered = source - source.mean()
    spread = (np.abs(centered) ** 2).sum()
    factor = (centered.conj() * goal).sum() / max(spread, 1e-12)
    if spread < 1 or factor == 0:
        raise NoFace("its landmarks coincide")
    return of_similarity(factor, goal.mean() - factor * source.mean())


def of_similarity(factor: complex, shift: complex) -> np.ndarray:
    """The transform that takes x + yj to factor (x + yj) + shift."""
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    )


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points `[..., 2]` of the photo, px, to points of the picture."""
    return points @ transform[:, :2].T + transform[:, 2]


def inverse(transform: np.ndarray) -> np.ndarray:
    """`[2, 3]`: the way back, from the picture to the photo."""
    (a, b, x), (c, d, y) = transform.tolist()  # several times faster than np.linalg
    area = a * d - b * c
    turned = np.array([[d, -b], [-c, a]]) / area
    return np.concatenate([turned, -turned @ [[x], [y]]], axis=1)


def resample(photo: Image.Image, transform: np.ndarray, size: int) -> np.ndarray:
    """`[size, size, 3]` uint8: the photo under a transform, with an antialiasing filter.

    Raises:
      NoFace: the picture would lie outside of the photo, or be far larger than it.
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], float)
    back = inverse(transform)
    on_photo = apply(back, corners)
    low, high = on_photo.min(axis=0), on_photo.max(axis=0)
    extent = np.array(photo.size)
    if (low >= extent).any() or (high <= 0).any() or (high - low > _LARGEST * extent).any():
        raise NoFace("its crop lies outside of the photo, or is far larger: wrong landmarks or box")
    upright = transform[0, 1] == transform[1, 0] == 0
    if upright and (low > -1e-6).all() and (high < extent + 1e-6).all():
        (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(high, extent)
        return _resized(photo, (size, size), (left, top, right, bottom))
    margin = 2 + 2 / max(np.abs(np.linalg.det(transform[:, :2])) ** 0.5, 1e-6)  # of the filter
    first = np.floor(low - margin).astype(int)
    photo = _padded(photo, first, np.ceil(high + margin).astype(int))
    scale = min(np.abs(np.linalg.det(transform[:, :2])) ** 0.5, 1.0)
    shrunk = np.maximum(np.round(np.array(photo.size) * scale), 1).astype(int)
    factor = np.array(photo.size) / shrunk
    photo = Image.fromarray(_resized(photo, tuple(shrunk), (0, 0, *photo.size)))
    # px of the picture to px of the shrunk photo
    matrix = back[:, :2] / factor[:, None]
    offset = (back[:, 2] - first) / factor
    values = np.concatenate([matrix, offset[:, None]], axis=1).ravel()
    turned = photo.transform(
        (size, size), Image.Transform.AFFINE, tuple(values), Image.Resampling.BICUBIC
    )
    return np.asarray(turned, np.uint8)


def detailed(
    photo: Image.Image, transform: np.ndarray, size: int, largest: int
) -> np.ndarray | None:
    """The picture of `resample` again, as finely as the photo has it; None where that is no finer.

    Args:
      photo: that is cut.
      transform: to a picture of `size` px.
      size: side of that picture, px.
      largest: side that is never exceeded, px.

    Returns:
      `[side, side, 3]` uint8, or None.
    """
    side = min(largest, round(size / np.abs(np.linalg.det(transform[:, :2])) ** 0.5))
    return resample(photo, transform * (side / size), side) if side > size else None


def _resized(
    photo: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> np.ndarray:
    resized = photo.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(resized, np.uint8)


def _padded(photo: Image.Image, first: np.ndarray, last: np.ndarray) -> Image.Image:
    """The pixels `first` to `last` (x, y) of a photo; beyond its edge, the edge's."""
    columns, rows = (
        np.clip(np.arange(first[axis], last[axis]), 0, photo.size[axis] - 1) for axis in (0, 1)
    )
    return Image.fromarray(np.asarray(photo)[rows][:, columns])
