"""The head as a function of identity and expression: relief, triangles, landmarks, part labels.

Head frame: x to the right of the picture, y up, z towards the viewer, unit one head height; the
origin lies on the axis of the head, the chin of a neutral face at y = -0.5, the crown at y = 0.5.

The head is a stack of half-ellipses (`_rings`) on which a relief in z stands (`relief`): nose,
sockets, eyeballs, lips, chin. Ears, neck and hair are meshes of their own; the z-buffer joins them.
What lies where is decided by (x, y) on the front of the head, the same for relief, colors and
labels: that is what `Face` holds. All shapes are [choice].
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from igc_tf.synthesis.synthetic_faces.population import Expression, Identity

SKIN, EAR, NECK, HAIR = range(4)  #: which mesh a triangle belongs to

BACKGROUND_PART, EYES, MOUTH, FOREHEAD, NOSE, CHEEKS = range(6)
#: Names of the part labels, in order.
PART_NAMES = ("background", "eyes", "mouth", "forehead", "nose", "cheeks")
#: Names of the landmarks, in order; left and right as seen in the picture of a frontal face.
LANDMARK_NAMES = ("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")

_WIDEST = 0.12  # y at which the head is widest


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles of the whole head in the head frame."""

    vertices: np.ndarray  #: [V, 3] float32
    normals: np.ndarray  #: [V, 3] float32, unit, outward
    triangles: np.ndarray  #: [T, 3] int32, counter-clockwise seen from outside
    surface: np.ndarray  #: [T] uint8, SKIN, EAR, NECK or HAIR


