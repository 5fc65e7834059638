"""How true the shape is: SIDE and MAD (Unsup3D), and the error of depth over the true relief.

Depth of one photo is known only up to what its model calls zero and one, so the errors are given
both as they are (Unsup3D's own definition, to be set beside its table) and after each depth map has
been brought to the truth by the best scale and shift. The scale may not be negative: a hollow face
is not turned into a good one, it is flattened.

Unsup3D's table on BFM (SIDE x 10^-2 / MAD in degrees): supervised 0.410 / 10.78, constant depth
2.723 / 43.34, average true depth 1.990 / 23.26, Unsup3D 0.793 / 16.51.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_erosion

from igc_tf.evaluation.metric import Metric, bootstrap

#: Horizontal field of view of the package's camera, degrees [unsup3d].
FOV_DEGREES = 10.0


def unproject(depth: np.ndarray, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """Lifts depth maps to points of the camera frame.

    Args:
      depth: `[..., h, w]`, units of the camera's distance.
      fov_degrees: horizontal field of view, degrees.

    Returns:
      `[..., h, w, 3]` float64: x to the right, y up, z = -depth, through the pixel centres.
    """
    height, width = depth.shape[-2:]
    scale = math.tan(math.radians(fov_degrees) / 2.0) / (width / 2.0)
    x = (np.arange(width) + 0.5 - width / 2.0) * scale
    y = -(np.arange(height) + 0.5 - height / 2.0) * scale
    depth = np.asarray(depth, np.float64)
    return np.stack([x * depth, y[:, np.newaxis] * depth, -depth], axis=-1)


def normals(depth: np.ndarray, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """Unit normals of depth maps, from central differences (one-sided at the border).

    Args:
      depth: `[..., h, w]`, at least 2 x 2, units of the camera's distance.
      fov_degrees: horizontal field of view, degrees.

    Returns:
      `[..., h, w, 3]` float64; (0, 0, 1) faces the viewer.
    """
    points = np.moveaxis(unproject(depth, fov_degrees), -1, 0)
    right = [np.gradient(coordinate, axis=-1) for coordinate in points]
    down = [np.gradient(coordinate, axis=-2) for coordinate in points]
    x, y, z = _cross(down, right)
    length = np.sqrt(x * x + y * y + z * z)
    return np.stack([x / length, y / length, z / length], axis=-1)


def align(predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Brings each depth map to the true one by a least-squares scale >= 0 and shift.

    Args:
      predicted: `[N, h, w]`.
      true: `[N, h, w]`.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N, h, w]` float64. A constant map, and one whose relief is inverted (best scale negative),
      become the mean of the true depth.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    mean_predicted, mean_true = (
        _mean(depth, mask)[:, np.newaxis, np.newaxis] for depth in (predicted, true)
    )
    x, y = predicted - mean_predicted, true - mean_true
    variance, covariance = _mean(x * x, mask), _mean(x * y, mask)
    flat = ~(variance > 1e-12 * _mean(predicted**2, mask))
    scale = np.where(flat, 0.0, np.maximum(covariance, 0.0) / np.where(flat, 1.0, variance))
    aligned = scale[:, np.newaxis, np.newaxis] * x + mean_true
    return np.where(mask.any((1, 2), keepdims=True), aligned, predicted)


def side_e2(predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Scale-invariant depth error x 100 [unsup3d]: deviation of the difference of logarithms.

    Args:
      predicted: `[N, h, w]`, > 0.
      true: `[N, h, w]`, > 0 where the mask is.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]`, >= 0; NaN (no truth) where the mask is empty.

    Raises:
      ValueError: unlike shapes, or a depth that is not positive.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    difference = np.log(np.where(mask, predicted, 1.0)) - np.log(np.where(mask, true, 1.0))
    mean = _mean(difference, mask)
    spread = _mean((difference - mean[:, np.newaxis, np.newaxis]) ** 2, mask)
    return 100.0 * np.sqrt(spread)


def mad_degrees(
    predicted: np.ndarray,
    true: np.ndarray,
    mask: np.ndarray | None = None,
    fov_degrees: float = FOV_DEGREES,
) -> np.ndarray:
    """Mean angle between the normals of two depth maps [unsup3d].

    The mask is first eroded by one pixel, because a normal is made of its pixel's four neighbours.

    Args:
      predicted: `[N, h, w]`, > 0.
      true: `[N, h, w]`, > 0 where the mask is.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.
      fov_degrees: horizontal field of view, degrees.

    Returns:
      `[N]` in [0, 180]; NaN (no truth) where the eroded mask is empty.

    Raises:
      ValueError: unlike shapes, or a depth that is not positive.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    cross = np.zeros((3, 3, 3), bool)
    cross[1, 1, :] = cross[1, :, 1] = True
    mask = binary_erosion(mask, cross, border_value=1)
    angles = np.zeros(true.shape)
    for index in range(len(true)):  # one by one: small arrays stay in the processor's cache
        a, b = (
            np.moveaxis(normals(np.where(depth > 0, depth, 1.0), fov_degrees), -1, 0)
            for depth in (predicted[index], true[index])
        )
        # atan2 keeps small angles exact, where the arc cosine rounds them away.
        sine = np.sqrt(sum(part * part for part in _cross(a, b)))
        angles[index] = np.degrees(np.arctan2(sine, (a * b).sum(0)))
    return _mean(angles, mask)


