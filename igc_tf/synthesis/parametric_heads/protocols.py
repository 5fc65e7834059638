"""Which pictures make up a split: in the wild, a Multi-PIE-like grid, BP4D-like sequences.

A plan is a list of `Shot`s; `conditions(...)` turns one into what `scene.photograph` asks for. All
ranges are [choice]; the collections' own numbers are named where a protocol follows them.

People of different splits differ, in all protocols at once: a model trained on the wild pictures may
be tested on the grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from igc_tf.synthesis.synthetic_faces import population
from igc_tf.synthesis.synthetic_faces.population import Background, Expression, Light, Pose

PROTOCOLS = ("wild", "grid", "sequences")
#: First person of each split.
FIRST_PERSON = {"train": 0, "validation": 100_000, "test": 200_000}

#: Multi-PIE's 13 cameras at the height of the head, degrees.
YAWS = tuple(range(-90, 91, 15))
#: (azimuth, elevation) in degrees of the grid's lights, > 0 from the picture's right and from above;
#: None is the room's light alone. They stand still relative to the camera, as the model's does, so
#: that every view can be lit by every light; Multi-PIE's stand still relative to the room.
LIGHTS = (None, (0.0, 0.0), (-45.0, 0.0), (45.0, 0.0), (0.0, 40.0))

#: BP4D's eight tasks by the emotion they call for, and the actions at its height.
TASKS = {
    "happiness": {"smile": 1.0, "mouth_open": 0.35},
    "sadness": {"smile": -0.6, "brow_raise": 0.3, "eye_closure": 0.3},
    "surprise": {"brow_raise": 1.0, "mouth_open": 0.9},
    "embarrassment": {"smile": 0.5, "gaze_y": -0.8, "gaze_x": 0.4, "eye_closure": 0.25},
    "fear": {"brow_raise": 0.7, "mouth_open": 0.3, "smile": -0.4},
    "pain": {"brow_frown": 0.8, "eye_closure": 0.8, "smile": -0.3, "mouth_open": 0.2},
    "anger": {"brow_frown": 1.0, "pucker": 0.3},
    "disgust": {"brow_frown": 0.6, "smile": -0.6, "eye_closure": 0.3, "pucker": 0.2},
}
FRAMES = 8  #: of each sequence

_SEQUENCES, _STUDIO = 12, 13  # random streams; the synthetic faces' are 1 to 5, persons' is 11


class Shot(NamedTuple):
    """One picture of a plan; -1 where a protocol knows no such thing."""

    index: int  # type: ignore[assignment]  # unique over the splits of a data set
    identity: int
    image: int = 0  #: in the wild: which draw
    view: int = -1  #: grid: place in `YAWS`
    lighting: int = -1  #: grid: place in `LIGHTS`
    sequence: int = -1  #: sequences: place in `TASKS`
    frame: int = -1  #: sequences: of `FRAMES`


class Conditions(NamedTuple):
    """Everything but the person."""

    expression: Expression
    pose: Pose
    light: Light
    background: Background


def plan(protocol: str, split: str, people: int, images: int, first_index: int) -> list[Shot]:
    """The pictures of a split, in order.

    Args:
      protocol: of `PROTOCOLS`.
      split: 'train', 'validation' or 'test'.
      people: how many.
      images: in the wild, of each; the other protocols know how many.
      first_index: index of the first picture.

    Raises:
      ValueError: there is no such protocol.
    """
    if protocol == "wild":
        each = [{"image": k} for k in range(images)]
    elif protocol == "grid":
        each = [
            {"view": view, "lighting": light}
            for view in range(len(YAWS))
            for light in range(len(LIGHTS))
        ]
    elif protocol == "sequences":
        each = [
            {"sequence": task, "frame": frame}
            for task in range(len(TASKS))
            for frame in range(FRAMES)
        ]
    else:
        raise ValueError(f"No protocol {protocol!r}; there are {', '.join(PROTOCOLS)}.")
    return [
        Shot(first_index + person * len(each) + k, FIRST_PERSON[split] + person, **values)
        for person in range(people)
        for k, values in enumerate(each)
    ]


def conditions(seed: int, shot: Shot) -> Conditions:
    """Expression, pose, light and background of a picture."""
    if shot.view >= 0:
        return _grid(seed, shot)
    if shot.sequence >= 0:
        return _sequence(seed, shot)
    key = (seed, shot.identity, shot.image)
    return Conditions(
        population.sample_expression(*key),
        population.sample_pose(*key),
        population.sample_light(*key),
        population.sample_background(*key),
    )


def _grid(seed: int, shot: Shot) -> Conditions:
    pose = Pose(np.array([0.0, float(YAWS[shot.view]), 0.0]), np.zeros(3))
    return Conditions(Expression(), pose, grid_light(shot.lighting), _studio(seed, shot.identity))


def grid_light(number: int) -> Light:
    """Light number `number` of the grid."""
    place = LIGHTS[number]
    if place is None:
        return Light(0.85, 0.15, np.array([0.0, 0.0, 1.0]))
    azimuth, elevation = np.radians(place)
    direction = [
        np.sin(azimuth) * np.cos(elevation),
        np.sin(elevation),
        np.cos(azimuth) * np.cos(elevation),
    ]
    return Light(0.35, 0.7, np.array(direction))


def _sequence(seed: int, shot: Shot) -> Conditions:
    """An expression that rises, stays and falls, while the head sways a little before one camera."""
    rng = np.random.default_rng([seed, _SEQUENCES, shot.identity, shot.sequence])
    apex = list(TASKS.values())[shot.sequence]
    strength, peak = rng.uniform(0.65, 1.0), rng.uniform(0.4, 0.65)
    sway, phase = rng.uniform(0.3, 1.0, 3), rng.uniform(0.0, 2.0 * np.pi, 3)
    rest = rng.uniform(-1.0, 1.0, 3)
    time = shot.frame / (FRAMES - 1)
    rise = min(time / peak, (1.0 - time) / (1.0 - peak))
    height = strength * np.clip(1.5 * rise, 0.0, 1.0)
    rotation = np.array([6.0, 12.0, 3.0]) * (
        0.6 * rest + 0.6 * sway * np.sin(2.0 * np.pi * time + phase)
    )
    return Conditions(
        Expression(**{action: float(height * most) for action, most in apex.items()}),
        Pose(rotation, np.zeros(3)),
        population.sample_light(seed, shot.identity, 0),
        _studio(seed, shot.identity),
    )


def _studio(seed: int, identity: int) -> Background:
    """A plain wall, the same in all pictures of a person."""
    rng = np.random.default_rng([seed, _STUDIO, identity])
    gray = rng.uniform(0.25, 0.75) + rng.uniform(-0.03, 0.03, 3)
    colors = np.clip(gray + rng.uniform(-0.06, 0.06, (10, 1)), 0.05, 0.9)
    return Background("gradient", colors, rng.random((10, 8)))
