"""Readers of MakeHuman's files: the base mesh (OBJ), targets, and the pieces that ride on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_TRIANGLE, _QUAD = 10, 11  # face types of three.js' JSON format 3: with material and corners' uv


def read_obj(
    text: str, groups: Sequence[str]
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Vertices `[V, 3]`, and for each group that is there its triangles and their corners' uv.

    Only what MakeHuman writes is read: faces of three or four corners `vertex/uv`. (trimesh merges
    and renumbers vertices, to which the targets refer.)

    Returns:
      float32 vertices; `{group: (int32 [T, 3], float32 [T, 3, 2], v downwards)}`.
    """
    vertices, uv, group = [], [], ""
    corners: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append(rest.split())
        elif kind == "vt":
            uv.append(rest.split()[:2])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f" and group in groups:
            found = rest.split()
            corners.setdefault(group, []).extend(
                [found[0], found[k], found[k + 1]] for k in range(1, len(found) - 1)
            )
    places = np.array(uv, np.float32)
    places[:, 1] = 1.0 - places[:, 1]
    faces = {}
    for group, triangles in corners.items():
        numbers = np.array(
            [[corner.split("/")[:2] for corner in triangle] for triangle in triangles], np.int32
        )
        faces[group] = (numbers[..., 0] - 1, places[numbers[..., 1] - 1])
    return np.array(vertices, np.float32), faces


def read_target(content: bytes, count: int) -> np.ndarray:
    """Displacements `[count, 3]` float32 of a target: lines of vertex, dx, dy, dz."""
    lines = [line for line in content.decode().splitlines() if line and line[0] != "#"]
    table = np.array([line.split() for line in lines], np.float32).reshape(-1, 4)
    deltas = np.zeros((count, 3), np.float32)
    deltas[table[:, 0].astype(int)] = table[:, 1:]
    return deltas


def read_proxy(described: dict) -> tuple[np.ndarray, ...]:
    """Triangles, corners' uv (v downwards), anchors, weights and offsets of a piece in JSON.

    Raises:
      ValueError: it has faces of another form than MakeHuman's exporter writes.
    """
    numbers, at = described["faces"], 0
    places = np.array(described["uvs"][0], np.float32).reshape(-1, 2)
    places[:, 1] = 1.0 - places[:, 1]
    triangles, corners = [], []
    while at < len(numbers):
        sides = {_TRIANGLE: 3, _QUAD: 4}.get(numbers[at])
        if sides is None:
            raise ValueError(f"{described['metadata'].get('name')}: face type {numbers[at]}.")
        face = numbers[at + 1 : at + 1 + sides]
        corner = numbers[at + 2 + sides : at + 2 + 2 * sides]
        for k in range(1, sides - 1):
            triangles.append([face[0], face[k], face[k + 1]])
            corners.append([corner[0], corner[k], corner[k + 1]])
        at += 2 + 2 * sides
    return (
        np.array(triangles, np.int32),
        places[np.array(corners)],
        np.array(described["ref_vIdxs"], np.int32),
        np.array(described["weights"], np.float32),
        np.array(described["offsets"], np.float32),
    )
