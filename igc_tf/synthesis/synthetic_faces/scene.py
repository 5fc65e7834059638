"""One photograph, made: identity, expression, pose, light and background in, picture and labels out."""

from __future__ import annotations

import numpy as np

from igc_tf.synthesis.synthetic_faces import anatomy, appearance, population, render

BACKGROUND_DEPTH = 1.1  #: the wall behind the head, where no head is seen

_LANDMARK_TOLERANCE = 0.0025  # depth, about a pixel's worth at 64 pixels


def _posed(points: np.ndarray, identity: population.Identity, pose: population.Pose) -> np.ndarray:
    """Points of the head frame [N, 3] in the camera frame, of the same dtype."""
    scale, middle = anatomy.scale_and_middle(identity)
    turn = scale * render.rotation_matrix(pose.rotation_degrees)
    shift = pose.translation + np.array([0.0, 0.0, -1.0]) - turn @ np.array([0.0, middle, 0.0])
    return points @ turn.T.astype(points.dtype) + shift.astype(points.dtype)


class View:
    """What the camera sees of a head, at side x side samples."""

    def __init__(self, hits: render.Hits, normals: np.ndarray, parts: np.ndarray, side: int):
        """Keeps the hits, their unit normals [N, 3] (camera frame) and part labels [N]."""
        self.hits, self.normals, self.parts, self.side = hits, normals, parts, side

    def spread(self, values: np.ndarray, behind: float | np.ndarray) -> np.ndarray:
        """Values [N, ...] of the hits on the grid of samples, `behind` elsewhere."""
        grid = np.empty((self.side * self.side, *values.shape[1:]), values.dtype)
        grid[:] = behind
        grid[self.hits.sample] = values
        return grid.reshape(self.side, self.side, *values.shape[1:])

    def maps(self) -> dict[str, np.ndarray]:
        """Depth, normals and parts at the samples."""
        return {
            "depth": self.spread(self.hits.depth, BACKGROUND_DEPTH),
            "normals": self.spread(self.normals, np.array([0.0, 0.0, 1.0], np.float32)),
            "parts": self.spread(self.parts, anatomy.BACKGROUND_PART),
        }


def seen_normals(normals: np.ndarray, hits: render.Hits, pose: population.Pose) -> np.ndarray:
    """Normals [N, 3] of the canonical view at the hits, as seen in a pose: unit, to the viewer."""
    rotation = render.rotation_matrix(pose.rotation_degrees).astype(np.float32)
    normals = normals @ rotation.T
    normals[~hits.front] *= -1.0  # the inside of hanging hair
    normals[:, 2] = np.maximum(normals[:, 2], 0.0)  # interpolation overshoots at the outline
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _see(
    face: anatomy.Face, mesh: anatomy.Mesh, pose: population.Pose, side: int
) -> tuple[View, np.ndarray, np.ndarray]:
    """The view, and the points of the head frame [N, 3] and surfaces [N] that are seen."""
    hair = mesh.surface == anatomy.HAIR
    vertices = _posed(mesh.vertices, face.identity, pose)
    hits = render.rasterize(vertices, mesh.triangles, side, two_sided=hair)
    surface = mesh.surface[hits.triangle]
    values = np.concatenate([mesh.vertices, mesh.normals], axis=1)
    values = render.interpolate(values, mesh.triangles, hits)
    points = values[:, :3]
    normals = seen_normals(values[:, 3:], hits, pose)
    return View(hits, normals, face.parts(points, surface), side), points, surface


def shade(normals: np.ndarray, light: population.Light) -> np.ndarray:
    """Shading [...] of unit normals [..., 3]: ambient + diffuse * max(0, n . l) [unsup3d]."""
    cosine = np.maximum(normals @ light.direction.astype(np.float32), 0.0)
    return np.float32(light.ambient) + np.float32(light.diffuse) * cosine


