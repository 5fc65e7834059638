"""Who is photographed and how: seeded draws of identity, expression, pose, light and background.

Every draw comes from its own stream, keyed by (seed, stream, identity[, image]). So the same
identity recurs with another pose, light and expression; adding a draw to one stream changes no
other one; and an example does not depend on which process makes it, or on which examples were made
before. All ranges are [choice].
"""

from __future__ import annotations

import dataclasses

import numpy as np

_STREAMS = {"identity": 1, "expression": 2, "pose": 3, "light": 4, "background": 5}

#: Names of the values of an expression vector, in order; ranges in `Expression`.
EXPRESSION_NAMES = (
    "mouth_open", "smile", "pucker", "brow_raise", "brow_frown", "eye_closure", "gaze_x", "gaze_y",
)  # fmt: skip

HAIR_STYLES = ("bald", "buzz", "short", "fringe", "receding", "bob", "long", "afro")
BACKGROUND_STYLES = ("gradient", "glow", "clutter", "noise", "panels")

_SKIN_TONES = np.array(
    [
        [0.90, 0.76, 0.69],
        [0.87, 0.70, 0.60],
        [0.82, 0.63, 0.50],
        [0.73, 0.53, 0.39],
        [0.59, 0.40, 0.28],
        [0.44, 0.29, 0.20],
        [0.33, 0.21, 0.15],
    ]
)
_HAIR_COLORS = np.array(
    [
        [0.07, 0.06, 0.06],  # black
        [0.16, 0.10, 0.07],  # dark brown
        [0.30, 0.18, 0.10],  # brown
        [0.46, 0.31, 0.17],  # light brown
        [0.72, 0.56, 0.32],  # blond
        [0.50, 0.20, 0.09],  # red
        [0.60, 0.59, 0.58],  # gray
    ]
)
_EYE_COLORS = np.array(
    [
        [0.20, 0.11, 0.06],  # dark brown
        [0.34, 0.20, 0.09],  # brown
        [0.42, 0.34, 0.14],  # hazel
        [0.24, 0.42, 0.24],  # green
        [0.22, 0.42, 0.62],  # blue
        [0.42, 0.49, 0.53],  # gray
    ]
)


@dataclasses.dataclass(frozen=True)
class Identity:
    """What stays the same in all pictures of one person; lengths in head heights, RGB in [0, 1]."""

    size: float  #: height of the head with its hair, in units of the camera's distance
    width: float  #: half the head's width
    front: float  #: from the head's axis to the forehead
    back: float  #: from the head's axis to the back of the head
    jaw_taper: float  #: 0 a cylinder, 0.6 a pointed face
    jaw_square: float  #: exponent of the chin's outline, higher is squarer
    chin: float  #: how far the chin stands out
    cheekbones: float
    brow_ridge: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_tilt: float  #: radians, > 0 lifts the outer corners
    socket: float  #: depth of the eye sockets
    iris: float  #: radius
    brow_gap: float
    brow_thickness: float
    brow_arch: float
    brow_slant: float  #: how much higher the outer end is
    brow_density: float
    nose_length: float
    nose_height: float  #: how far the tip stands out
    nose_width: float  #: half the width at the wings
    nose_hook: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    ear_size: float
    hair_style: str
    hair_line: float  #: y of the hair line over the middle of the forehead
    hair_volume: float
    hair_length: float  #: y where long hair ends
    hair_parting: float  #: [-1, 1], side and strength of an asymmetric parting
    beard: float  #: [0, 1], opacity of beard or stubble
    freckles: float  #: [0, 1]
    blush: float  #: [0, 1]
    skin: np.ndarray  #: [3]
    lips: np.ndarray  #: [3]
    hair: np.ndarray  #: [3]
    brows: np.ndarray  #: [3]
    eyes: np.ndarray  #: [3]
    texture: np.ndarray  #: [8, 4] wave vectors and phases of the fine texture of skin and hair


@dataclasses.dataclass(frozen=True)
class Expression:
    """What the face does. 0 is neutral everywhere."""

    mouth_open: float = 0.0  #: [0, 1]
    smile: float = 0.0  #: [-0.6, 1]
    pucker: float = 0.0  #: [0, 1]
    brow_raise: float = 0.0  #: [-0.3, 1]
    brow_frown: float = 0.0  #: [0, 1]
    eye_closure: float = 0.0  #: [0, 1]
    gaze_x: float = 0.0  #: [-1, 1], > 0 looks to the image's right
    gaze_y: float = 0.0  #: [-1, 1], > 0 looks up

    def vector(self) -> np.ndarray:
        """[8] float32, in the order of `EXPRESSION_NAMES`."""
        return np.array(dataclasses.astuple(self), np.float32)