def depth_error_percent(
    predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Root mean square error of depth in per cent of the true relief (its standard deviation).

    Of depths brought to the truth by `align`, 100 is what a flat map gets and 0 is perfect.

    Args:
      predicted: `[N, h, w]`, > 0.
      true: `[N, h, w]`, > 0 where the mask is.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]`, >= 0; NaN (no truth) where the mask is empty or the truth is flat.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    mean = _mean(true, mask)[:, np.newaxis, np.newaxis]
    relief = np.sqrt(_mean((true - mean) ** 2, mask))
    error = np.sqrt(_mean((predicted - true) ** 2, mask))
    known = relief > 1e-9
    return np.where(known, 100.0 * error / np.where(known, relief, 1.0), np.nan)


def mean_depth(true: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """The average of true depth maps, pixel by pixel, where they are valid.

    Args:
      true: `[N, h, w]`.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[h, w]` float64; pixels that are valid in no map get the mean of all others.

    Raises:
      ValueError: no valid pixel at all.
    """
    _, true, mask = _checked(true, true, mask)
    if not mask.any():
        raise ValueError("no valid true depth to average; the masks are all empty")
    count = mask.sum(0)
    mean = np.where(mask, true, 0.0).sum(0) / np.maximum(count, 1)
    return np.where(count > 0, mean, true[mask].mean())


def evaluate(
    predicted: np.ndarray,
    true: np.ndarray,
    mask: np.ndarray | None = None,
    average: np.ndarray | None = None,
    fov_degrees: float = FOV_DEGREES,
    identity: np.ndarray | None = None,
) -> dict[str, Metric]:
    """SIDE and MAD of depth maps, with those of flat and of average depth beside them.

    Args:
      predicted: `[N, h, w]` depth, > 0.
      true: `[N, h, w]` depth of the same view and size.
      mask: `[N, h, w]` where the truth is valid; by default everywhere.
      average: `[h, w]` from `mean_depth` on the train split, never on the test split's own truth;
        without it the metrics of that line are absent.
      fov_degrees: horizontal field of view, degrees.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals draw people then.

    Returns:
      `side_e2`, `mad_degrees` and `depth_error_percent`, after `align`; `side_unaligned_e2` and
      `mad_unaligned_degrees`, as Unsup3D's table has them; and the three aligned ones of a constant
      and of the mean true depth: `side_constant_e2`, `side_mean_depth_e2` and so on.
    """
    return {
        name: bootstrap(values, unit_of(name), identity=identity)
        for name, values in per_image_errors(predicted, true, mask, average, fov_degrees).items()
    }


def unit_of(name: str) -> str:
    """Unit of a metric of `evaluate`, which its name ends in."""
    return {"e2": "x 1e-2", "degrees": "degrees", "percent": "%"}[name.rsplit("_", 1)[-1]]


def per_image_errors(
    predicted: np.ndarray,
    true: np.ndarray,
    mask: np.ndarray | None = None,
    average: np.ndarray | None = None,
    fov_degrees: float = FOV_DEGREES,
) -> dict[str, np.ndarray]:
    """What `evaluate` takes the means of, `[N]` each, NaN where there is no truth."""
    predicted, true, mask = _checked(predicted, true, mask)
    candidates = {
        "": align(predicted, true, mask),
        "unaligned_": predicted,
        "constant_": align(np.ones_like(true), true, mask),
        "mean_depth_": None,
    }
    if average is not None:
        candidates["mean_depth_"] = align(np.broadcast_to(average, true.shape), true, mask)
    unknown = np.full(len(true), np.nan)
    errors = {}
    for name, depth in candidates.items():
        absent = depth is None
        errors[f"side_{name}e2"] = unknown if absent else side_e2(depth, true, mask)
        errors[f"mad_{name}degrees"] = (
            unknown if absent else mad_degrees(depth, true, mask, fov_degrees)
        )
        if name != "unaligned_":
            errors[f"depth_error_{name}percent"] = (
                unknown if absent else depth_error_percent(depth, true, mask)
            )
    return errors


def _cross(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The cross product of three coordinates with three; several times faster than np.cross."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _checked(predicted, true, mask):
    if predicted.shape != true.shape or true.ndim != 3:
        raise ValueError(
            f"depth maps must both be [N, h, w], got {predicted.shape} and {true.shape}"
        )
    if mask is None:
        mask = np.ones(true.shape, bool)
    elif mask.shape != true.shape:
        raise ValueError(f"mask must be {true.shape}, got {mask.shape}")
    else:
        mask = mask > 0.5
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    for name, depth in (("predicted", predicted), ("true", true)):
        if not (depth[mask] > 0).all():
            raise ValueError(f"{name} depth must be > 0 wherever it counts; mask out the rest")
    return predicted, true, mask


def _mean(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    count = mask.sum((1, 2))
    total = np.where(mask, maps, 0.0).sum((1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
