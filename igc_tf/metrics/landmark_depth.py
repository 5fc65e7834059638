"""Does the depth found at the landmarks change from photo to photo as the true one does?

For photos, of which no depth map is known: the correlation, over the images, of the depth found at each
landmark with the landmark's own depth. This is the measure of DepthNet on 3DFAW, and of Unsup3D's table
for that set; there with 66 landmarks, so that a sum of 66 is perfect, and 5 is perfect here. Most of it
is the head's pose: the nearer eye of a turned head. The method's mean depth map stands beside it.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import map_coordinates

from igc_tf.metrics import pose
from igc_tf.metrics.metric import Metric, bootstrap_weighted


def at_landmarks(depth: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Depth maps at landmarks, bilinear.

    Args:
      depth: `[N, h, w]`, of the photo's own view.
      landmarks: `[N, L, 2]` (x, y) pixels, pixel centers at +0.5; NaN where unknown.

    Returns:
      `[N, L]` float64, unit of the depth; NaN where the landmark is unknown or outside the map.

    Raises:
      ValueError: unlike shapes.
    """
    if depth.ndim != 3 or landmarks.ndim != 3 or len(depth) != len(landmarks):
        raise ValueError(
            f"depth must be [N, h, w] for landmarks [N, L, 2], got {depth.shape}, {landmarks.shape}"
        )
    x, y = landmarks[..., 0], landmarks[..., 1]
    height, width = depth.shape[1:]
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    image = np.broadcast_to(np.arange(len(depth))[:, np.newaxis], inside.shape)
    places = np.array([image, np.where(inside, y - 0.5, 0), np.where(inside, x - 0.5, 0)])
    found = map_coordinates(depth.astype(np.float64), places, order=1, mode="nearest")
    return np.where(inside, found, np.nan)


def evaluate(
    depth: np.ndarray,
    landmarks: np.ndarray,
    true: np.ndarray,
    identity: np.ndarray | None = None,
) -> dict[str, Metric]:
    """Correlation over the images of found and true depth of each landmark, all landmarks together.

    Depths are compared as they are, without a shift of each image's own [DepthNet].

    Args:
      depth: `[N, h, w]`, of the photo's own view, larger is farther.
      landmarks: `[N, L, 2]` (x, y) pixels; NaN where unknown.
      true: `[N, L]` depth of the landmarks, larger is farther, any unit; NaN where unknown.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      `landmark_depth_correlation`, the mean over the landmarks, signed: a hollow face has a negative
      one; `landmark_depth_correlation_sum`, the sum of the absolute values [DepthNet], L at best; and
      both for the mean of all depth maps (`..._mean_depth`), which sees no image but the places of
      its landmarks. Images with all L landmarks known, and inside the map, count.
    """
    mean = np.broadcast_to(depth.mean(0, dtype=np.float64), depth.shape) if len(depth) else depth
    metrics = {}
    for line, maps in (("", depth), ("_mean_depth", mean)):
        found = at_landmarks(maps, landmarks)
        known = ~np.isnan(found + true).any(1)
        people = None if identity is None else identity[known]
        x, y = (values[known] - values[known].mean(0) if known.any() else values[known]
                for values in (found, true))  # fmt: skip
        for name, statistic in (("", _mean_correlation), ("_sum", _sum_of_sizes)):
            metrics[f"landmark_depth_correlation{name}{line}"] = bootstrap_weighted(
                functools.partial(statistic, x, y),
                len(x),
                identity=people,
            )
    return metrics


def _correlations(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each landmark: `[n, L]`, `[n, L]` and `[S, n]` to `[S, L]`."""
    return np.stack(
        [pose.correlation(a, b, weights) for a, b in zip(x.T, y.T, strict=True)], axis=1
    )


def _mean_correlation(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _correlations(x, y, weights).mean(1)


def _sum_of_sizes(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.abs(_correlations(x, y, weights)).sum(1)