@dataclasses.dataclass(frozen=True)
class Pose:
    """Rigid motion from the canonical view, in the package's conventions."""

    rotation_degrees: np.ndarray  #: [3] (pitch, yaw, roll)
    translation: np.ndarray  #: [3]


@dataclasses.dataclass(frozen=True)
class Light:
    """Ambient and one directional light."""

    ambient: float
    diffuse: float
    direction: np.ndarray  #: [3], unit, towards the light


@dataclasses.dataclass(frozen=True)
class Background:
    """The picture behind the head; `appearance.background_picture` paints it."""

    style: str
    colors: np.ndarray  #: [K, 3] in [0.05, 0.9]
    numbers: np.ndarray  #: [K, 8] in [0, 1), positions, sizes, angles, phases


FRONTAL = Pose(np.zeros(3), np.zeros(3))


def _stream(name: str, seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, _STREAMS[name], *key]))


def _mix(palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random place on the palette's polyline."""
    place = rng.uniform(0.0, len(palette) - 1.0)
    low = min(int(place), len(palette) - 2)
    return palette[low] + (place - low) * (palette[low + 1] - palette[low])


def sample_identity(seed: int, identity: int) -> Identity:
    """Draws person number `identity` (any integer >= 0)."""
    rng = _stream("identity", seed, identity)
    u = rng.uniform
    tone = rng.uniform(0.0, len(_SKIN_TONES) - 1.001)
    low = int(tone)
    skin = _SKIN_TONES[low] + (tone - low) * (_SKIN_TONES[low + 1] - _SKIN_TONES[low])
    skin = np.clip(skin * u(0.95, 1.05) + u(-0.02, 0.02, 3), 0.08, 0.93)
    redness = u(0.3, 1.0)
    lips = skin * (1.0 - redness * np.array([0.16, 0.48, 0.42])) + redness * np.array(
        [0.06, 0.0, 0.02]
    )

    dark_hair = rng.random() < np.interp(tone, [0.0, 2.0, 4.0], [0.25, 0.5, 0.97])
    colors = _HAIR_COLORS[:3] if dark_hair else _HAIR_COLORS
    hair = (
        _mix(colors, rng) if dark_hair else colors[rng.integers(len(colors))] * u(0.85, 1.15)
    ) + u(-0.015, 0.015, 3)
    hair = np.clip(hair, 0.03, 0.85)
    gray = hair[2] > 0.4
    dark_eyes = rng.random() < np.interp(tone, [0.0, 2.0, 4.0], [0.3, 0.6, 0.97])
    eyes = _EYE_COLORS[rng.integers(2 if dark_eyes else len(_EYE_COLORS))] * u(0.85, 1.15)

    chances = [0.08, 0.10, 0.22, 0.14, 0.10, 0.14, 0.14, 0.08]
    style = HAIR_STYLES[rng.choice(len(HAIR_STYLES), p=chances)]
    volume = {
        "bald": 0.0,
        "buzz": 0.010,
        "short": u(0.025, 0.055),
        "fringe": u(0.03, 0.05),
        "receding": u(0.015, 0.03),
        "bob": u(0.035, 0.06),
        "long": u(0.03, 0.06),
        "afro": u(0.10, 0.16),
    }[style]
    line = {"fringe": u(0.135, 0.18), "receding": u(0.40, 0.44)}.get(style, u(0.27, 0.37))
    length = {"bob": u(-0.42, -0.22), "long": u(-1.0, -0.75)}.get(style, -0.2)
    may_have_beard = style not in ("bob", "long", "fringe")
    return Identity(
        size=0.140 * u(0.96, 1.05),
        width=u(0.315, 0.375),
        front=u(0.34, 0.39),
        back=u(0.42, 0.48),
        jaw_taper=u(0.26, 0.52),
        jaw_square=u(3.5, 8.0),
        chin=u(0.01, 0.055),
        cheekbones=u(0.0, 0.035),
        brow_ridge=u(0.008, 0.03),
        eye_x=u(0.135, 0.17),
        eye_y=u(-0.02, 0.02),
        eye_width=u(0.072, 0.092),
        eye_height=u(0.034, 0.050),
        eye_tilt=u(-0.12, 0.22),
        socket=u(0.030, 0.055),
        iris=u(0.031, 0.038),
        brow_gap=u(0.074, 0.098),
        brow_thickness=u(0.011, 0.024),
        brow_arch=u(0.004, 0.03),
        brow_slant=u(-0.012, 0.02),
        brow_density=u(0.65, 1.0),
        nose_length=u(0.175, 0.235),
        nose_height=u(0.085, 0.13),
        nose_width=u(0.052, 0.085),
        nose_hook=u(-0.02, 0.02),
        mouth_y=u(-0.325, -0.295),
        mouth_width=u(0.095, 0.135),
        upper_lip=u(0.014, 0.034),
        lower_lip=u(0.022, 0.042),
        ear_size=u(0.9, 1.2),
        hair_style=style,
        hair_line=line,
        hair_volume=volume,
        hair_length=length,
        hair_parting=u(-1.0, 1.0) if style in ("short", "bob", "long") else 0.0,
        beard=u(0.3, 0.95) if may_have_beard and rng.random() < 0.3 else 0.0,
        freckles=u(0.3, 1.0) if tone < 2.5 and rng.random() < 0.25 else 0.0,
        blush=u(0.2, 1.0),
        skin=skin,
        lips=np.clip(lips, 0.05, 0.9),
        hair=hair,
        brows=np.clip((hair * 0.75 if not gray else hair * 0.6) * 0.9, 0.03, 0.6),
        eyes=np.clip(eyes, 0.03, 0.8),
        texture=np.concatenate([rng.normal(0.0, 1.0, (8, 3)), u(0.0, 2.0 * np.pi, (8, 1))], axis=1),
    )


def sample_expression(seed: int, identity: int, image: int) -> Expression:
    """Draws the expression of one image: a third near neutral, else some actions at once."""
    rng = _stream("expression", seed, identity, image)
    u = rng.uniform
    strength = u(0.0, 0.25) if rng.random() < 0.33 else u(0.5, 1.0)
    on = rng.random(6) < np.array([0.35, 0.5, 0.15, 0.3, 0.25, 1.0])
    smile = u(-0.6, 0.0) if rng.random() < 0.2 else u(0.2, 1.0)
    closed = rng.random() < 0.06
    return Expression(
        mouth_open=float(on[0]) * strength * u(0.3, 1.0),
        smile=float(on[1]) * strength * smile,
        pucker=float(on[2] and not on[1]) * strength * u(0.3, 1.0),
        brow_raise=float(on[3]) * strength * u(-0.3, 1.0),
        brow_frown=float(on[4]) * strength * u(0.2, 1.0),
        eye_closure=1.0 if closed else u(0.0, 0.35),
        gaze_x=float(np.clip(rng.normal(0.0, 0.35), -1.0, 1.0)),
        gaze_y=float(np.clip(rng.normal(0.0, 0.25), -1.0, 1.0)),
    )


def sample_pose(seed: int, identity: int, image: int) -> Pose:
    """Draws yaw in +-45, pitch in +-20, roll in +-8 degrees, uniform; x and y shift in +-0.006."""
    rng = _stream("pose", seed, identity, image)
    rotation = rng.uniform(-1.0, 1.0, 3) * np.array([20.0, 45.0, 8.0])
    translation = rng.uniform(-1.0, 1.0, 3) * np.array([0.006, 0.006, 0.0])
    return Pose(rotation, translation)


def sample_light(seed: int, identity: int, image: int) -> Light:
    """Draws ambient in [0.35, 0.65], diffuse in [0.25, 0.65], their sum at most 1.07.

    The direction is normalize(lx, ly, 1), lx and ly in +-0.9. Albedos stay below 0.93, so that
    nothing is ever clipped at white.
    """
    rng = _stream("light", seed, identity, image)
    ambient = rng.uniform(0.35, 0.65)
    diffuse = rng.uniform(0.25, min(0.65, 1.07 - ambient))
    direction = np.array([*rng.uniform(-0.9, 0.9, 2), 1.0])
    return Light(ambient, diffuse, direction / np.linalg.norm(direction))


def sample_background(seed: int, identity: int, image: int) -> Background:
    """Draws the picture behind the head."""
    rng = _stream("background", seed, identity, image)
    style = BACKGROUND_STYLES[rng.integers(len(BACKGROUND_STYLES))]
    base = rng.uniform(0.08, 0.85, 3)
    base = base.mean() + rng.uniform(0.1, 0.6) * (base - base.mean())
    spread = rng.uniform(0.04, 0.25)
    colors = np.clip(base + rng.uniform(-spread, spread, (10, 3)), 0.05, 0.9)
    return Background(style, colors, rng.random((10, 8)))
