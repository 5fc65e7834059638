"""The head as triangles and its landmarks, out of the material, a person and an expression.

Head frame: MakeHuman's, see `material.py`. Every point of the skin knows where it lies on the base
mesh, which is where `regions.py` looks. The landmarks and their order are the synthetic faces'.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from igc_tf.synthesis.parametric_heads.material import RACES, Material
from igc_tf.synthesis.parametric_heads.population import BALD, Person
from igc_tf.synthesis.parametric_heads.regions import EYEBALL, HAIR, SKIN, TEETH, TONGUE
from igc_tf.synthesis.synthetic_faces import render
from igc_tf.synthesis.synthetic_faces.population import Expression

#: Weights of MakeHuman's expression units for each action at 1, positive and negative.
_UNITS = {
    "mouth_open": ({"mouth-open": 0.75, "mouth-parling": 0.15}, {}),
    "smile": (
        {"mouth-corner-puller": 0.9, "mouth-upward-retraction": 0.15, "eye-left-slit": 0.3,
         "eye-right-slit": 0.3},
        {"mouth-depression": 0.9},
    ),
    "pucker": ({"mouth-protusion": 0.2, "mouth-pursing": 0.8}, {}),
    "brow_raise": (
        {"eyebrows-left-up": 0.8, "eyebrows-right-up": 0.8, "eye-left-opened-up": 0.3,
         "eye-right-opened-up": 0.3},
        {"eyebrows-left-down": 0.6, "eyebrows-right-down": 0.6},
    ),
    "brow_frown": ({"eyebrows-left-down": 0.9, "eyebrows-right-down": 0.9}, {}),
    "eye_closure": ({"eye-left-closure": 1.0, "eye-right-closure": 1.0}, {}),
}  # fmt: skip
# Of a face at rest: MakeHuman's own neutral face frowns a little.
_REST = {"eyebrows-left-inner-up": 0.5, "eyebrows-right-inner-up": 0.5, "eyebrows-left-up": 0.15,
         "eyebrows-right-up": 0.15, "mouth-corner-puller": 0.08}  # fmt: skip
_GAZE_DEGREES = (28.0, 16.0)  # of gaze_x and gaze_y at 1

# Places on the base mesh.
_CROWN, _CHIN = (0.0, 8.5, 0.3), (0.0, 6.18, 1.25)
_FOREHEAD, _NAPE = (0.0, 7.9, 1.4), (0.0, 7.4, -1.0)
_MOUTH_CORNER = (0.262, 6.61, 1.416)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """Triangles of a head in the head frame."""

    vertices: np.ndarray  #: [V, 3] float32
    normals: np.ndarray  #: [V, 3] float32, unit, outward
    triangles: np.ndarray  #: [T, 3] int32, counter-clockwise seen from outside
    surface: np.ndarray  #: [T] uint8
    uv: np.ndarray  #: [T, 3, 2] float32, of the surface's texture
    places: np.ndarray  #: [V, 3] float32, where a vertex of the skin lies on the base mesh


class Head:
    """One person with one expression."""

    def __init__(self, material: Material, person: Person, expression: Expression):
        """Shapes the head."""
        self.material, self.person = material, person
        neutral = _shape(material, person.targets)
        units = expression_weights(expression, person.races, material)
        base = neutral + _displacement(material, units)
        eyes = _shape_piece(material, "eyes", base)
        self.mesh = _build(material, person, base, _look(material, eyes, base, expression))
        self.decals = _decals(material, person, base)
        self.scale, self.origin = _placement(material, person, neutral)
        self._base, self._eyes = base, eyes

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 3] of the head frame in the canonical view, camera frame."""
        moved = (points - self.origin) * self.scale + np.array([0.0, 0.0, -1.0])
        return moved.astype(np.float32)

    def landmarks(self) -> np.ndarray:
        """[5, 3] in the head frame, in the order of `synthetic_faces.anatomy.LANDMARK_NAMES`."""
        left = _left_of_eyes(self.material)
        marks = []
        for eye in (self._eyes[left], self._eyes[~left]):
            low, high = eye.min(axis=0), eye.max(axis=0)
            marks.append([*(0.5 * (low + high))[:2], high[2]])
        tip, corners = _marks(self.material)
        return np.array([*marks, self._base[tip], *self._base[list(corners)]])


def expression_weights(
    expression: Expression, races: np.ndarray, material: Material
) -> dict[str, float]:
    """Weights of the expression targets; each unit has a form for each race."""
    units = dict(_REST)
    for action, (positive, negative) in _UNITS.items():
        strength = getattr(expression, action)
        for unit, most in (positive if strength > 0.0 else negative).items():
            units[unit] = units.get(unit, 0.0) + abs(strength) * most
    weights = {
        f"expression/units/{race}/{unit}": float(weight * share)
        for unit, weight in units.items()
        for race, share in zip(RACES, races, strict=True)
    }
    return {name: weight for name, weight in weights.items() if name in material.targets}


def _displacement(material: Material, weights: dict[str, float]) -> np.ndarray:
    rows = [material.targets[name] for name in weights]
    values = np.array(list(weights.values()), np.float32)
    if not rows:
        return np.zeros_like(material.vertices)
    deltas = material.deltas[rows].reshape(len(rows), -1).astype(np.float32)
    return (values @ deltas).reshape(-1, 3)


def _shape(material: Material, weights: dict[str, float]) -> np.ndarray:
    return material.vertices + _displacement(material, weights)


def _shape_piece(material: Material, name: str, base: np.ndarray) -> np.ndarray:
    """Vertices [N, 3] of a piece on a shaped base mesh."""
    piece = material.pieces[name]
    return np.einsum("nk,nkc->nc", piece.weights, base[piece.anchors]) + piece.offsets


