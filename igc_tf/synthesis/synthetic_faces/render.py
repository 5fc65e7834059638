"""A z-buffer for triangles in NumPy: perspective-correct, deterministic, without TensorFlow.

It has no part in common with the model's renderer, on purpose. Each pixel of a photograph is
sampled `OVERSAMPLING` times in x and y; the number is odd, so that the middle sample lies on the
pixel's center and gives the exact ground truth there, while colors are means over all samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

FIELD_OF_VIEW_DEGREES = 10.0  #: of the whole picture's width
OVERSAMPLING = 3


class Hits(NamedTuple):
    """The nearest triangle at every sample that any triangle covers; N of them."""

    sample: np.ndarray  #: [N] int64, row-major index into the samples
    triangle: np.ndarray  #: [N] int64
    weights: np.ndarray  #: [N, 3] float32, perspective-correct barycentric coordinates
    depth: np.ndarray  #: [N] float32
    front: np.ndarray  #: [N] bool, whether the triangle's front is seen


def rotation_matrix(rotation_degrees: np.ndarray) -> np.ndarray:
    """[3, 3]: Rz(roll) Ry(yaw) Rx(pitch) of (pitch, yaw, roll) in degrees."""
    return Rotation.from_euler("xyz", rotation_degrees, degrees=True).as_matrix()


def project(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (x, y) [..., 2] in the picture, in pixels, and depths [...] of camera frame points."""
    depth = -points[..., 2]
    focal = float(0.5 * size / np.tan(np.radians(0.5 * FIELD_OF_VIEW_DEGREES)))
    x = 0.5 * size + focal * points[..., 0] / depth
    y = 0.5 * size - focal * points[..., 1] / depth
    return np.stack([x, y], axis=-1), depth


def rasterize(
    vertices: np.ndarray,
    triangles: np.ndarray,
    count: int,
    two_sided: np.ndarray,
    opaque: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Hits:
    """Finds the nearest triangle at each of count x count samples of the square picture.

    Args:
      vertices: [V, 3] float32 in the camera frame, all in front of the camera.
      triangles: [T, 3] int, counter-clockwise seen from their front.
      count: samples across the picture; sample k lies at (k + 0.5) / count of its width.
      two_sided: [T] bool, whether the back is rendered too.
      opaque: if given, is asked whether the two-sided triangles [N] can be seen at the weights [N, 3],
        and answers [N] bool; where not, what lies behind is seen.

    Returns:
      The hits, ordered by sample.
    """
    place, depth = project(vertices, count)
    inverse = 1.0 / depth

    # Contiguous columns, and no reductions over an axis of three: several times faster in NumPy.
    px, py = np.ascontiguousarray(place.T)
    ta, tb, tc = np.ascontiguousarray(triangles.T)
    ax, bx, cx, ay, by, cy = px[ta], px[tb], px[tc], py[ta], py[tb], py[tc]
    # y points down in the picture: a front face has negative area there.
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    keep = np.flatnonzero(((area < 0) | two_sided) & (np.abs(area) > 1e-7))
    ax, bx, cx, ay, by, cy, area = (v[keep] for v in (ax, bx, cx, ay, by, cy, area))

    def span(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First sample inside the bounding box and how many, along one axis."""
        low = np.ceil(np.minimum(np.minimum(p, q), r) - 0.5).astype(np.int32)
        high = np.floor(np.maximum(np.maximum(p, q), r) - 0.5).astype(np.int32)
        low = np.maximum(low, 0)
        return low, np.minimum(high, count - 1) - low + 1

    (left, wide), (top, tall) = span(ax, bx, cx), span(ay, by, cy)
    some = np.flatnonzero((wide > 0) & (tall > 0))
    keep, left, wide, top, tall = keep[some], left[some], wide[some], top[some], tall[some]

    # The second and third barycentric coordinate as planes over the picture.
    scale = 1.0 / area[some]
    planes = []
    for px, py, qx, qy in ((cx, cy, ax, ay), (ax, ay, bx, by)):
        px, py, qx, qy = px[some], py[some], qx[some], qy[some]
        slope_x, slope_y = -(qy - py) * scale, (qx - px) * scale
        from_x, from_y = (left + 0.5 - px).astype(np.float32), (top + 0.5 - py).astype(np.float32)
        start = slope_x * from_x + slope_y * from_y
        planes.append((slope_x, slope_y, start))

    # One line for each (triangle, sample of its bounding box).
    boxes = wide * tall
    which = np.repeat(np.arange(len(keep), dtype=np.int32), boxes)
    within = (
        np.arange(len(which), dtype=np.int32) - (np.cumsum(boxes, dtype=np.int32) - boxes)[which]
    )
    across = wide[which]
    row = within // across
    column = within - row * across
    x, y = column.astype(np.float32), row.astype(np.float32)
    weight_b, weight_c = (sx[which] * x + sy[which] * y + at[which] for sx, sy, at in planes)
    weight_a = 1.0 - weight_b - weight_c
    inside = np.minimum(np.minimum(weight_a, weight_b), weight_c) >= -1e-5
    which, row, column = which[inside], row[inside], column[inside]
    sample = (top[which] + row) * count + left[which] + column
    # 1 / depth is linear in the picture.
    near_a, near_b, near_c = (inverse[t[keep[which]]] for t in (ta, tb, tc))
    near_a = weight_a[inside] * near_a
    near_b = weight_b[inside] * near_b
    near_c = weight_c[inside] * near_c
    nearness = near_a + near_b + near_c
    if opaque is not None:
        asked = np.flatnonzero(two_sided[keep[which]])
        weights = np.stack([near_a[asked], near_b[asked], near_c[asked]], axis=-1)
        seen = np.ones(len(which), bool)
        seen[asked] = opaque(keep[which[asked]], weights / nearness[asked, None])
        which, sample, nearness = which[seen], sample[seen], nearness[seen]
        near_a, near_b, near_c = near_a[seen], near_b[seen], near_c[seen]

    nearest = np.zeros(count * count, np.float32)
    np.maximum.at(nearest, sample, nearness)
    winners = np.flatnonzero(nearness == nearest[sample])
    owner = np.full(count * count, -1, np.int32)
    owner[sample[winners]] = winners  # of equals the last one stays
    covered = np.flatnonzero(owner >= 0)
    best = owner[covered]
    nearness = nearness[best]
    weights = np.stack([near_a[best], near_b[best], near_c[best]], axis=-1) / nearness[:, None]
    which = which[best]
    return Hits(covered, keep[which], weights, 1.0 / nearness, scale[which] < 0)


def interpolate(values: np.ndarray, triangles: np.ndarray, hits: Hits) -> np.ndarray:
    """Values [V, K] of the vertices at the hits, [N, K]."""
    return np.einsum("nk,nkc->nc", hits.weights, values[triangles[hits.triangle]])


def pixel_mean(samples: np.ndarray, size: int) -> np.ndarray:
    """Means over the samples of each pixel: [size * O, size * O, K] -> [size, size, K]."""
    samples = samples.reshape(size, OVERSAMPLING, size, OVERSAMPLING, -1)
    return samples.sum(1).sum(2) / np.float32(OVERSAMPLING**2)
