"""Colors: the albedo of every point of a head, and the picture behind it. All of it [choice].

Albedos depend on the place on the head, identity and expression alone: no light, no pose. They are
RGB in [0, 0.93], used as they are (no gamma), as Lambertian shading multiplies them.
"""

from __future__ import annotations

import numpy as np

from igc_tf.synthesis.synthetic_faces.anatomy import EAR, HAIR, NECK, SKIN, Face, smoothstep
from igc_tf.synthesis.synthetic_faces.population import Background

_WHITE_OF_EYE = np.array([0.88, 0.86, 0.84], np.float32)
_PUPIL = np.array([0.03, 0.03, 0.03], np.float32)
_CAVITY = np.array([0.16, 0.04, 0.04], np.float32)
_TEETH = np.array([0.87, 0.84, 0.78], np.float32)


def _cover(color: np.ndarray, over: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return color + opacity[:, None] * (over - color)


def _texture(points: np.ndarray, waves: np.ndarray, frequency: float) -> np.ndarray:
    """Smooth noise in about [-1, 1] at points [N, 3]: four products of two waves."""
    phases = points @ (frequency * waves[:, :3].T).astype(np.float32) + waves[:, 3].astype(
        np.float32
    )
    sines = np.sin(phases)
    return (sines[:, :4] * sines[:, 4:]).sum(axis=1) * 0.5


def albedo(face: Face, points: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Unlit colors [N, 3] float32 of points [N, 3] of the head frame on the surfaces [N]."""
    points = points.astype(np.float32)
    color = np.empty((len(points), 3), np.float32)
    is_hair = surface == HAIR
    color[is_hair] = _hair(face, points[is_hair])
    flesh = ~is_hair
    color[flesh] = _skin(face, points[flesh], surface[flesh])
    front = np.flatnonzero((surface == SKIN) & (points[:, 2] > 0.0))
    x, y = points[front, 0], points[front, 1]
    features = color[front]
    for paint in (_brows, _mouth, _nostrils, _eyes):
        features = paint(face, x, y, features)
    color[front] = features
    return np.clip(color, 0.0, 0.93)


def _skin(face: Face, points: np.ndarray, surface: np.ndarray) -> np.ndarray:
    i = face.identity
    x, y, z = points.T
    ax, skin = np.abs(x), i.skin.astype(np.float32)
    color = np.tile(skin, (len(points), 1))
    red = np.array([1.02, 0.72, 0.70], np.float32) * skin
    front = smoothstep(z, 0.0, 0.15)
    blush = np.exp(-(((ax - 0.19) / 0.09) ** 2) - ((y + 0.12) / 0.07) ** 2)
    nose = np.exp(-((x / 0.06) ** 2) - ((y - face.tip_y) / 0.06) ** 2)
    color = _cover(color, red, front * i.blush * (0.45 * blush + 0.35 * nose))
    u, v = face.eye_frame(x, y)
    hollow = np.exp(-((u / 0.11) ** 2) - ((v - 0.01) / 0.065) ** 2)
    color = color * (1.0 - 0.22 * front * hollow)[:, None]
    color = color * (1.0 + 0.03 * _texture(points, i.texture, 9.0))[:, None]
    if i.freckles > 0.0:
        spots = smoothstep(_texture(points, i.texture, 75.0), 0.45, 0.9)
        where = np.exp(-((y + 0.10) ** 2) / 0.02) * front
        color = _cover(
            color, skin * np.array([0.72, 0.58, 0.48], np.float32), 0.7 * i.freckles * spots * where
        )
    if i.beard > 0.0:
        jaw = smoothstep(y, -0.20 - 0.5 * np.maximum(0.16 - ax, 0.0), -0.31)
        moustache = smoothstep(y, face.tip_y - 0.035, face.tip_y - 0.06)
        moustache = moustache * smoothstep(ax, 0.15, 0.12)
        where = np.maximum(jaw, moustache) * smoothstep(z, -0.1, 0.02) * (surface == SKIN)
        grain = 0.85 + 0.15 * _texture(points, i.texture, 60.0)
        color = _cover(color, i.hair.astype(np.float32) * 0.9, i.beard * where * grain)
    if i.hair_style in ("bald", "receding"):  # a shadow of shaven hair
        shadow = smoothstep(y, 0.20, 0.34) * (0.25 if i.hair_style == "receding" else 0.12)
        color = _cover(color, 0.5 * skin + 0.5 * i.hair.astype(np.float32), shadow)
    color[surface == NECK] *= np.float32(0.84)
    color[surface == EAR] *= np.array([0.97, 0.88, 0.87], np.float32)
    return color


def _hair(face: Face, points: np.ndarray) -> np.ndarray:
    i = face.identity
    angle = np.arctan2(points[:, 0], points[:, 2])
    bend = 1.6 * _texture(points, i.texture, 3.0)
    if i.hair_style in ("afro", "buzz"):
        strands = _texture(points, i.texture, 30.0)
    else:
        strands = (
            np.sin(23.0 * angle + 6.0 * bend) * 0.55 + np.sin(41.0 * angle - 9.0 * bend) * 0.45
        )
    color = i.hair.astype(np.float32) * (1.0 + 0.18 * strands[:, None])
    color = color + 0.05 * smoothstep(strands, 0.3, 1.0)[:, None]
    if i.hair_style == "buzz":
        color = 0.72 * color + 0.28 * i.skin.astype(np.float32)
    return color


def _brows(face: Face, x: np.ndarray, y: np.ndarray, color: np.ndarray) -> np.ndarray:
    i, e = face.identity, face.expression
    across = (np.abs(x) - 0.055) / (i.eye_x + i.eye_width - 0.03)  # 0 inner end, 1 outer end
    t = np.clip(across, 0.0, 1.0)
    arch = (
        i.brow_arch * np.sin(np.pi * t**1.2)
        + i.brow_slant * t
        - 0.032 * e.brow_frown * (1.0 - t) ** 2
    )
    thick = i.brow_thickness * (1.0 - 0.55 * t**2)
    off = np.abs(y - face.brow_y - arch)
    opacity = smoothstep(off, thick + 0.006, thick - 0.006)
    opacity = opacity * smoothstep(across, -0.06, 0.06) * smoothstep(across, 1.06, 0.85)
    return _cover(color, i.brows.astype(np.float32), i.brow_density * opacity)


def _mouth(face: Face, x: np.ndarray, y: np.ndarray, color: np.ndarray) -> np.ndarray:
    i = face.identity
    bottom, inner_low, inner_up, top = face.lip_lines(x)
    edge, lips = 0.004, i.lips.astype(np.float32)
    inside = np.abs(x) < face.mouth_width
    lip = smoothstep(np.minimum(y - bottom, top - y), -edge, edge) * inside
    color = _cover(color, lips, lip)
    color = _cover(color, 0.86 * lips, 0.6 * lip * (y > 0.5 * (inner_low + inner_up)))
    gap = np.minimum(y - inner_low, inner_up - y)
    opening = smoothstep(gap, -edge, edge) * (inside & (face.mouth_gap > 0.006))
    color = _cover(color, _CAVITY, opening)
    teeth = smoothstep(gap, 0.0, edge) * smoothstep(
        np.abs(x), 0.86 * face.mouth_width, 0.7 * face.mouth_width
    )
    color = _cover(color, _TEETH, opening * teeth * smoothstep(inner_up - y, 0.030, 0.022))
    seam = np.exp(-((y - inner_up) ** 2) / 0.006**2) + np.exp(-((y - inner_low) ** 2) / 0.006**2)
    seam = np.clip(seam, 0.0, 1.0) * smoothstep(
        np.abs(x), 1.04 * face.mouth_width, 0.97 * face.mouth_width
    )
    return _cover(color, 0.35 * lips, 0.8 * seam)


def _nostrils(face: Face, x: np.ndarray, y: np.ndarray, color: np.ndarray) -> np.ndarray:
    i = face.identity
    across = (np.abs(x) - 0.46 * i.nose_width) / 0.017
    opacity = smoothstep(across**2 + ((y - face.tip_y + 0.036) / 0.009) ** 2, 1.5, 0.5)
    crease = np.exp(-(((np.abs(x) - 1.12 * i.nose_width) / 0.010) ** 2))
    crease = crease * np.exp(-(((y - face.tip_y + 0.012) / 0.026) ** 2))
    color = _cover(color, 0.62 * color, 0.6 * crease)
    tint = np.array([0.42, 0.30, 0.27], np.float32) * i.skin.astype(np.float32)
    return _cover(color, tint, 0.85 * opacity)


def _eyes(face: Face, x: np.ndarray, y: np.ndarray, color: np.ndarray) -> np.ndarray:
    i, e = face.identity, face.expression
    u, v = face.eye_frame(x, y)
    near = (np.abs(u) < 1.25 * i.eye_width) & (np.abs(v) < 0.1)
    if not near.any():
        return color
    u, v, side, out = u[near], v[near], np.sign(x[near]), color[near]
    lower, upper = face.lids(u)
    opening = smoothstep(np.minimum(v - lower, upper - v), -0.003, 0.005)
    gaze_u = side * 0.30 * (i.eye_width - 0.4 * i.iris) * e.gaze_x
    gaze_v = 0.12 * i.eye_height + 0.010 * e.gaze_y
    radius = np.hypot(u - gaze_u, v - gaze_v)
    ball = np.tile(_WHITE_OF_EYE, (len(u), 1)) * (1.0 - 0.25 * (u / i.eye_width) ** 2)[:, None]
    rim = 0.45 + 0.55 * smoothstep(radius, i.iris, 0.75 * i.iris)
    iris = i.eyes.astype(np.float32) * rim[:, None]
    ball = _cover(ball, iris, smoothstep(radius, i.iris + 0.002, i.iris - 0.003))
    ball = _cover(ball, _PUPIL, smoothstep(radius, 0.50 * i.iris, 0.38 * i.iris))
    ball = ball * (1.0 - 0.35 * smoothstep(upper - v, 0.018, 0.0))[:, None]  # shade of the lid
    out = _cover(out, ball, opening)
    within = smoothstep(np.abs(u), 1.08 * i.eye_width, 0.96 * i.eye_width)
    lash = np.exp(-(((v - upper) / 0.0075) ** 2)) * within
    under = np.exp(-(((v - lower) / 0.005) ** 2)) * within
    dark = np.array([0.10, 0.07, 0.06], np.float32)
    out = _cover(out, dark, np.clip(0.92 * lash, 0.0, 1.0))
    out = _cover(out, 0.45 * i.skin.astype(np.float32), 0.5 * under)
    wide = i.eye_height * (1.0 + 0.2 * max(e.brow_raise, 0.0))
    crease_v = wide * np.clip(1.0 - (u / (1.1 * i.eye_width)) ** 2, 0.0, 1.0) ** 0.7 + 0.016
    crease = np.exp(-(((v - crease_v) / 0.006) ** 2)) * within
    out = _cover(out, 0.55 * i.skin.astype(np.float32), 0.55 * crease)
    color[near] = out
    return color


def background_picture(background: Background, size: int) -> np.ndarray:
    """The unlit picture behind the head, [size, size, 3] float32 in [0.05, 0.9]."""
    center = (np.arange(size, dtype=np.float32) + 0.5) / size
    y, x = np.meshgrid(center, center, indexing="ij")
    c, n = background.colors.astype(np.float32), background.numbers
    turn = 2.0 * np.pi * n[0, 0]
    along = 0.5 + (x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn)
    picture = c[0] + along[..., None] * (c[1] - c[0])
    if background.style == "glow":
        far = np.hypot(x - n[1, 0], y - n[1, 1]) / (0.5 + 0.6 * n[1, 2])
        picture = c[0] + smoothstep(far, 0.0, 1.0)[..., None] * (c[1] - c[0])
    elif background.style == "clutter":  # soft discs and boxes, out of focus
        for k in range(2, 10):
            dx, dy = np.abs(x - n[k, 0]), np.abs(y - n[k, 1])
            wide, tall, soft = 0.06 + 0.22 * n[k, 2], 0.06 + 0.22 * n[k, 3], 0.03 + 0.10 * n[k, 4]
            disc = np.hypot(dx / wide, dy / tall) - 1.0
            box = np.maximum(dx - wide, dy - tall) / wide
            far = wide * (disc if n[k, 5] < 0.5 else box)
            picture = picture + (0.8 * smoothstep(far, soft, -soft))[..., None] * (c[k] - picture)
    elif background.style == "noise":
        for k in range(2, 10):
            angle, pitch = 2.0 * np.pi * n[k, 0], 3.0 + 2.5 * (k - 2) * (0.5 + n[k, 1])
            wave = np.sin(pitch * (np.cos(angle) * x + np.sin(angle) * y) + 2.0 * np.pi * n[k, 2])
            wave *= np.sin(pitch * (np.cos(angle) * y - np.sin(angle) * x) + 2.0 * np.pi * n[k, 3])
            picture = picture + (wave[..., None] * (c[k] - c.mean(axis=0))) * 0.45
    elif background.style == "panels":
        for k in range(2, 6):
            edge = smoothstep(along, n[k, 0] - 0.02 - 0.1 * n[k, 1], n[k, 0] + 0.02 + 0.1 * n[k, 1])
            picture = picture + edge[..., None] * (c[k] - picture)
    return np.clip(picture, 0.05, 0.9)