def _left_of_eyes(material: Material) -> np.ndarray:
    """[N] bool: which vertices of the eyeballs are of the eye at the picture's left."""
    return material.vertices[material.pieces["eyes"].anchors[:, 0], 0] < 0.0


def _look(
    material: Material, eyes: np.ndarray, base: np.ndarray, expression: Expression
) -> np.ndarray:
    """The eyeballs turned to where the person looks."""
    yaw, pitch = _GAZE_DEGREES[0] * expression.gaze_x, -_GAZE_DEGREES[1] * expression.gaze_y
    turn = render.rotation_matrix(np.array([pitch, yaw, 0.0]))
    left, turned = _left_of_eyes(material), eyes.copy()
    for some, group in ((left, "helper-r-eye"), (~left, "helper-l-eye")):
        ball = base[np.unique(material.triangles[group])]
        center = 0.5 * (ball.min(axis=0) + ball.max(axis=0))
        turned[some] = (eyes[some] - center) @ turn.T + center
    return turned.astype(np.float32)


@functools.lru_cache(maxsize=2)
def _marks(material: Material) -> tuple[int, tuple[int, int]]:
    """Base vertices of the nose's tip and of the mouth's corners (picture's left, right)."""
    body = np.unique(material.triangles["body"])
    points = material.vertices[body]
    face = body[points[:, 1] > _CHIN[1]]
    tip = face[material.vertices[face, 2].argmax()]
    right = _nearest(material, _MOUTH_CORNER)
    left = _nearest(material, (-_MOUTH_CORNER[0], *_MOUTH_CORNER[1:]))
    return int(tip), (left, right)


@functools.lru_cache(maxsize=32)
def _nearest(material: Material, place: tuple[float, float, float]) -> int:
    """The vertex of the body nearest to a place of the base mesh."""
    body = np.unique(material.triangles["body"])
    far = np.square(material.vertices[body] - np.array(place)).sum(axis=1)
    return int(body[far.argmin()])


def _placement(material: Material, person: Person, neutral: np.ndarray) -> tuple[float, np.ndarray]:
    """Scale, and the point of the head frame that stands at (0, 0, -1)."""
    crown, chin, front, nape = (
        neutral[_nearest(material, place)] for place in (_CROWN, _CHIN, _FOREHEAD, _NAPE)
    )
    origin = np.array([0.0, 0.5 * (crown[1] + chin[1]), 0.5 * (front[2] + nape[2])])
    return person.size / float(crown[1] - chin[1]), origin


def _vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[V, 3] unit means of the normals of the triangles round a vertex, by their area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(
                triangles.ravel(), weights=np.repeat(faces[:, axis], 3), minlength=len(vertices)
            )
            for axis in range(3)
        ],
        axis=1,
    )
    return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(
        np.float32
    )


def _build(material: Material, person: Person, base: np.ndarray, eyes: np.ndarray) -> Mesh:
    blocks = []  # vertices, triangles, surface, uv
    body = material.triangles["body"]
    blocks.append((base, body, SKIN, material.uv))
    # The lower teeth stay out: as blocks, which is what the base mesh has, they pierce the lips.
    for group, surface in (("helper-upper-teeth", TEETH), ("helper-tongue", TONGUE)):
        if group in material.triangles:
            triangles = material.triangles[group]
            used, new = np.unique(triangles, return_inverse=True)
            triangles = new.reshape(-1, 3).astype(np.int32)
            inside = _drawn_in(base[used])
            blocks.append((inside, triangles, surface, np.zeros((*triangles.shape, 2))))
    blocks.append((eyes, material.pieces["eyes"].triangles, EYEBALL, material.pieces["eyes"].uv))
    if person.hair != BALD:
        piece = material.pieces[person.hair]
        hair = _shape_piece(material, person.hair, base)
        blocks.append((hair, piece.triangles, HAIR, piece.uv))
    mesh = _join(blocks)
    places = np.zeros_like(mesh.vertices)
    places[: len(base)] = material.vertices
    return dataclasses.replace(mesh, places=places)


def _drawn_in(points: np.ndarray) -> np.ndarray:
    """Teeth and tongue a little smaller and farther back than MakeHuman's, which pierce the lips."""
    middle = points.mean(axis=0)
    scale, back = np.array([[0.85, 0.92, 0.9], [0, 0, 0.03]], np.float32)
    return middle + scale * (points - middle) - back


def _decals(material: Material, person: Person, base: np.ndarray) -> Mesh:
    """Brows (surface 0) and lashes (1): painted on what they lie before, without a depth."""
    return _join(
        [
            (_shape_piece(material, name, base), piece.triangles, kind, piece.uv)
            for kind, name in enumerate((person.brow, person.lash))
            for piece in [material.pieces[name]]
        ]
    )


def _join(blocks: list[tuple[np.ndarray, np.ndarray, int, np.ndarray]]) -> Mesh:
    start, triangles = 0, []
    for vertices, some, _, _ in blocks:
        triangles.append(some + start)
        start += len(vertices)
    vertices = np.concatenate([block[0] for block in blocks]).astype(np.float32)
    joined = np.concatenate(triangles).astype(np.int32)
    return Mesh(
        vertices=vertices,
        normals=_vertex_normals(vertices, joined),
        triangles=joined,
        surface=np.concatenate([np.full(len(b[1]), b[2], np.uint8) for b in blocks]),
        uv=np.concatenate([block[3] for block in blocks]).astype(np.float32),
        places=np.zeros((0, 3), np.float32),
    )