def smoothstep(x: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high` (or the reverse if low > high), a cubic between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _bell(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.exp(-((x / width) ** 2) - (y / height) ** 2)


def _relief_weight(cosine: np.ndarray) -> np.ndarray:
    """Where on a ring the relief stands: 1 in front, 0 from the ears back."""
    return smoothstep(cosine, 0.10, 0.5)


class Face:
    """Where the features of one face with one expression lie, on the front of the head.

    The methods take coordinates x, y of the head frame (arrays of one shape) and are even in x: the
    relief of a face is symmetric.
    """

    def __init__(self, identity: Identity, expression: Expression):
        """Places the features."""
        i, e = identity, expression
        self.identity, self.expression = i, e
        self.chin_y = -0.5 - 0.055 * e.mouth_open
        self.brow_y = i.eye_y + i.brow_gap + 0.03 * e.brow_raise - 0.012 * e.brow_frown
        self.nasion_y = i.eye_y + 0.012
        self.tip_y = self.nasion_y - i.nose_length
        self.mouth_width = i.mouth_width * (1.0 + 0.2 * max(e.smile, 0.0) - 0.28 * e.pucker)
        self.corner_lift = 0.036 * e.smile
        self.mouth_gap = 0.085 * e.mouth_open + 0.012 * max(e.smile, 0.0)
        thin = 1.0 - 0.25 * max(e.smile, 0.0) + 0.35 * e.pucker
        self.upper_lip, self.lower_lip = i.upper_lip * thin, i.lower_lip * thin
        self.corner_y = i.mouth_y + 0.7 * (self.corner_lift + 0.010)

    def eye_frame(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(outward, upward) from the center of the nearer eye, along the eye's own tilted axes."""
        i = self.identity
        u, v = np.abs(x) - i.eye_x, y - i.eye_y
        cos, sin = np.cos(i.eye_tilt), np.sin(i.eye_tilt)
        return u * cos + v * sin, v * cos - u * sin

    def lids(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(lower, upper) lid's edge over the eye's axis; upper = lower beyond the corners."""
        i, e = self.identity, self.expression
        q = np.clip(1.0 - (u / i.eye_width) ** 2, 0.0, 1.0)
        wide = i.eye_height * (1.0 + 0.2 * max(e.brow_raise, 0.0))
        lower = -wide * (0.62 - 0.25 * max(e.smile, 0.0)) * q
        return lower, lower + (1.0 - e.eye_closure) * (wide * q**0.7 - lower)

    def eye_opening(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed height inside the opening of the lids, > 0 inside, head heights."""
        u, v = self.eye_frame(x, y)
        lower, upper = self.lids(u)
        return np.minimum(v - lower, upper - v)

    def lip_lines(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        """y of four curves, from below: lower lip's outline and inner edge, upper lip's inner edge
        and outline. Beyond the corners all four coincide.
        """
        q = np.clip(np.abs(x) / self.mouth_width, 0.0, 1.0)
        dome = 1.0 - q * q
        center = self.identity.mouth_y + (self.corner_lift + 0.010) * (q * q - 0.3)
        inner_up = center + 0.1 * self.mouth_gap * dome
        inner_low = center - self.mouth_gap * dome**0.7
        bow = 1.0 - 0.22 * np.exp(-((q / 0.16) ** 2)) - 0.25 * q
        top = inner_up + self.upper_lip * 1.15 * bow * dome**0.55
        bottom = inner_low - self.lower_lip * dome**0.5
        return bottom, inner_low, inner_up, top

    def relief(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height in z over the half-ellipses, for the front of the head."""
        i, e = self.identity, self.expression
        ax = np.abs(x)
        u, v = self.eye_frame(x, y)
        opening = self.eye_opening(x, y)
        inside = smoothstep(opening, -0.004, 0.006)

        z = i.brow_ridge * _bell(ax - 0.13, y - self.brow_y, 0.13, 0.05)
        z = z + (0.5 * i.brow_ridge + 0.006 * e.brow_frown) * _bell(x, y - self.brow_y, 0.06, 0.05)
        z = z - i.socket * _bell(ax - i.eye_x + 0.012, y - i.eye_y - 0.01, 0.105, 0.068)
        z = z + 0.036 * _bell(u, v, 0.085, 0.055) - 0.007 * inside
        smile = max(e.smile, 0.0)
        z = z + (i.cheekbones + 0.018 * smile) * _bell(
            ax - 0.19, y + 0.1 - 0.02 * smile, 0.10, 0.085
        )
        z = z + self._nose(x, y)
        z = z + self._mouth(x, y)
        shift = self.chin_y + 0.5
        z = z + i.chin * _bell(x, y + 0.445 - shift, 0.10, 0.055)
        return z - 0.014 * _bell(x, y + 0.385 - 0.8 * shift, 0.10, 0.025)

    def _nose(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        i = self.identity
        along = (self.nasion_y - y) / i.nose_length  # 0 at the root, 1 at the tip
        t = np.clip(along, 0.0, 1.0)
        ridge = 0.16 * smoothstep(along, -0.45, 0.0) + 0.84 * t**1.1
        ridge = ridge * i.nose_height + i.nose_hook * np.sin(np.pi * t)
        under = smoothstep(y, self.tip_y - 0.052, self.tip_y - 0.004)
        half_width = 0.032 + (0.3 * i.nose_width + 0.012) * t
        z = ridge * under * np.exp(-(np.abs(x / half_width) ** 2.2))
        wing = _bell(
            np.abs(x) - 0.72 * i.nose_width, y - self.tip_y + 0.012, 0.4 * i.nose_width, 0.028
        )
        z = z + 0.42 * i.nose_height * wing
        nostril = _bell(np.abs(x) - 0.45 * i.nose_width, y - self.tip_y + 0.038, 0.018, 0.009)
        return z - 0.015 * nostril

    def _mouth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        i, e = self.identity, self.expression
        bottom, inner_low, inner_up, top = self.lip_lines(x)
        barrel = 0.026 * _bell(x, y - i.mouth_y, 0.15, 0.10)

        def hump(low: np.ndarray, high: np.ndarray) -> np.ndarray:
            t = np.clip((y - low) / np.maximum(high - low, 1e-4), 0.0, 1.0)
            return np.sqrt(np.maximum(4.0 * t * (1.0 - t), 0.0))

        at = smoothstep(np.abs(x), self.mouth_width, 0.7 * self.mouth_width)
        lips = (
            (0.018 + 0.022 * e.pucker) * at * (hump(bottom, inner_low) + 0.9 * hump(inner_up, top))
        )
        gap = np.minimum(y - inner_low, inner_up - y)
        cavity = 0.045 * smoothstep(gap, 0.0, 0.02) * at
        philtrum = 0.006 * _bell(x, y - 0.5 * (self.tip_y - 0.05 + i.mouth_y), 0.012, 0.03)
        return barrel + lips - cavity - philtrum

    def _rings(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Half width, front and back radius of the head at heights y in [chin_y, 0.5]."""
        i = self.identity
        up = np.clip((y - _WIDEST) / (0.5 - _WIDEST), 0.0, 1.0)
        down = np.clip((_WIDEST - y) / (_WIDEST - self.chin_y), 0.0, 1.0)
        cap = np.sqrt(np.maximum(1.0 - up**2.3, 0.0))
        width = cap * (1.0 - i.jaw_taper * down**1.7) * np.sqrt(1.0 - down**i.jaw_square)
        front = cap * (1.0 - 0.03 * down) * np.sqrt(1.0 - down**12)
        back = cap * (1.0 - 0.5 * down**1.5) * np.sqrt(1.0 - down**6)
        return i.width * width, i.front * front, i.back * back

    def front_points(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """[N, 3]: the points of the front of the head over (x, y), each [N]."""
        width, front, _ = self._rings(y)
        cos = np.sqrt(np.maximum(1.0 - (x / width) ** 2, 0.0))
        return np.stack([x, y, front * cos + _relief_weight(cos) * self.relief(x, y)], axis=-1)

    def landmarks(self) -> np.ndarray:
        """[5, 3] in the head frame, in the order of `LANDMARK_NAMES`."""
        i, width = self.identity, 0.97 * self.mouth_width
        x = np.array([-i.eye_x, i.eye_x, 0.0, -width, width])
        y = np.array([i.eye_y, i.eye_y, self.tip_y, self.corner_y, self.corner_y])
        return self.front_points(x, y)

    def parts(self, points: np.ndarray, surface: np.ndarray) -> np.ndarray:
        """Labels [N] uint8 of points [N, 3] on the surfaces [N]."""
        i = self.identity
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        ax = np.abs(x)
        on_face = (surface == SKIN) & (z > 0.0)
        label = np.where((surface == SKIN) & (y > self.brow_y - 0.01), FOREHEAD, CHEEKS).astype(
            np.uint8
        )

        bottom, _, _, top = self.lip_lines(x)
        round_about = 1.0 - (ax / (1.22 * self.mouth_width)) ** 4
        margin = 0.028 * np.sqrt(np.maximum(round_about, 0.0))
        label[on_face & (round_about > 0.0) & (y > bottom - margin) & (y < top + margin)] = MOUTH

        along = np.clip((self.nasion_y - y) / i.nose_length, 0.0, 1.0)
        side = 0.036 + (1.25 * i.nose_width - 0.036) * smoothstep(along, 0.35, 0.95)
        nose = (y < self.nasion_y + 0.02) & (y > self.tip_y - 0.048) & (ax < side)
        label[on_face & nose] = NOSE

        low, high = i.eye_y - 0.068, self.brow_y + 0.012 + i.brow_thickness + i.brow_arch
        across = (ax - i.eye_x) / (i.eye_width + 0.038)
        eyes = np.abs(across) ** 3 + np.abs((2.0 * y - low - high) / (high - low)) ** 3 < 1.0
        label[on_face & eyes] = EYES
        label[surface == HAIR] = FOREHEAD
        return label


@functools.lru_cache(maxsize=8)
def _grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid whose columns close to a ring; rows run upwards, columns to the right."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    following = (column + 1) % columns
    a, b = row * columns + column, row * columns + following
    c, d = a + columns, b + columns
    return np.stack([a, b, d, a, d, c], axis=-1).reshape(-1, 3).astype(np.int32)


def _grid_normals(grid: np.ndarray) -> np.ndarray:
    """Unit normals [R, C, 3] of a grid of points whose columns close to a ring."""
    points = grid.transpose(2, 0, 1)
    ring = np.concatenate([points[:, :, -1:], points, points[:, :, :1]], axis=2)
    ax, ay, az = ring[:, :, 2:] - ring[:, :, :-2]
    stack = np.concatenate([points[:, :1], points, points[:, -1:]], axis=1)
    ux, uy, uz = stack[:, 2:] - stack[:, :-2]
    normal = np.stack([ay * uz - az * uy, az * ux - ax * uz, ax * uy - ay * ux], axis=-1)
    length = np.sqrt(np.einsum("rck,rck->rc", normal, normal))
    normal /= np.maximum(length, 1e-12)[..., None]
    for row, neighbor in ((0, 1), (-1, -2)):  # a ring that shrank to a point
        if length[row].max() < 1e-6 * max(length[neighbor].max(), 1e-12):
            up = np.array([0, 1, 0], np.float32)
            normal[row] = np.sign(grid[row, 0, 1] - grid[neighbor, 0, 1]) * up
    return normal


@functools.lru_cache(maxsize=2)
def _angles() -> np.ndarray:
    """Columns of the head: angles about y, 0 in front, denser over the face."""
    front = np.linspace(-1.25, 1.25, 91)
    back = np.linspace(1.25, 2.0 * np.pi - 1.25, 28)[1:-1]
    return np.concatenate([front, back]).astype(np.float32)


def _ring_grid(face: Face, y: np.ndarray, angle: np.ndarray) -> np.ndarray:
    width, front, back = (r[:, None] for r in face._rings(y))
    sin, cos = np.sin(angle)[None], np.cos(angle)[None]
    x = width * sin
    z = np.where(cos > 0.0, front, back) * cos
    return np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=-1).astype(np.float32)


def _head(face: Face) -> np.ndarray:
    quarter = np.linspace(0.0, 0.5 * np.pi, 13)
    chin = face.chin_y + (-0.43 - face.chin_y) * (1.0 - np.cos(quarter))
    crown = 0.16 + (0.5 - 0.16) * np.sin(quarter)
    middle = np.linspace(-0.43, 0.16, 72)
    y = np.concatenate([chin[:-1], middle, crown[1:]]).astype(np.float32)
    angle = _angles()
    grid = _ring_grid(face, y, angle)
    weight = _relief_weight(np.cos(angle))
    columns = weight > 0.0
    patch = grid[:, columns]
    patch[..., 2] += weight[columns] * face.relief(patch[..., 0], patch[..., 1])
    grid[:, columns] = patch
    return grid


def _neck(face: Face) -> np.ndarray:
    y = np.linspace(-1.3, -0.25, 14, dtype=np.float32)
    angle = np.linspace(-np.pi, np.pi, 36, endpoint=False, dtype=np.float32)
    flare = 1.0 + 1.0 * smoothstep(y, -0.62, -1.0)
    radius = (0.65 * face.identity.width * flare)[:, None]
    x, z = radius * np.sin(angle), 0.95 * radius * np.cos(angle) - 0.10 + 0.06 * (y[:, None] + 0.5)
    return np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=-1).astype(np.float32)


def _ear(face: Face, side: float) -> np.ndarray:
    size = face.identity.ear_size
    polar = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 12)[:, None]
    angle = np.linspace(-np.pi, np.pi, 18, endpoint=False)[None]
    x = 0.022 * np.cos(polar) * np.sin(angle)
    z = 0.055 * np.cos(polar) * np.cos(angle)
    y = 0.088 * np.sin(polar) + 0.0 * angle
    turn = side * 0.55  # the rim stands off, behind
    x, z = x * np.cos(turn) - z * np.sin(turn), x * np.sin(turn) + z * np.cos(turn)
    at = np.array([side * (float(face._rings(np.array(-0.03))[0]) + 0.012), -0.03, -0.04])
    return (size * np.stack([x, y, z], axis=-1) + at).astype(np.float32)


def _hair_hangs(face: Face) -> bool:
    return face.identity.hair_style in ("bob", "long")


def _hair_margin(face: Face, grid: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """How far inside the hair a point of the shell is, [R, C], head heights, < 0 outside."""
    i = face.identity
    degrees = np.degrees(np.abs((angle + np.pi) % (2.0 * np.pi) - np.pi))
    hangs, end = _hair_hangs(face), i.hair_length
    low, nape, sideburn = (end, end, end) if hangs else (-0.10, -0.24, -0.02)
    temple = i.hair_line - (0.04 if i.hair_style == "fringe" else 0.10)
    if i.hair_style == "receding":
        stations = [0, 25, 50, 66, 80, 92, 180]
        heights = [i.hair_line, i.hair_line + 0.03, i.hair_line + 0.01, 0.2, 0.0, -0.03, nape]
    else:
        stations = [0, 38, 58, 68, 78, 92, 102, 180]
        heights = [i.hair_line, i.hair_line - 0.012, temple, 0.5 * (temple + sideburn)]
        heights += [sideburn, sideburn, low, nape]
    line = np.interp(degrees, stations, heights)
    line = line + 0.05 * i.hair_parting * np.sin(angle) * (degrees < 60) * np.cos(1.5 * angle)
    waves = sum(0.006 * np.sin((5 + 4 * k) * angle + i.texture[k, 3]) for k in range(4))
    return grid[..., 1] - (line + waves)[None]


def _hair(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Grid [R, C, 3] of the hair's shell and its margin [R, C]."""
    i = face.identity
    hanging = _hair_hangs(face)
    quarter = np.linspace(0.0, 0.5 * np.pi, 18)
    bottom = i.hair_length if hanging else -0.26
    rows = 10 + int(30 * (0.05 - bottom))
    y = np.concatenate([np.linspace(bottom, 0.08, rows), 0.08 + 0.42 * np.sin(quarter)[1:]])
    angle = np.linspace(-np.pi, np.pi, 80, endpoint=False)
    grid = _ring_grid(face, np.maximum(y, face.chin_y + 1e-3).astype(np.float32), angle)
    grid[..., 1] = y[:, None]
    if hanging:  # falls from the widest ring, does not follow the jaw
        top = _ring_grid(face, np.full(len(y), _WIDEST, np.float32), angle)
        below = smoothstep(y, _WIDEST, _WIDEST - 0.25)[:, None]
        inward = 1.0 - 0.12 * np.clip(_WIDEST - y, 0.0, 1.0)[:, None]
        grid[..., 0] += below * (top[..., 0] * inward - grid[..., 0])
        grid[..., 2] += below * (top[..., 2] * inward - grid[..., 2])
    margin = _hair_margin(face, grid, angle)
    out = _grid_normals(grid)
    curl = np.sin(9.0 * angle + 14.0 * y[:, None] + i.texture[0, 3]) * np.sin(
        7.0 * angle - 11.0 * y[:, None] + i.texture[1, 3]
    )
    volume = i.hair_volume * (0.55 + 0.45 * smoothstep(y, 0.0, 0.35))[:, None] * (1.0 + 0.10 * curl)
    if i.hair_style == "afro":
        volume = i.hair_volume * smoothstep(y, -0.25, 0.2)[:, None] * (1.0 + 0.08 * curl)
    offset = -0.03 + (volume + 0.03) * smoothstep(margin, -0.012, 0.012 + 0.8 * i.hair_volume)
    return (grid + offset[..., None] * out).astype(np.float32), margin


def build(face: Face) -> Mesh:
    """All triangles of one head."""
    pieces: list[tuple[np.ndarray, int, np.ndarray | None]]
    pieces = [(_head(face), SKIN, None), (_neck(face), NECK, None)]
    if not _hair_hangs(face):  # else the hair covers the ears
        pieces += [(_ear(face, -1.0), EAR, None), (_ear(face, 1.0), EAR, None)]
    if face.identity.hair_style != "bald":
        grid, under = _hair(face)
        pieces.append((grid, HAIR, under))
    vertices, normals, triangles, surface, start = [], [], [], [], 0
    for grid, kind, margin in pieces:
        mesh = _grid_triangles(*grid.shape[:2])
        if margin is not None:  # drop what lies under the skin, outside the hair
            mesh = mesh[margin.reshape(-1)[mesh].max(axis=1) > -0.012]
        vertices.append(grid.reshape(-1, 3))
        normals.append(_grid_normals(grid).reshape(-1, 3))
        triangles.append(mesh + start)
        surface.append(np.full(len(mesh), kind, np.uint8))
        start += len(vertices[-1])
    return Mesh(*map(np.concatenate, (vertices, normals, triangles, surface)))


def scale_and_middle(identity: Identity) -> tuple[float, float]:
    """(scale, middle): a head point p stands at scale * (p - (0, middle, 0)) + (0, 0, -1)."""
    top = 0.5 + identity.hair_volume
    return identity.size / (top + 0.5), 0.5 * (top - 0.5)
