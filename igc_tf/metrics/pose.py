"""Agreement of the predicted pose with the true one, angle by angle.

An unsupervised model has its own zero and scale of each angle, so one affine fit over the whole set
is granted before errors are counted. The fit may have a negative slope: a hollow face turns the
other way and can have a small error. The correlation keeps the sign; read the two together.
"""

from __future__ import annotations

import functools

import numpy as np

from igc_tf.metrics.metric import Metric, bootstrap_weighted

#: The order of the package's rotations.
ANGLES = ("pitch", "yaw", "roll")


def correlation(predicted: np.ndarray, true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation, signed.

    Args:
      predicted: `[n]`.
      true: `[n]`.
      weights: `[S, n]` counts.

    Returns:
      `[S]` in [-1, 1]; 0 where the prediction is constant (it knows nothing) [choice]; NaN where
      the ground truth is.
    """
    variance_x, variance_y, covariance = _moments(predicted, true, weights)
    scale = np.sqrt(variance_x) * np.sqrt(variance_y)
    value = np.where(scale > 0, covariance / np.where(scale > 0, scale, 1.0), 0.0)
    return np.where(variance_y > 0, np.clip(value, -1.0, 1.0), np.nan)


def mae_after_fit(predicted: np.ndarray, true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error after the least-squares fit true = slope * predicted + offset.

    Args:
      predicted: `[n]`.
      true: `[n]`.
      weights: `[S, n]` counts; the fit is made anew for each row.

    Returns:
      `[S]`, unit of `true`. A constant prediction is fitted by the mean of the ground truth.
    """
    variance, _, covariance = _moments(predicted, true, weights)
    total = weights.sum(-1)
    slope = np.where(variance > 0, covariance / np.where(variance > 0, variance, 1.0), 0.0)
    offset = weights @ true / total - slope * (weights @ predicted / total)
    errors = np.abs(slope[:, np.newaxis] * predicted + offset[:, np.newaxis] - true)
    return (weights * errors).sum(-1) / total


def evaluate(
    predicted: np.ndarray, true: np.ndarray, identity: np.ndarray | None = None
) -> dict[str, Metric]:
    """Correlation and error of pitch, yaw and roll.

    Args:
      predicted: `[N, 3]` (pitch, yaw, roll), degrees.
      true: `[N, 3]`, degrees; NaN where an angle is not known.
      identity: `[N]` who is in each image, below 0 where unknown; the intervals resample people then.

    Returns:
      For each angle `<angle>_correlation`, `<angle>_mae_degrees` and beside it
      `<angle>_mae_constant_degrees`, the error of a constant guess. An angle whose ground truth is not
      known is absent; the correlation is absent too where the ground truth never varies.

    Raises:
      ValueError: wrong shapes, or a predicted angle that is not finite.
    """
    if predicted.shape != true.shape or true.ndim != 2 or true.shape[1] != 3:
        raise ValueError(f"angles must both be [N, 3], got {predicted.shape} and {true.shape}")
    if not np.isfinite(predicted).all():
        raise ValueError("predicted angles must be finite; the model has diverged")
    metrics = {}
    for index, angle in enumerate(ANGLES):
        known = ~np.isnan(true[:, index])
        # Centered on the set: the moments are then exact for small variations of large angles.
        x, y = (_centered(array[known, index]) for array in (predicted, true))
        people = None if identity is None else identity[known]
        for name, statistic, guess, unit in (
            ("correlation", correlation, x, ""),
            ("mae_degrees", mae_after_fit, x, "degrees"),
            ("mae_constant_degrees", mae_after_fit, np.zeros_like(x), "degrees"),
        ):
            metrics[f"{angle}_{name}"] = bootstrap_weighted(
                functools.partial(statistic, guess, y),
                len(y),
                unit,
                identity=people,
            )
    return metrics


def _centered(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    return values - values.mean() if len(values) else values


def _moments(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted variances of x and y and their covariance, `[S]` each, 0 when only rounding."""
    total = weights.sum(-1)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    square_x, square_y = weights @ (x * x) / total, weights @ (y * y) / total
    variance_x, variance_y = square_x - mean_x**2, square_y - mean_y**2
    variance_x = np.where(variance_x > 1e-12 * square_x, variance_x, 0.0)
    variance_y = np.where(variance_y > 1e-12 * square_y, variance_y, 0.0)
    return variance_x, variance_y, weights @ (x * y) / total - mean_x * mean_y
