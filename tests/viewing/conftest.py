"""A made-up result: an ellipsoid of a face with eyes, nose and mouth, taken apart by hand."""

from __future__ import annotations

import numpy as np
import pytest

from igc_tf.metrics.geometry import normals as normals_of
from igc_tf.viewing.result import PhotoResult

#: Background, hair and forehead, eyes, nose, mouth, cheeks.
PARTS = 6


def make_face(size: int = 64, yaw_degrees: float = 18.0) -> PhotoResult:
    """A plausible result; the photo's view is the canonical one moved a little to the right."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)  # y grows downwards
    round_face = 1 - (x / 0.72) ** 2 - (y / 0.92) ** 2
    dome = np.sqrt(np.maximum(round_face, 0.0))
    nose = np.exp(-((x / 0.11) ** 2) - ((y - 0.12) / 0.24) ** 2)
    sockets = sum(np.exp(-(((x - s) / 0.15) ** 2) - ((y + 0.18) / 0.1) ** 2) for s in (-0.3, 0.3))
    depth = 1.06 - 0.1 * dome - 0.035 * nose + 0.012 * sockets

    labels = np.where(round_face > 0, 5, 0)
    labels[(round_face > 0) & (y < -0.38 + 0.1 * x**2)] = 1
    labels[(np.abs(np.abs(x) - 0.3) < 0.17) & (np.abs(y + 0.18) < 0.1)] = 2
    labels[(np.abs(x) < 0.13 + 0.06 * (y + 0.1)) & (y > -0.1) & (y < 0.3)] = 3
    labels[(x / 0.3) ** 2 + ((y - 0.52) / 0.11) ** 2 < 1] = 4

    skin, hair = np.array([0.86, 0.66, 0.55]), np.array([0.27, 0.18, 0.13])
    wall = np.stack([0.50 + 0.1 * x, 0.60 - 0.05 * y, 0.68 + 0.1 * y], -1)
    plain = [wall, hair + 0 * wall, skin * 0.97 + 0 * wall, skin + 0 * wall, skin + 0 * wall]
    plain.append(skin * [1.0, 0.97, 0.96] + 0 * wall)
    plain[1] = np.where((y > -0.62)[..., None], skin, plain[1])
    iris = ((np.abs(np.abs(x) - 0.3) / 0.055) ** 2 + ((y + 0.18) / 0.055) ** 2 < 1)[..., None]
    white = ((np.abs(np.abs(x) - 0.3) / 0.12) ** 2 + ((y + 0.18) / 0.06) ** 2 < 1)[..., None]
    plain[2] = np.where(iris, [0.2, 0.3, 0.35], np.where(white, 0.93, plain[2]))
    plain[4] = np.where((np.abs(y - 0.52) < 0.02)[..., None], 0.35, plain[4] * [0.9, 0.55, 0.55])
    part_albedo = np.stack(plain)
    visibility = (labels == np.arange(PARTS)[:, None, None]).astype(np.float32)
    part_depth = np.where(visibility > 0, depth, np.minimum(depth + 0.03, 1.1))
    albedo = np.einsum("mhw,mhwc->hwc", visibility, part_albedo)

    normals = normals_of(depth)
    light = np.array([0.45, 0.65, 0.55, 0.4, 1.0])
    light[2:] /= np.linalg.norm(light[2:])
    shading = light[0] + light[1] * np.maximum(normals @ light[2:], 0)
    canonical_image = np.clip(albedo * shading[..., None], 0, 1)

    shift = size // 16
    mask = np.zeros((size, size))
    mask[:, shift:] = 1
    move = [np.roll(array, shift, axis=1) for array in (canonical_image, labels)]
    noise = np.random.default_rng(0).normal(0, 0.015, canonical_image.shape)
    return PhotoResult(
        image=np.clip(move[0] + noise, 0, 1),
        reconstruction=move[0] * mask[..., None],
        mask=mask,
        segmentation=move[1],
        part_visibility=np.roll(visibility, shift, axis=2),
        part_depth=part_depth,
        part_albedo=part_albedo,
        canonical_visibility=visibility,
        depth=depth,
        albedo=albedo,
        normals=normals,
        shading=shading,
        canonical_image=canonical_image,
        rotation_degrees=np.array([-6.0, yaw_degrees, 3.0]),
        translation=np.array([0.011, -0.004, 0.0]),
        light=light,
        alpha=np.roll(1.0 - visibility[0], shift, axis=1) * mask,
    )


@pytest.fixture(scope="session")
def face() -> PhotoResult:
    """The made-up face at 64 x 64 pixels."""
    return make_face()
