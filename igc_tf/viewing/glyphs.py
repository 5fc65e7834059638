"""Small drawings of a light and of a pose, for the panels."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from igc_tf.viewing.canvas import FAINT, INK
from igc_tf.viewing.colors import BRIGHTEST_SHADING, PALETTE

_FINE = 4


def light_ball(light: np.ndarray, size: int) -> np.ndarray:
    """A white ball under the light, as bright as `colors.shading_gray` shows it.

    Args:
      light: `[5]` (ambient, diffuse, dx, dy, dz).
      size: side of the picture.

    Returns:
      `[size, size, 3]` uint8.
    """
    ambient, diffuse, direction = light[0], light[1], light[2:]
    axis = (np.arange(size * _FINE) + 0.5) / (size * _FINE) * 2.0 - 1.0
    x, y = np.meshgrid(axis / 0.9, -axis / 0.9)
    inside = x**2 + y**2 <= 1.0
    z = np.sqrt(np.maximum(1.0 - x**2 - y**2, 0.0))
    cosine = np.maximum(x * direction[0] + y * direction[1] + z * direction[2], 0.0)
    shading = np.clip((ambient + diffuse * cosine) / BRIGHTEST_SHADING, 0.0, 1.0)
    ball = np.rint(np.where(inside, shading, 1.0) * 255.0).astype(np.uint8)
    picture = Image.fromarray(ball).resize((size, size), Image.Resampling.BOX)
    return np.repeat(np.asarray(picture)[..., np.newaxis], 3, axis=-1)


def rotation_matrix(rotation_degrees: np.ndarray) -> np.ndarray:
    """`[3, 3]` float64 Rz(roll) Ry(yaw) Rx(pitch), the package's convention."""
    (cx, cy, cz), (sx, sy, sz) = (f(np.radians(rotation_degrees)) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def pose_plate(rotation_degrees: np.ndarray, size: int) -> np.ndarray:
    """A face-shaped plate in the pose, with a line that leaves it where the nose points.

    Args:
      rotation_degrees: `[3]` (pitch, yaw, roll).
      size: side of the picture.

    Returns:
      `[size, size, 3]` uint8.
    """
    turn = rotation_matrix(rotation_degrees)
    fine = size * _FINE

    def to_page(points: np.ndarray) -> list[tuple[float, float]]:
        turned = points @ turn.T
        return [((0.5 + 0.42 * x) * fine, (0.5 - 0.42 * y) * fine) for x, y, _ in turned]

    angle = np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)
    plate = np.stack([0.68 * np.cos(angle), 0.9 * np.sin(angle), 0.0 * angle], axis=-1)
    cross = np.array([[-0.68, 0.15, 0], [0.68, 0.15, 0], [0, -0.9, 0], [0, 0.9, 0]])
    picture = Image.new("RGB", (fine, fine), "white")
    draw = ImageDraw.Draw(picture)
    outline = to_page(plate)
    draw.polygon(outline, fill=(236, 236, 236))
    draw.line(outline + outline[:1], fill=INK, width=2 * _FINE, joint="curve")
    left, right, bottom, top = to_page(cross)
    draw.line((left, right), fill=FAINT, width=_FINE)
    draw.line((bottom, top), fill=FAINT, width=_FINE)
    root, tip = to_page(np.array([[0, 0, 0], [0, 0, 0.9]]))
    color = tuple(int(c) for c in PALETTE[7])
    draw.line((root, tip), fill=color, width=3 * _FINE)
    radius = 4 * _FINE
    draw.ellipse((tip[0] - radius, tip[1] - radius, tip[0] + radius, tip[1] + radius), fill=color)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
