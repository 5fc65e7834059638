"""Arrays to colors, always in the same way, so that pictures can be compared side by side."""

from __future__ import annotations

import numpy as np

#: Color of each part, uint8 RGB: the background a neutral gray, then the palette of Okabe and Ito,
#: which color-blind people can tell apart, then four darker hues for those who want many parts.
PALETTE = np.array(
    [
        (205, 205, 205),  # light gray: background; a darker one is purple to the color-blind
        (230, 159, 0),  # orange
        (86, 180, 233),  # sky blue
        (0, 158, 115),  # bluish green
        (204, 121, 167),  # reddish purple
        (0, 114, 178),  # blue
        (240, 228, 66),  # yellow
        (213, 94, 0),  # vermillion
        (51, 34, 136),  # indigo
        (136, 34, 85),  # wine
        (153, 153, 51),  # olive
        (17, 119, 51),  # dark green
    ],
    np.uint8,
)

#: Depths shown, nearest and farthest [unsup3d]; what lies beyond is clipped.
DEPTH_RANGE = (0.9, 1.1)

#: Shading shown as white; the model's own limit is 2, but a face is rarely brighter than this.
BRIGHTEST_SHADING = 1.5

# From far to near: each color is lighter than the one before, so it also reads in gray.
_DEPTH_STOPS = np.array(
    [(18, 14, 51), (68, 25, 108), (140, 41, 106), (211, 77, 76), (246, 152, 60), (253, 246, 190)],
    np.float64,
)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Floats in [0, 1], clipped and rounded to uint8; uint8 is passed through."""
    if image.dtype == np.uint8:
        return image
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def part_colors(parts: int) -> np.ndarray:
    """The first `parts` colors, `[parts, 3]` uint8.

    Raises:
      ValueError: more parts than colors.
    """
    if parts > len(PALETTE):
        raise ValueError(f"{parts} parts, but only {len(PALETTE)} part colors; add to PALETTE")
    return PALETTE[:parts]


def color_parts(labels: np.ndarray) -> np.ndarray:
    """Part labels to their colors.

    Args:
      labels: `[H, W]` integers.

    Returns:
      `[H, W, 3]` uint8.

    Raises:
      ValueError: a label without a color.
    """
    if labels.size and labels.min() < 0:
        raise ValueError(f"part labels must be >= 0, found {labels.min()}")
    return part_colors(int(labels.max(initial=0)) + 1)[labels]


def part_name(part: int) -> str:
    """What a part is called that nobody has named."""
    return f"part {part}" if part else "background"


def overlay(image: np.ndarray, labels: np.ndarray, opacity: float = 0.45) -> np.ndarray:
    """The photo tinted by its parts, with a line of full color along the parts' borders.

    Args:
      image: `[H, W, 3]` float in [0, 1] or uint8.
      labels: `[H, W]` integers.
      opacity: share of the part's color, in [0, 1].

    Returns:
      `[H, W, 3]` uint8.

    Raises:
      ValueError: unlike sizes.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(f"image {image.shape[:2]} and labels {labels.shape} differ in size")
    colors = color_parts(labels)
    tinted = (1.0 - opacity) * to_uint8(image) + opacity * colors
    padded = np.pad(labels, ((0, 1), (0, 1)), mode="edge")
    border = (labels != padded[1:, :-1]) | (labels != padded[:-1, 1:])
    return np.where(border[..., np.newaxis], colors, np.rint(tinted)).astype(np.uint8)


def nearness(depth: np.ndarray) -> np.ndarray:
    """Depth to brightness in [0, 1]: 1 at the nearest depth shown, 0 at the farthest."""
    near, far = DEPTH_RANGE
    return np.clip((far - depth.astype(np.float64)) / (far - near), 0.0, 1.0)


def depth_gray(depth: np.ndarray) -> np.ndarray:
    """Depth `[H, W]` to gray `[H, W, 3]` uint8, near bright, range 0.9 to 1.1."""
    return np.repeat(to_uint8(nearness(depth))[..., np.newaxis], 3, axis=-1)


def depth_colors(depth: np.ndarray) -> np.ndarray:
    """Depth `[H, W]` to colors `[H, W, 3]` uint8, near bright, range 0.9 to 1.1."""
    stops = np.linspace(0.0, 1.0, len(_DEPTH_STOPS))
    value = nearness(depth)
    channels = [np.interp(value, stops, _DEPTH_STOPS[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def normal_colors(normals: np.ndarray) -> np.ndarray:
    """Unit normals `[H, W, 3]` to RGB = (n + 1) / 2, uint8: facing the viewer is light blue."""
    return to_uint8((normals + 1.0) / 2.0)


def shading_gray(shading: np.ndarray) -> np.ndarray:
    """Shading `[H, W]` to gray `[H, W, 3]` uint8; white from 1.5 up."""
    return np.repeat(to_uint8(shading / BRIGHTEST_SHADING)[..., np.newaxis], 3, axis=-1)
