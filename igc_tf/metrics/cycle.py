"""Does a method agree with itself? Needs no ground truth but, for the parts, landmarks and identities.

Two questions. Does a part lie at the same place of a person's face in all the person's images? And,
where a method renders pictures: if what it found is rendered turned or under another light and given
back to it, does it find the same face again?
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from igc_tf.metrics import geometry
from igc_tf.metrics.landmarks import EYES


class Capsules(NamedTuple):
    """What is found in N pictures, canonical view."""

    depth: np.ndarray  #: [N, h, w], > 0
    albedo: np.ndarray  #: [N, h, w, 3], in [0, 1]
    labels: np.ndarray  #: [N, h, w] the visible part, 0 the background
    yaw_degrees: np.ndarray  #: [N]
    light_direction: np.ndarray  #: [N, 3], unit


class Rerendered(NamedTuple):
    """Capsules of N photos, and of the pictures rendered from them in another pose and light."""

    first: Capsules
    turned: Capsules  #: of the pictures rendered at `turned_yaw_degrees`
    turned_yaw_degrees: np.ndarray  #: [N]
    relit: Capsules  #: of the pictures rendered under `relit_direction`
    relit_direction: np.ndarray  #: [N, 3], unit


#: Names of `rerendered_errors`' metrics and their units.
RERENDERED_UNITS = {
    "rotation_albedo_l1": "",
    "rotation_side_e2": "x 1e-2",
    "rotation_parts_agreement_percent": "%",
    "rotation_yaw_error_degrees": "degrees",
    "rotation_yaw_error_unchanged_degrees": "degrees",
    "relighting_albedo_l1": "",
    "relighting_side_e2": "x 1e-2",
    "relighting_parts_agreement_percent": "%",
    "relighting_light_error_degrees": "degrees",
    "relighting_light_error_unchanged_degrees": "degrees",
    "other_face_albedo_l1": "",
    "other_face_side_e2": "x 1e-2",
    "other_face_parts_agreement_percent": "%",
}


def to_face_frame(points: np.ndarray, landmarks: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Points moved with the similarity that brings an image's landmarks nearest to a reference face.

    Args:
      points: `[N, P, 2]` (x, y) pixels.
      landmarks: `[N, L, 2]` pixels.
      reference: `[L, 2]` the reference face.

    Returns:
      `[N, P, 2]` in the reference's units; NaN where a landmark is, or where all lie at one point.
    """
    z, marks, face = (
        array[..., 0] + 1j * array[..., 1]
        for array in (points, landmarks, np.asarray(reference, np.float64))
    )
    middle = marks.mean(1, keepdims=True)
    centered = marks - middle
    size = (np.abs(centered) ** 2).sum(1, keepdims=True)
    turn = (np.conj(centered) * (face - face.mean())).sum(1, keepdims=True)
    turn = np.where(size > 0, turn / np.where(size > 0, size, 1.0), np.nan)
    moved = turn * (z - middle) + face.mean()
    return np.stack([moved.real, moved.imag], axis=-1)


