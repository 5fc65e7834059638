"""What was found in a face, laid over the photo that the face is in."""

from __future__ import annotations

import numpy as np
from PIL import Image

from igc_tf.structures import BACKGROUND
from igc_tf.viewing import colors
from igc_tf.viewing.result import PhotoResult


def on_photo(photo: np.ndarray, transform: np.ndarray, result: PhotoResult) -> np.ndarray:
    """The whole photo with the face's parts over it, in their colors.

    Args:
      photo: `[H, W, 3]` uint8.
      transform: `[2, 3]`: (x, y) px of the picture that the network saw = transform @ (x, y, 1) px of the
        photo.
      result: what was found in that picture.

    Returns:
      `[H, W, 3]` uint8.
    """
    count, side = result.part_visibility.shape[:2]
    back = np.linalg.inv(transform[:, :2])
    corners = (np.array([[0, 0], [side, 0], [0, side], [side, side]]) - transform[:, 2]) @ back.T
    limit = np.array(photo.shape[1::-1])
    first = np.clip(np.floor(corners.min(0)), 0, limit).astype(int)
    last = np.clip(np.ceil(corners.max(0)), 0, limit).astype(int)
    laid = photo.copy()
    if (first >= last).any():
        return laid
    (left, top), (width, height) = first, last - first
    offset = transform[:, 2] + transform[:, :2] @ first
    values = tuple(np.concatenate([transform[:, :2], offset[:, None]], axis=1).ravel())
    seen = np.empty([count, height, width], np.float32)
    for part in range(count):
        seen[part] = Image.fromarray(result.part_visibility[part]).transform(
            (int(width), int(height)), Image.Transform.AFFINE, values, Image.Resampling.BILINEAR
        )
    labels = seen.argmax(0).astype(np.uint8)
    window = laid[top : last[1], left : last[0]]
    tinted = colors.overlay(window, labels)
    window[:] = np.where((labels != BACKGROUND)[..., np.newaxis], tinted, window)
    return laid
