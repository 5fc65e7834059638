"""How close the rendered picture comes to the photo: L1, PSNR, SSIM."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

#: Squared error under which PSNR no longer rises: 100 dB, far below an 8-bit step.
SMALLEST_SQUARED_ERROR = 1e-10

_SIGMA, _RADIUS = 1.5, 5  # Wang et al. 2004: an 11 x 11 window
_C1, _C2 = 0.01**2, 0.03**2


def l1(
    images: np.ndarray, reconstructions: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Mean absolute difference over the pixels and colors of each image.

    Args:
      images: `[N, H, W, 3]` in [0, 1].
      reconstructions: the same.
      mask: `[N, H, W]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]`; NaN (no ground truth) where the mask is empty.
    """
    images, reconstructions, mask = _checked(images, reconstructions, mask)
    return _masked_mean(np.abs(images - reconstructions).mean(-1), mask)


def psnr_db(
    images: np.ndarray, reconstructions: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Peak signal to noise ratio of each image, dB, peak 1; 100 dB when equal [choice].

    Args:
      images: `[N, H, W, 3]` in [0, 1].
      reconstructions: the same.
      mask: `[N, H, W]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]`; NaN (no ground truth) where the mask is empty.
    """
    images, reconstructions, mask = _checked(images, reconstructions, mask)
    squared = _masked_mean(((images - reconstructions) ** 2).mean(-1), mask)
    return -10.0 * np.log10(np.maximum(squared, SMALLEST_SQUARED_ERROR))


def ssim(
    images: np.ndarray, reconstructions: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Structural similarity of each image (Wang et al. 2004): 11 x 11 Gaussian window, sigma 1.5.

    Means over the colors and over the pixels whose whole window lies in the picture. With a mask,
    the reconstruction takes the photo's pixels outside it, and the mean is over the pixels in it
    [choice].

    Args:
      images: `[N, H, W, 3]` in [0, 1], at least 11 x 11 pixels.
      reconstructions: the same.
      mask: `[N, H, W]`; pixels where it is > 0.5 count. By default all do.

    Returns:
      `[N]` up to 1; NaN (no ground truth) where the mask is empty.

    Raises:
      ValueError: unlike shapes, or pictures smaller than the window.
    """
    images, reconstructions, mask = _checked(images, reconstructions, mask)
    window = 2 * _RADIUS + 1
    if min(images.shape[1:3]) < window:
        raise ValueError(f"SSIM needs {window} x {window} pixels or more, got {images.shape[1:3]}")
    # One image at a time: the six smoothed copies of a whole set would not fit in memory.
    maps = [
        _ssim_map(image, np.where(inside[..., np.newaxis], reconstruction, image))
        for image, reconstruction, inside in zip(images, reconstructions, mask, strict=True)
    ]
    valid = slice(_RADIUS, -_RADIUS)
    stacked = np.stack(maps) if maps else np.zeros(mask.shape)
    return _masked_mean(stacked[:, valid, valid], mask[:, valid, valid])


def _ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`[H, W]`, the mean over the colors of two pictures `[H, W, 3]`."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    smooth = np.concatenate([a, b, a * a, b * b, a * b], axis=-1)
    for axis in (0, 1):
        smooth = gaussian_filter1d(smooth, _SIGMA, axis=axis, radius=_RADIUS)
    mean_a, mean_b, square_a, square_b, product = np.split(smooth, 5, axis=-1)
    variance = (square_a - mean_a**2) + (square_b - mean_b**2)
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return (luminance * (2 * covariance + _C2) / (variance + _C2)).mean(-1)


def _masked_mean(maps: np.ndarray, mask: np.ndarray) -> np.ndarray:
    count = mask.sum((1, 2))
    total = np.where(mask, maps, 0.0).sum((1, 2), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _checked(
    images: np.ndarray, reconstructions: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if images.shape != reconstructions.shape or images.ndim != 4:
        raise ValueError(
            f"pictures must both be [N, H, W, 3], got {images.shape} and {reconstructions.shape}"
        )
    if np.issubdtype(images.dtype, np.integer) or np.issubdtype(reconstructions.dtype, np.integer):
        raise ValueError("pictures must be floats in [0, 1]; divide uint8 ones by 255")
    if mask is None:
        return images, reconstructions, np.ones(images.shape[:3], bool)
    if mask.shape != images.shape[:3]:
        raise ValueError(f"mask must be {images.shape[:3]}, got {mask.shape}")
    return images, reconstructions, mask > 0.5
