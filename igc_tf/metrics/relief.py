"""Does the face bulge towards the viewer? Shape from shading alone cannot tell; this can.

A hollow face, lit from the other side and turned the other way, gives nearly the same picture.
These measures need little or no ground truth, so they work on real photos too: the order of nose,
  cheeks and
background wants five landmarks. They tell the sign of the relief, not its likeness: any bump under the
landmarks passes.
"""

from __future__ import annotations

import numpy as np

from igc_tf.metrics.metric import Metric, bootstrap


def relief(depth: np.ndarray) -> np.ndarray:
    """How far the middle of the map stands out before its border.

    Args:
      depth: `[N, h, w]`, units of the camera's distance; at least 8 x 8.

    Returns:
      `[N]`: mean depth of the outermost eighth on each side minus mean depth of the middle half
      (half the height by half the width) [choice]. Positive: convex. Negative: hollow.

    Raises:
      ValueError: not `[N, h, w]`, or smaller than 8 x 8.
    """
    if depth.ndim != 3 or min(depth.shape[1:]) < 8:
        raise ValueError(f"depth must be [N, h >= 8, w >= 8], got shape {depth.shape}")
    border, center = border_and_center(depth.shape[1:])
    return depth[:, border].mean(-1) - depth[:, center].mean(-1)


def relief_sign(depth: np.ndarray) -> np.ndarray:
    """The sign of `relief`, `[N]` int64: 1 convex, -1 hollow, 0 flat."""
    return np.sign(relief(depth)).astype(np.int64)


def in_order(depth: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Whether each region's mean depth is smaller than the next one's.

    Args:
      depth: `[N, h, w]`.
      regions: `[N, R, h, w]` weights >= 0, nearest region first, e.g. nose, cheeks, background; in
        the same view as the depth (part maps, or `landmark_regions`).

    Returns:
      `[N]`: 1 or 0; NaN (no ground truth) where a region is empty.

    Raises:
      ValueError: unlike shapes.
    """
    if regions.ndim != 4 or (regions.shape[0], *regions.shape[2:]) != depth.shape:
        raise ValueError(
            f"regions must be [N, R, h, w] for depth [N, h, w], got {regions.shape}, {depth.shape}"
        )
    area = regions.sum((2, 3), dtype=np.float64)
    empty = area <= 0
    total = np.einsum("nrhw,nhw->nr", regions, depth, dtype=np.float64)
    means = total / np.where(empty, 1.0, area)
    ordered = (np.diff(means, axis=1) > 0).all(1).astype(np.float64)
    return np.where(empty.any(1), np.nan, ordered)


def landmark_regions(landmarks: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Nose, cheeks and background as pixels around CelebA's five landmarks [choice].

    The nose is the disc about its landmark; the cheeks are the discs about the middle of each eye
    and the mouth's corner under it, moved outwards by a quarter of the eyes' distance; the
    background is the outermost eighth of the picture. Discs have a tenth of the eyes' distance as
    radius, one pixel at least. In a face turned far to the side the farther cheek is hidden, and its
    disc lies on the nose or beside the face: there exact depth may be out of order, too.

    Args:
      landmarks: `[N, 5, 2]` (x, y) pixels: picture's left eye, right eye, nose, left and right
        corner of the mouth. An image with a NaN landmark has three empty regions.
      size: (height, width) of the maps.

    Returns:
      `[N, 3, h, w]` float32 of 0 and 1: nose, cheeks, background; for `in_order`.
    """
    height, width = size
    left, right, nose, mouth_left, mouth_right = np.moveaxis(landmarks, 1, 0)
    across = right - left
    distance = np.linalg.norm(across, axis=-1)
    radius = np.maximum(distance / 10.0, 1.0)[:, np.newaxis, np.newaxis]
    x = np.arange(width) + 0.5
    y = (np.arange(height) + 0.5)[:, np.newaxis]

    def disc(center: np.ndarray) -> np.ndarray:
        cx, cy = (center[:, i, np.newaxis, np.newaxis] for i in (0, 1))
        return np.hypot(x - cx, y - cy) <= radius

    left_cheek = disc((left + mouth_left) / 2 - across / 4)
    right_cheek = disc((right + mouth_right) / 2 + across / 4)
    border, _ = border_and_center(size)
    known = ~np.isnan(landmarks).any((1, 2))
    background = border & known[:, np.newaxis, np.newaxis]
    regions = [disc(nose), left_cheek | right_cheek, background]
    return np.stack(regions, axis=1).astype(np.float32)


def evaluate(
    depth: np.ndarray, regions: np.ndarray | None = None, identity: np.ndarray | None = None
) -> dict[str, Metric]:
    """Shares of images with a right relief.

    Args:
      depth: `[N, h, w]`, units of the camera's distance.
      regions: `[N, R, h, w]`, see `in_order`; None if there are none.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      `convex_share`, and `depth_order_share`: absent without regions.
    """
    convex = (relief_sign(depth) > 0).astype(np.float64)
    order = np.full(len(depth), np.nan) if regions is None else in_order(depth, regions)
    return {
        "convex_share": bootstrap(convex, identity=identity),
        "depth_order_share": bootstrap(order, identity=identity),
    }


def border_and_center(size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The two regions `relief` compares, `[h, w]` bool: outermost eighths, and middle half."""
    height, width = size
    border = np.ones(size, bool)
    border[height // 8 : height - height // 8, width // 8 : width - width // 8] = False
    center = np.zeros(size, bool)
    center[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return border, center