def photograph(
    identity: population.Identity,
    expression: population.Expression,
    pose: population.Pose,
    light: population.Light,
    background: population.Background,
    size: int = 64,
) -> dict[str, np.ndarray]:
    """Makes one picture with all its ground truth; see `develop`."""
    face = anatomy.Face(identity, expression)
    mesh = anatomy.build(face)
    view, points, surface = _see(face, mesh, pose, size * render.OVERSAMPLING)
    return develop(
        view,
        _see(face, mesh, population.FRONTAL, size)[0],
        appearance.albedo(face, points, surface),
        _posed(face.landmarks(), identity, pose),
        expression,
        pose,
        light,
        background,
    )


def develop(
    view: View,
    canonical: View,
    colors: np.ndarray,
    landmarks: np.ndarray,
    expression: population.Expression,
    pose: population.Pose,
    light: population.Light,
    background: population.Background,
) -> dict[str, np.ndarray]:
    """The picture and its ground truth, from what the camera sees of a head.

    The background is a wall that faces the camera, lit like the head; so `image` is `albedo` times
    the shading of `normals` everywhere, up to the averaging over a pixel and the rounding to uint8.

    Args:
      view: of the posed head, `render.OVERSAMPLING` samples a pixel in x and y.
      canonical: of the frontal head, one sample a pixel.
      colors: [N, 3], unlit, at the hits of `view`.
      landmarks: [5, 3], camera frame, posed.
      expression: what the face does.
      pose: of the head.
      light: on head and wall.
      background: what is painted on the wall.

    Returns:
      Arrays by the names of `rendered_heads.HeadsBuilder`'s features, all but `identity` and `index`;
      depths and normals float32.
    """
    size = canonical.side
    middle = slice(render.OVERSAMPLING // 2, None, render.OVERSAMPLING)
    ground_truth = {name: value[middle, middle] for name, value in view.maps().items()}

    unlit = appearance.background_picture(background, size)
    unlit = unlit.repeat(render.OVERSAMPLING, axis=0).repeat(render.OVERSAMPLING, axis=1)
    wall = shade(np.array([0.0, 0.0, 1.0], np.float32), light)
    lit = (unlit * wall).reshape(-1, 3)
    unlit = unlit.reshape(-1, 3)
    unlit[view.hits.sample] = colors
    lit[view.hits.sample] = colors * shade(view.normals, light)[:, None]

    marks, mark_depth = render.project(landmarks, size)
    nearest = view.spread(view.hits.depth, BACKGROUND_DEPTH)
    place = np.floor(marks * render.OVERSAMPLING).astype(int)
    inside = ((place >= 0) & (place < view.side)).all(axis=1)
    column, row = np.clip(place, 0, view.side - 1).T
    visible = inside & (mark_depth <= nearest[row, column] + _LANDMARK_TOLERANCE)
    return {
        "image": _to_uint8(render.pixel_mean(lit, size)),
        "albedo": _to_uint8(render.pixel_mean(unlit, size)),
        **ground_truth,
        "landmarks": marks.astype(np.float32),
        "landmarks_visible": visible,
        "rotation_degrees": pose.rotation_degrees.astype(np.float32),
        "translation": pose.translation.astype(np.float32),
        "light_ambient": np.float32(light.ambient),
        "light_diffuse": np.float32(light.diffuse),
        "light_direction": light.direction.astype(np.float32),
        "expression": expression.vector(),
        **{f"canonical_{name}": value for name, value in canonical.maps().items()},
    }


def sample(seed: int, identity: int, image: int, size: int = 64) -> dict[str, np.ndarray]:
    """`photograph` number `image` of person number `identity`, everything sampled by `population`."""
    return photograph(
        population.sample_identity(seed, identity),
        population.sample_expression(seed, identity, image),
        population.sample_pose(seed, identity, image),
        population.sample_light(seed, identity, image),
        population.sample_background(seed, identity, image),
        size,
    )


def _to_uint8(color: np.ndarray) -> np.ndarray:
    return np.clip(np.round(color * 255.0), 0.0, 255.0).astype(np.uint8)