def position_errors(points: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Distance of each point from where the same person's other images have it.

    Args:
      points: `[N, P, 2]`, NaN where there is none.
      identity: `[N]` integers; below 0 where unknown.

    Returns:
      `[N, P]`, units of the points; NaN where the point is missing, or is in no other image.
    """
    errors = np.full(points.shape[:2], np.nan)
    for person in np.unique(identity[identity >= 0]):
        rows = np.flatnonzero(identity == person)
        own = points[rows]
        there = ~np.isnan(own).any(-1)
        others = there.sum(0) - there
        total = np.where(there[..., np.newaxis], own, 0.0)
        mean = (total.sum(0) - total) / np.maximum(others, 1)[..., np.newaxis]
        distance = np.linalg.norm(own - mean, axis=-1)
        errors[rows] = np.where(there & (others > 0), distance, np.nan)
    return errors


def position_spread(
    centers: np.ndarray,
    landmarks: np.ndarray,
    identity: np.ndarray,
    reference: np.ndarray,
    fixed_point: tuple[float, float],
) -> dict[str, np.ndarray]:
    """How steadily parts keep their place on a face, per image, in per cent of the eyes' distance.

    Part centers are brought to the frame of a reference face by the image's landmarks; then each is
    compared with the mean of the same person's other images [choice].

    Args:
      centers: `[N, P, 2]` pixels, of the parts but the background; NaN where empty.
      landmarks: `[N, 5, 2]` pixels.
      identity: `[N]` integers; below 0 where unknown.
      reference: `[5, 2]` a mean face.
      fixed_point: (x, y) of the picture's middle, px: a "part" that does not see the face.

    Returns:
      `[N]` each, NaN where unknown: `position_spread_percent`, the mean over the parts;
      `position_spread_fixed_point_percent`, what a part must beat; `position_spread_part_<m>_percent`.
    """
    fixed = np.broadcast_to(np.asarray(fixed_point, np.float64), (len(centers), 1, 2))
    points = np.concatenate([centers, fixed], axis=1)
    eyes = np.linalg.norm(reference[EYES[0]] - reference[EYES[1]])
    errors = 100.0 / eyes * position_errors(to_face_frame(points, landmarks, reference), identity)
    parts = errors[:, :-1]
    known = ~np.isnan(parts)
    mean = np.where(known, parts, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    spread = {
        "position_spread_percent": np.where(known.any(1), mean, np.nan),
        "position_spread_fixed_point_percent": errors[:, -1],
    }
    for part in range(parts.shape[1]):
        spread[f"position_spread_part_{part + 1}_percent"] = parts[:, part]
    return spread


def compare(first: Capsules, second: Capsules) -> dict[str, np.ndarray]:
    """How far two sets of capsules differ, image by image, on the object of the first.

    Returns:
      `[N]` each, NaN where the first has no object: `albedo_l1`; `side_e2` of the depths;
      `parts_agreement_percent`, the share of the canonical map (background too) with the same part.
    """
    inside = first.labels > 0
    area = inside.sum((1, 2))
    difference = np.abs(first.albedo.astype(np.float64) - second.albedo).mean(-1)
    albedo = np.where(inside, difference, 0.0).sum((1, 2)) / np.maximum(area, 1)
    return {
        "albedo_l1": np.where(area > 0, albedo, np.nan),
        "side_e2": geometry.side_e2(second.depth, first.depth, inside),
        "parts_agreement_percent": 100.0 * (first.labels == second.labels).mean((1, 2)),
    }


def rerendered_errors(rerendered: Rerendered) -> dict[str, np.ndarray]:
    """Rotation and relighting consistency, image by image, under the names of `RERENDERED_UNITS`.

    Beside what is found again stand two lines: `other_face_...`, the difference to the next photo's
    capsules, and `..._unchanged_...`, the error of a method that did not see the change. The angles
    are the method's own, with its own scale: only agreement with itself is measured.
    """
    first = rerendered.first
    errors = {}
    for name, again in (("rotation", rerendered.turned), ("relighting", rerendered.relit)):
        errors.update({f"{name}_{key}": v for key, v in compare(first, again).items()})
    asked = rerendered.turned_yaw_degrees
    errors["rotation_yaw_error_degrees"] = np.abs(rerendered.turned.yaw_degrees - asked)
    errors["rotation_yaw_error_unchanged_degrees"] = np.abs(first.yaw_degrees - asked)
    light = rerendered.relit_direction
    errors["relighting_light_error_degrees"] = _angle(rerendered.relit.light_direction, light)
    errors["relighting_light_error_unchanged_degrees"] = _angle(first.light_direction, light)
    following = Capsules(*(np.roll(array, -1, axis=0) for array in first))
    alone = len(first.depth) < 2
    for key, values in compare(first, following).items():
        errors[f"other_face_{key}"] = np.full(len(values), np.nan) if alone else values
    return {name: errors[name] for name in RERENDERED_UNITS}


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between unit vectors `[N, 3]`; the chord keeps small angles exact."""
    chord = np.linalg.norm(a.astype(np.float64) - b, axis=-1)
    return 2.0 * np.degrees(np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))
