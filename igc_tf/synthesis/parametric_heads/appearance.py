"""Colors of the points of a head, out of MakeHuman's textures. No light, no pose is in them."""

from __future__ import annotations

import functools

import numpy as np

from igc_tf.synthesis.parametric_heads.material import Material
from igc_tf.synthesis.parametric_heads.population import Person
from igc_tf.synthesis.parametric_heads.regions import (
    EYEBALL,
    HAIR,
    SKIN,
    TEETH,
    TONGUE,
    beard_cover,
)

BRIGHTEST = 0.93  #: as the synthetic faces': lit, nothing is clipped at white

#: Texture alpha from which a strand of hair hides what lies behind it.
_OPAQUE = 0.45
_IRIS_GRAY = 0.35  # the irises' paint is gaudy
_TEETH, _TONGUE = np.array([0.80, 0.76, 0.70], np.float32), np.array([0.55, 0.22, 0.21], np.float32)


def sample_texture(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear values [N, C] float32 in [0, 1] of a uint8 texture [H, W, C] at uv [N, 2].

    uv (0, 0) is the upper left corner of the texture, (1, 1) the lower right; beyond it repeats.
    """
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    columns, rows = (left % width, (left + 1) % width), (top % height, (top + 1) % height)
    flat = texture.reshape(height * width, -1)

    def along(row: np.ndarray) -> np.ndarray:
        a, b = (flat[row * width + column].astype(np.float32) for column in columns)
        return a + right_share * (b - a)

    upper, lower = along(rows[0]), along(rows[1])
    return ((upper + low_share * (lower - upper)) / 255.0).astype(np.float32)


def is_opaque(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """[N] bool: whether hair is there at uv [N, 2]."""
    return sample_texture(texture[..., 3:], uv)[:, 0] > _OPAQUE


def skin_texture(material: Material, person: Person) -> np.ndarray:
    """The mix [H, W, 3] uint8 of a person's skins."""
    mixed = sum(
        np.float32(weight) * material.textures[name].astype(np.float32)
        for name, weight in person.skins.items()
    )
    return np.clip(np.round(mixed * person.skin_gain.astype(np.float32)), 0, 255).astype(np.uint8)


def albedo(
    material: Material,
    person: Person,
    surface: np.ndarray,
    uv: np.ndarray,
    places: np.ndarray,
) -> np.ndarray:
    """Unlit colors [N, 3] float32 of points on the surfaces [N] at texture coordinates uv [N, 2].

    Args:
      material: the textures.
      person: whose.
      surface: see `regions`.
      uv: of each surface's own texture.
      places: [N, 3] on the base mesh.
    """
    color = np.empty((len(surface), 3), np.float32)
    color[surface == TEETH] = _TEETH
    color[surface == TONGUE] = _TONGUE
    on_skin, ball = surface == SKIN, surface == EYEBALL
    skin = sample_texture(skin_texture(material, person), uv[on_skin])
    if person.beard > 0.0:
        cover = person.beard * beard_cover(places[on_skin])
        skin += cover[:, None] * (person.brow_color.astype(np.float32) - skin)
    color[on_skin] = skin
    iris = sample_texture(material.textures[person.iris][..., :3], uv[ball])
    color[ball] = iris + _IRIS_GRAY * (iris.mean(axis=1, keepdims=True) - iris)
    hair = surface == HAIR
    if hair.any():
        texture = material.textures[person.hair]
        strands = sample_texture(texture[..., :3], uv[hair]).mean(axis=1)
        light = np.clip(strands / _mean_brightness(material, person.hair), 0.0, 1.7)
        color[hair] = person.hair_color.astype(np.float32) * (0.5 + 0.5 * light)[:, None]
    return np.clip(color, 0.0, BRIGHTEST)


def paint_decal(
    color: np.ndarray, texture: np.ndarray, uv: np.ndarray, tint: np.ndarray
) -> np.ndarray:
    """Colors [N, 3] under a brow or lash of the texture at uv [N, 2] and of the color tint."""
    opacity = sample_texture(texture[..., 3:], uv)
    return color + opacity * (tint.astype(np.float32) - color)


@functools.lru_cache(maxsize=32)
def _mean_brightness(material: Material, name: str) -> float:
    texture = material.textures[name]
    there = texture[..., 3] > 255 * _OPAQUE
    return max(float(texture[there][:, :3].mean()) / 255.0, 1e-3)
