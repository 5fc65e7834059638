"""What a set of pictures looks like in numbers: to see at a glance that the right data is trained on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: At most so many pictures are looked at, evenly over the set [choice].
LIMIT = 2048


class Statistics(NamedTuple):
    """Of N pictures, colors in [0, 1]."""

    pictures: int  #: of the whole set
    mean: np.ndarray  #: [3] red, green, blue
    deviation: np.ndarray  #: [3] over all pixels
    brightness: np.ndarray  #: [N] mean of each picture
    contrast: np.ndarray  #: [N] standard deviation of each picture's gray
    mean_image: np.ndarray  #: [H, W, 3] uint8


def describe(images: np.ndarray, limit: int = LIMIT) -> Statistics:
    """Statistics of pictures.

    Args:
      images: `[N, H, W, 3]` uint8, may be memory-mapped.
      limit: look at no more than so many, evenly over the set.
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(limit, len(images))).round().astype(int))
    total, squares = np.zeros(images.shape[1:]), np.zeros(3)
    brightness, contrast = np.empty(len(rows)), np.empty(len(rows))
    for index, row in enumerate(rows):
        picture = images[row] / 255.0
        total += picture
        squares += (picture**2).mean(axis=(0, 1))
        brightness[index] = picture.mean()
        contrast[index] = picture.mean(axis=-1).std()
    mean_image = total / len(rows)
    mean = mean_image.mean(axis=(0, 1))
    deviation = np.sqrt(np.maximum(squares / len(rows) - mean**2, 0.0))
    return Statistics(
        pictures=len(images),
        mean=mean,
        deviation=deviation,
        brightness=brightness,
        contrast=contrast,
        mean_image=np.round(255 * mean_image).astype(np.uint8),
    )
