"""What lies where on the base mesh: the six parts, and where a beard grows.

Regions are defined by places on the base mesh, so they stay on the same spot of the skin whoever the
person is and whatever the face does. The labels and their order are the synthetic faces'.
"""

from __future__ import annotations

import numpy as np

from igc_tf.synthesis.synthetic_faces.anatomy import (
    CHEEKS,
    EYES,
    FOREHEAD,
    MOUTH,
    NOSE,
    smoothstep,
)

SKIN, EYEBALL, TEETH, TONGUE, HAIR = range(5)  #: which surface a triangle belongs to

# The lining of the mouth in the skin's texture, (u, v) from and to.
_LINING = ((0.74, 0.86), (0.96, 1.0))


def parts(places: np.ndarray, uv: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Labels [N] uint8 of points.

    Args:
      places: [N, 3] on the base mesh.
      uv: [N, 2] in the texture of their surface.
      surface: [N].
    """
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    skin = surface == SKIN
    scalp = (y > 7.52) | (y > 7.05) & (z < 0.05)
    label = np.where(skin & scalp, FOREHEAD, CHEEKS).astype(np.uint8)
    ear = (x > 0.685) & (y < 7.56) & (z < 0.6)
    label[ear & skin] = CHEEKS
    front = skin & (z > 0.75)
    label[front & (_oval(x, y, 0.0, 6.60, 0.33, 0.165) < 1.0)] = MOUTH
    width = 0.085 + 0.125 * smoothstep(y, 7.12, 6.90)
    label[front & (y > 6.775) & (y < 7.36) & (x < width)] = NOSE
    label[front & (_oval(x, y, 0.345, 7.375, 0.265, 0.205) < 1.0)] = EYES
    lining = ((uv > _LINING[0]) & (uv < _LINING[1])).all(axis=1)
    label[skin & lining] = MOUTH
    for kind, part in ((EYEBALL, EYES), (TEETH, MOUTH), (TONGUE, MOUTH), (HAIR, FOREHEAD)):
        label[surface == kind] = part
    return label


def beard_cover(places: np.ndarray) -> np.ndarray:
    """[N] in [0, 1]: how thick a full beard grows at places [N, 3] of the base mesh."""
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    edge = 6.50 + 0.30 * smoothstep(x, 0.10, 0.45) + 0.35 * smoothstep(x, 0.45, 0.68)
    jaw = smoothstep(y, edge + 0.09, edge - 0.09) * smoothstep(y, 6.0, 6.25)
    jaw *= smoothstep(z, 0.2, 0.55)
    lip = np.exp(-(((y - 6.745) / 0.045) ** 2)) * smoothstep(x, 0.34, 0.24)
    corner = np.exp(-(((x - 0.33) / 0.06) ** 2)) * smoothstep(np.abs(y - 6.6), 0.2, 0.1)
    cover = np.maximum(jaw, np.maximum(lip, corner) * smoothstep(z, 1.1, 1.2))
    mouth = _oval(x, y, 0.0, 6.605, 0.275, 0.115)
    return np.clip(cover * smoothstep(mouth, 0.8, 1.3), 0.0, 1.0)


def _oval(
    x: np.ndarray, y: np.ndarray, cx: float, cy: float, wide: float, tall: float
) -> np.ndarray:
    return np.abs((x - cx) / wide) ** 3 + np.abs((y - cy) / tall) ** 3
