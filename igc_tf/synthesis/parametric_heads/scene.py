"""One photograph of a head and its ground truth: person, expression, pose, light and background in."""

from __future__ import annotations

import numpy as np

from igc_tf.synthesis.parametric_heads import anatomy, appearance, regions
from igc_tf.synthesis.parametric_heads.material import Material
from igc_tf.synthesis.parametric_heads.population import Person
from igc_tf.synthesis.synthetic_faces import population as conditions
from igc_tf.synthesis.synthetic_faces import render
from igc_tf.synthesis.synthetic_faces.scene import View, develop, seen_normals

_LASHES = np.array([0.05, 0.04, 0.035], np.float32)
_DECAL_TOLERANCE = 0.003  # depth; brows lie a little before the skin, or in it where it bends


def photograph(
    material: Material,
    person: Person,
    expression: conditions.Expression,
    pose: conditions.Pose,
    light: conditions.Light,
    background: conditions.Background,
    size: int = 64,
) -> dict[str, np.ndarray]:
    """Makes one picture with all its ground truth; see `synthetic_faces.scene.develop`."""
    head = anatomy.Head(material, person, expression)
    view, points = _see(head, pose, size * render.OVERSAMPLING)
    colors = appearance.albedo(material, person, *points)
    return develop(
        view,
        _see(head, conditions.FRONTAL, size)[0],
        _paint(head, pose, view, colors),
        posed(head.place(head.landmarks()), pose),
        expression,
        pose,
        light,
        background,
    )


def posed(points: np.ndarray, pose: conditions.Pose) -> np.ndarray:
    """Points [N, 3] of the canonical view, moved by the pose; camera frame, of the same dtype."""
    center = np.array([0.0, 0.0, -1.0])
    turn = render.rotation_matrix(pose.rotation_degrees)
    return ((points - center) @ turn.T + center + pose.translation).astype(points.dtype)


def _see(
    head: anatomy.Head, pose: conditions.Pose, side: int
) -> tuple[View, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The view; and of the points seen surfaces [N], uv [N, 2], places on the base mesh [N, 3]."""
    mesh = head.mesh
    hair = mesh.surface == regions.HAIR

    def opaque(triangles: np.ndarray, weights: np.ndarray) -> np.ndarray:
        uv = np.einsum("nk,nkc->nc", weights, mesh.uv[triangles])
        return appearance.is_opaque(head.material.textures[head.person.hair], uv)

    hits = render.rasterize(
        posed(head.place(mesh.vertices), pose),
        mesh.triangles,
        side,
        two_sided=hair,
        opaque=opaque if hair.any() else None,
    )
    surface = mesh.surface[hits.triangle]
    values = np.concatenate([mesh.normals, mesh.places], axis=1)
    values = render.interpolate(values, mesh.triangles, hits)
    uv = np.einsum("nk,nkc->nc", hits.weights, mesh.uv[hits.triangle])
    places = values[:, 3:]
    parts = regions.parts(places, uv, surface)
    view = View(hits, seen_normals(values[:, :3], hits, pose), parts, side)
    return view, (surface, uv, places)


def _paint(head: anatomy.Head, pose: conditions.Pose, view: View, colors: np.ndarray) -> np.ndarray:
    """The colors [N, 3] at the view's hits, with brows and lashes over them."""
    mesh, person = head.decals, head.person
    vertices = posed(head.place(mesh.vertices), pose)
    both_sides = np.ones(len(mesh.triangles), bool)
    surface_depth = view.spread(view.hits.depth, np.inf).ravel()
    row = np.full(view.side**2, -1, np.int64)
    row[view.hits.sample] = np.arange(len(view.hits.sample))
    painted = colors.copy()
    for kind, name, tint in ((0, person.brow, person.brow_color), (1, person.lash, _LASHES)):
        some = mesh.surface == kind
        triangles = np.ascontiguousarray(mesh.triangles[some])
        hits = render.rasterize(vertices, triangles, view.side, both_sides[some])
        before = hits.depth < surface_depth[hits.sample] + _DECAL_TOLERANCE
        before &= row[hits.sample] >= 0
        uv = np.einsum("nk,nkc->nc", hits.weights, mesh.uv[some][hits.triangle])[before]
        rows = row[hits.sample[before]]
        painted[rows] = appearance.paint_decal(
            painted[rows], head.material.textures[name], uv, tint
        )
    return painted
