"""How true the shape is: SIDE and MAD (Unsup3D), and the error of depth over the true relief.

Two views, two questions:

* **The photo's own view** (`view_errors`) is Unsup3D's protocol: depth as it is posed and rendered, no
  fit of scale. Pose counts, and heads turn, so a mean head that does not is easily beaten. Its table
  on BFM (SIDE x 10^-2 / MAD in degrees): supervised 0.410 / 10.78, constant depth 2.723 / 43.34,
  average true depth 1.990 / 23.26, Unsup3D 0.793 / 16.51.
* **The canonical view** (`canonical_errors`) asks for the shape alone. Depth of one photo is known
  only up to what its model calls zero and one, so the errors are given both as they are and after
  each depth map has been brought to the ground truth by the best scale and shift. The scale may not be
  negative: a hollow face is not turned into a good one, it is flattened. All heads look ahead here,
  so the mean true depth is hard to beat. No published figure is of this kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_erosion, zoom

#: Horizontal field of view, degrees [unsup3d], of whatever does not tell its own.
FOV_DEGREES = 10.0
#: Side of the maps that `view_errors` compares, px [unsup3d].
VIEW_SIZE = 64


def unproject(depth: np.ndarray, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """Lifts depth maps to points of the camera frame.

    Args:
      depth: `[..., h, w]`, units of the camera's distance.
      fov_degrees: horizontal field of view, degrees.

    Returns:
      `[..., h, w, 3]` float64: x to the right, y up, z = -depth, through the pixel centers.
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
      `[N]`, >= 0; NaN (no ground truth) where the mask is empty.

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
    true_fov_degrees: float | None = None,
) -> np.ndarray:
    """Mean angle between the normals of two depth maps [unsup3d].

    The mask is first eroded by one pixel, because a normal is made of its pixel's four neighbors.

    Args:
      predicted: `[N, h, w]`, > 0.
      true: `[N, h, w]`, > 0 where the mask is.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.
      fov_degrees: horizontal field of view of the predicted depth, degrees.
      true_fov_degrees: of the true one; by default the same.

    Returns:
      `[N]` in [0, 180]; NaN (no ground truth) where the eroded mask is empty.

    Raises:
      ValueError: unlike shapes, or a depth that is not positive.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    cross = np.zeros((3, 3, 3), bool)
    cross[1, 1, :] = cross[1, :, 1] = True
    mask = binary_erosion(mask, cross, border_value=1)
    true_fov_degrees = fov_degrees if true_fov_degrees is None else true_fov_degrees
    return _mean_angle(
        (normals(depth, fov_degrees) for depth in np.where(predicted > 0, predicted, 1.0)),
        (normals(depth, true_fov_degrees) for depth in np.where(true > 0, true, 1.0)),
        mask,
    )


def depth_error_percent(
    predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Root mean square error of depth in per cent of the true relief (its standard deviation).

    Of depths brought to the ground truth by `align`, 100 is what a flat map gets and 0 is perfect.

    Args:
      predicted: `[N, h, w]`, > 0.
      true: `[N, h, w]`, > 0 where the mask is.
      mask: `[N, h, w]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]`, >= 0; NaN (no ground truth) where the mask is empty or the ground truth is flat.
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


def unit_of(name: str) -> str:
    """Unit of a metric of this module, which its name ends in."""
    return {"e2": "x 1e-2", "degrees": "degrees", "percent": "%"}[name.rsplit("_", 1)[-1]]


def canonical_errors(
    predicted: np.ndarray,
    true: np.ndarray,
    mask: np.ndarray | None = None,
    average: np.ndarray | None = None,
    fov_degrees: float = FOV_DEGREES,
    true_fov_degrees: float | None = None,
) -> dict[str, np.ndarray]:
    """Errors of depth maps in the canonical view, with those of flat and of average depth.

    Args:
      predicted: `[N, h, w]` depth, > 0.
      true: `[N, h, w]` depth of the same view and size.
      mask: `[N, h, w]` where the ground truth is valid; by default everywhere.
      average: `[h, w]` from `mean_depth` on the train split, never on the test split's own ground truth;
        without it the metrics of that line have no ground truth.
      fov_degrees: horizontal field of view of the predicted depth, degrees.
      true_fov_degrees: of the true depth, and so of what is aligned to it; by default the same.

    Returns:
      `[N]` each, NaN where there is no ground truth: `side_canonical_e2`, `mad_canonical_degrees` and
      `depth_error_canonical_percent`, after `align`; `side_canonical_unaligned_e2` and
      `mad_canonical_unaligned_degrees`, without; and the three aligned ones of a constant and of the
      mean true depth: `side_canonical_constant_e2`, `side_canonical_mean_depth_e2` and so on.
    """
    predicted, true, mask = _checked(predicted, true, mask)
    true_fov_degrees = fov_degrees if true_fov_degrees is None else true_fov_degrees
    candidates: dict[str, np.ndarray | None] = {
        "": align(predicted, true, mask),
        "unaligned_": predicted,
        "constant_": align(np.ones_like(true), true, mask),
        "mean_depth_": None,
    }
    if average is not None:
        candidates["mean_depth_"] = align(np.broadcast_to(average, true.shape), true, mask)
    unknown = np.full(len(true), np.nan)
    errors = {}
    for line, depth in candidates.items():
        fov = fov_degrees if line == "unaligned_" else true_fov_degrees
        errors[f"side_canonical_{line}e2"] = (
            unknown if depth is None else side_e2(depth, true, mask)
        )
        errors[f"mad_canonical_{line}degrees"] = (
            unknown if depth is None else mad_degrees(depth, true, mask, fov, true_fov_degrees)
        )
        if line != "unaligned_":
            errors[f"depth_error_canonical_{line}percent"] = (
                unknown if depth is None else depth_error_percent(depth, true, mask)
            )
    return errors


class View(NamedTuple):
    """Depth of N pictures in the photo's own view: the canonical depth, posed and rendered."""

    depth: np.ndarray  #: [N, h, w], > 0 where it is known
    mask: np.ndarray | None = None  #: [N, h, w], > 0.5 where it is known; None: everywhere
    normals: np.ndarray | None = None  #: [N, h, w, 3], unit; None: those of the depth
    fov_degrees: float = FOV_DEGREES  #: horizontal field of view


def view_errors(
    predicted: View, true: View, average: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """SIDE and MAD in the photo's own view, as Unsup3D measures them [unsup3d].

    All maps are brought to 64 x 64 px, bilinear, at the pixels' centers; a pixel counts where all
    that it is made of does. Either mask is then eroded by one pixel, diagonals too, and at the
    picture's border. Where both are left, an image's SIDE is the root mean square of the difference
    of the logarithms less its mean, and its MAD the mean angle between the normals. Nothing is
    fitted. The lines of a constant and of the mean depth cover every pixel.

    Args:
      predicted: of N pictures.
      true: of the same; maps of another size are allowed.
      average: `[h, w]` from `mean_depth` of the train split's depths in this view; without it the
        metrics of that line have no ground truth.

    Returns:
      `[N]` each, NaN where no pixel counts: `side_view_e2` and `mad_view_degrees`; and the same of
      the lines, `side_view_constant_e2`, `side_view_mean_depth_e2` and so on.

    Raises:
      ValueError: unlike shapes, or a depth that is not positive where it is known.
    """
    ground_truth, true_mask = _at_view_size(true)
    constant = View(np.ones_like(ground_truth.depth), fov_degrees=true.fov_degrees)
    views: dict[str, View | None] = {"": predicted, "constant_": constant, "mean_depth_": None}
    if average is not None:
        same = np.broadcast_to(average, (len(true.depth), *average.shape))
        views["mean_depth_"] = constant._replace(depth=same)
    errors = {}
    for line, view in views.items():
        side = mad = np.full(len(true.depth), np.nan)
        if view is not None:
            found, mask = _at_view_size(view)
            mask &= true_mask
            side = side_e2(found.depth, ground_truth.depth, mask)
            mad = _mean_angle(_normals_of(found), _normals_of(ground_truth), mask)
        errors[f"side_view_{line}e2"], errors[f"mad_view_{line}degrees"] = side, mad
    return errors


def _at_view_size(view: View) -> tuple[View, np.ndarray]:
    """Maps of `VIEW_SIZE` px, depth 1 where it is unknown; and the mask `[N, 64, 64]` bool, eroded."""
    if view.depth.ndim != 3:
        raise ValueError(f"depth in the photo's view must be [N, h, w], got {view.depth.shape}")
    mask = _known(view.depth, view.mask, "depth in the photo's view")
    depth = _resized(np.where(mask, view.depth, 1.0).astype(np.float64))
    mask = _resized(mask.astype(np.float64)) > 1.0 - 1e-6
    found = view.normals
    if found is not None:
        planes = [_resized(plane) for plane in np.moveaxis(found.astype(np.float64), -1, 0)]
        found = np.stack(planes, axis=-1)
        found /= np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
    eroded = binary_erosion(mask, np.ones((1, 3, 3), bool))
    return View(depth, None, found, view.fov_degrees), eroded


def _resized(maps: np.ndarray) -> np.ndarray:
    """`[N, h, w]` float64 as `[N, 64, 64]`."""
    factors = (1, *(VIEW_SIZE / side for side in maps.shape[1:]))
    if factors == (1, 1, 1):
        return maps
    return zoom(maps, factors, order=1, mode="nearest", grid_mode=True)


def _normals_of(view: View) -> Iterable[np.ndarray]:
    if view.normals is not None:
        return view.normals
    return (normals(depth, view.fov_degrees) for depth in view.depth)


def _mean_angle(
    predicted: Iterable[np.ndarray], true: Iterable[np.ndarray], mask: np.ndarray
) -> np.ndarray:
    """Degrees `[N]` between N pictures' normals `[h, w, 3]`, over their masks `[N, h, w]`."""
    angles = np.zeros(mask.shape)
    pairs = zip(predicted, true, strict=True)
    for index, pair in enumerate(pairs):  # one by one: small arrays stay in the processor's cache
        a, b = (np.moveaxis(vectors, -1, 0) for vectors in pair)
        # atan2 keeps small angles exact, where the arc cosine rounds them away.
        sine = np.sqrt(sum(part * part for part in _cross(a, b)))
        angles[index] = np.degrees(np.arctan2(sine, (a * b).sum(0)))
    return _mean(angles, mask)


def _cross(
    a: Sequence[np.ndarray] | np.ndarray, b: Sequence[np.ndarray] | np.ndarray
) -> list[np.ndarray]:
    """The cross product of three coordinates with three; several times faster than np.cross."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _checked(
    predicted: np.ndarray, true: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if predicted.shape != true.shape or true.ndim != 3:
        raise ValueError(
            f"depth maps must both be [N, h, w], got {predicted.shape} and {true.shape}"
        )
    for name, depth in (("predicted", predicted), ("true", true)):
        known = _known(depth, mask, f"{name} depth")
    return predicted.astype(np.float64), true.astype(np.float64), known


def _known(depth: np.ndarray, mask: np.ndarray | None, name: str) -> np.ndarray:
    """Where the mask is > 0.5, bool; depth must be positive there."""
    if mask is not None and mask.shape != depth.shape:
        raise ValueError(f"mask must be {depth.shape}, got {mask.shape}")
    known = np.ones(depth.shape, bool) if mask is None else mask > 0.5
    if not (depth[known] > 0).all():
        raise ValueError(f"{name} must be > 0 wherever it counts; mask out the rest")
    return known


def _mean(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    count = mask.sum((1, 2))
    total = np.where(mask, maps, 0.0).sum((1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
