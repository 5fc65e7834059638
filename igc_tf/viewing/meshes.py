"""A canonical depth map and its albedo as a textured mesh, part by part: OBJ and GLB.

The points are those of the package's camera, in its frame, which is glTF's: x to the right, y up, z
towards the viewer. So the face lies about (0, 0, -1) and is about 0.17 wide at 10 degrees.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trimesh
from PIL import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from igc_tf.disk import write_text, written
from igc_tf.graphics.pose import PIVOT
from igc_tf.metrics.geometry import FOV_DEGREES, unproject
from igc_tf.structures import BACKGROUND
from igc_tf.viewing import textures
from igc_tf.viewing.colors import part_name, to_uint8
from igc_tf.viewing.result import PhotoResult

PART = "part"  #: `face_attributes[PART]` of a mesh, `[T]`: the part that each triangle is of

_SMOOTH = 1.0  # of the mesh's edge, standard deviation in px [choice]
_MATERIAL = """newmtl {name}
Ka 1.00000000 1.00000000 1.00000000
Kd 1.00000000 1.00000000 1.00000000
Ks 0.00000000 0.00000000 0.00000000
map_Kd {texture}
"""


def face_mesh(
    result: PhotoResult,
    fov_degrees: float = FOV_DEGREES,
    background: bool = False,
    texture: str = "albedo",
) -> trimesh.Trimesh:
    """What was found in a photo as a mesh with a texture of 256 px and the part of every triangle.

    Args:
      result: the face; where there is one part, it is the object, background and all.
      fov_degrees: horizontal field of view of the camera, degrees.
      background: the whole canvas, not the face alone.
      texture: of `textures.KINDS`.

    Returns:
      See `textured_mesh`.

    Raises:
      ValueError: there is no foreground, or no such texture.
    """
    visibility = result.canonical_visibility
    whole = background or result.parts == 1
    return textured_mesh(
        result.depth,
        textures.of(result, texture, fov_degrees),
        fov_degrees,
        None if whole else 1.0 - visibility[BACKGROUND],
        visibility.argmax(0),
        textures.SIZE,
    )


def textured_mesh(
    depth: np.ndarray,
    albedo: np.ndarray,
    fov_degrees: float = FOV_DEGREES,
    mask: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    texture_size: int = 0,
) -> trimesh.Trimesh:
    """Two triangles between every four neighboring pixels, turned towards the viewer.

    Args:
      depth: `[h, w]`, > 0, at least 2 x 2; its pixel centers become the vertices.
      albedo: `[H, W, 3]` float in [0, 1] or uint8: the texture, of any size.
      fov_degrees: horizontal field of view of the camera, degrees.
      mask: `[h, w]`, what is kept where > 0.5, for instance `1 - canonical_visibility[0]` to leave out
        the background; by default all. The mesh ends on a smooth line between the pixels that are kept
        and the others; what is thinner than a pixel or two goes. In the texture the colors of what is
        kept spread over the rest, so that none of the rest shows at the edge.
      labels: `[h, w]` integers, the part of each pixel, for `face_attributes[PART]` of the mesh.
      texture_size: side of the texture, px, if it is larger than the albedo: bicubic.

    Returns:
      A mesh with texture coordinates and a material; vertices of no triangle are left out.

    Raises:
      ValueError: wrong shapes, a depth that is not positive, or a mask that leaves no triangle.
    """
    if depth.ndim != 2 or min(depth.shape) < 2:
        raise ValueError(f"depth must be [h >= 2, w >= 2], got shape {depth.shape}")
    if albedo.ndim != 3 or albedo.shape[-1] != 3:
        raise ValueError(f"albedo must be [H, W, 3], got shape {albedo.shape}")
    if not (depth > 0).all():
        raise ValueError("depth must be > 0 everywhere")
    keep = np.ones(depth.shape, bool) if mask is None else np.asarray(mask) > 0.5
    if keep.shape != depth.shape:
        raise ValueError(f"mask {keep.shape} and depth {depth.shape} differ in size")
    height, width = depth.shape
    index = np.arange(height * width).reshape(height, width)
    faces = _faces(index)
    # Texture coordinates: u to the right, v up, (0, 0) the lower left corner of the picture.
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, 1.0 - (np.arange(height) + 0.5) / height)
    texture = to_uint8(albedo)
    vertices = np.concatenate(
        [unproject(depth, fov_degrees), u[..., np.newaxis], v[..., np.newaxis]], axis=-1
    ).reshape(-1, 5)
    if not keep.all():
        vertices, faces = _cut(vertices, faces, inside(keep).reshape(-1))
    if not len(faces):
        raise ValueError("the mask leaves no triangle")
    attributes = {}
    if not keep.all():
        texture = textures.spread(texture, keep)
        labels = None if labels is None else textures.spread(labels, keep)
    if labels is not None:
        u, v = vertices[faces, 3:].mean(1).T  # of the triangles' middles
        attributes[PART] = labels[((1.0 - v) * height).astype(int), (u * width).astype(int)]
    picture = Image.fromarray(texture)
    if texture_size > max(picture.size):
        picture = picture.resize((texture_size, texture_size), Image.Resampling.BICUBIC)
    used, faces = np.unique(faces, return_inverse=True)
    visual = TextureVisuals(
        uv=vertices[used, 3:],
        # White, since the texture is multiplied by it; trimesh's own default is a dark gray.
        material=SimpleMaterial(
            image=picture,
            diffuse=(255, 255, 255, 255),
            ambient=(255, 255, 255, 255),
            specular=(0, 0, 0, 255),
        ),
    )
    return trimesh.Trimesh(
        vertices[used, :3],
        faces.reshape(-1, 3),
        visual=visual,
        face_attributes=attributes,
        process=False,
    )


class Turn(NamedTuple):
    """How a mesh is animated: it turns about the point that faces turn about."""

    rotations_degrees: Sequence[tuple[float, float, float]]  #: (pitch, yaw, roll) of each frame
    rate: float  #: frames a second; the last frame is followed by the first


def write_glb(
    mesh: trimesh.Trimesh,
    path: str | os.PathLike[str],
    names: Sequence[str] = (),
    turn: Turn | None = None,
) -> None:
    """Writes one binary glTF file, texture inside: seen from both sides, without gloss.

    Each part is a node and a mesh of its name; all have the one material. Vertices on the line between
    two parts are in both, with the normal of the whole surface, so that no line is seen.

    Args:
      mesh: from `textured_mesh`.
      path: file to write, ending in .glb; its folder must exist.
      names: of the parts, the background's first; without, they are numbered.
      turn: an animation of that name; by default there is none.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the name does not end in .glb.
    """
    path = _checked(path, ".glb")
    material = PBRMaterial(
        baseColorTexture=mesh.visual.material.image,
        metallicFactor=0.0,
        roughnessFactor=1.0,
        doubleSided=True,
        name="face",
    )
    scene = trimesh.Scene()
    for name, faces in _parts(mesh, names):
        used, faces = np.unique(faces, return_inverse=True)
        piece = trimesh.Trimesh(
            mesh.vertices[used],
            faces.reshape(-1, 3),
            vertex_normals=mesh.vertex_normals[used],
            visual=TextureVisuals(uv=mesh.visual.uv[used], material=material),
            process=False,
        )
        scene.add_geometry(piece, node_name=name, geom_name=name)

    def finish(buffers: dict[str, bytes], tree: dict[str, Any]) -> None:
        if turn is not None:
            _animate(turn, buffers, tree)

    content = trimesh.exchange.gltf.export_glb(
        scene, include_normals=True, buffer_postprocessor=finish
    )
    with written(path) as stream:
        stream.write(content)


def _animate(turn: Turn, buffers: dict[str, bytes], tree: dict[str, Any]) -> None:
    """Adds the animation to a glTF file that is being made: all of it turns, about the pivot."""
    angles = np.concatenate([turn.rotations_degrees, turn.rotations_degrees[:1]])
    values = {
        "time": (np.arange(len(angles)) / turn.rate).astype(np.float32),
        "rotation": Rotation.from_euler("xyz", angles, degrees=True).as_quat().astype(np.float32),
    }
    for name, array in values.items():
        buffers[name] = array.tobytes()
        tree["accessors"][name] = {
            "bufferView": len(buffers) - 1,
            "componentType": 5126,  # float32
            "type": "SCALAR" if array.ndim == 1 else "VEC4",
            "count": len(array),
            "min": np.atleast_1d(array.min(0)).tolist(),
            "max": np.atleast_1d(array.max(0)).tolist(),
        }
    nodes, scene = tree["nodes"], tree["scenes"][0]
    back = [-place for place in PIVOT]
    nodes.append({"name": "parts", "children": scene["nodes"], "translation": back})
    nodes.append({"name": "turned", "children": [len(nodes) - 1], "translation": list(PIVOT)})
    scene["nodes"] = [len(nodes) - 1]
    count = len(tree["accessors"])
    tree["animations"] = [
        {
            "name": "turn",
            "samplers": [{"input": count - 2, "output": count - 1}],
            "channels": [{"sampler": 0, "target": {"node": scene["nodes"][0], "path": "rotation"}}],
        }
    ]


def write_obj(
    mesh: trimesh.Trimesh, path: str | os.PathLike[str], names: Sequence[str] = ()
) -> None:
    """Writes an OBJ file, and beside it its materials and texture as STEM.mtl and STEM_albedo.png.

    Each part is a group and a material of its name, with "_" for what OBJ does not take; all materials
    have the one texture.

    OBJ allows no white space in the names of those two, and not every reader takes more than ASCII: any
    other character of the stem becomes "_" in them, and a digest of the stem tells them apart.

    Args:
      mesh: from `textured_mesh`.
      path: file to write, ending in .obj; its folder must exist.
      names: of the parts, the background's first; without, they are numbered.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the name does not end in .obj.
    """
    path = _checked(path, ".obj")
    stem = _plain(path.stem)
    texture = f"{stem}_albedo.png"
    lines, materials = [f"mtllib {stem}.mtl"], []
    for kind, rows in (
        ("v", mesh.vertices),
        ("vt", mesh.visual.uv),
        ("vn", mesh.vertex_normals),
    ):
        lines += [" ".join([kind, *(f"{value:.8f}" for value in row)]) for row in rows]
    for name, faces in _parts(mesh, names):
        name = re.sub(r"[^A-Za-z0-9._-]", "_", name)
        lines += [f"g {name}", f"usemtl {name}"]
        lines += [" ".join(["f", *(f"{i}/{i}/{i}" for i in row)]) for row in faces + 1]
        materials.append(_MATERIAL.format(name=name, texture=texture))
    with written(path.parent / texture) as stream:
        mesh.visual.material.image.save(stream, format="PNG")
    write_text(path.parent / f"{stem}.mtl", "\n".join(materials))
    write_text(path, "\n".join(lines) + "\n")


def _parts(mesh: trimesh.Trimesh, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and triangles `[t, 3]` of each part that has any; else all of it as "face"."""
    part_of = mesh.face_attributes.get(PART)
    if part_of is None:
        yield "face", mesh.faces
        return
    for part in np.unique(part_of):
        yield names[part] if names else part_name(part), mesh.faces[part_of == part]


def _plain(stem: str) -> str:
    """The stem, or another one of few ASCII characters that no other stem has."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", stem)[:100]
    if plain == stem:
        return stem
    return f"{plain}_{hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]}"


def inside(keep: np.ndarray) -> np.ndarray:
    """`[h, w]`, > 0 inside of a smooth line about the pixels of `keep`, never on any other pixel."""
    smooth = ndimage.gaussian_filter(keep.astype(float), _SMOOTH, mode="nearest") - 0.5
    return np.where(keep, smooth, np.minimum(smooth, -1e-3))


def _cut(
    vertices: np.ndarray, faces: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts triangles along the line where `inside` is 0, linear on every edge, and keeps those within.

    Args:
      vertices: `[V, D]`, whatever is linear along an edge.
      faces: `[T, 3]`.
      inside: `[V]`, > 0 for what is kept.

    Returns:
      The vertices, those of the line at their end, and the faces, turned as they were.
    """
    number = (inside[faces] > 0).sum(1)

    def lone_first(chosen: np.ndarray, is_lone: np.ndarray) -> np.ndarray:
        turn = (np.arange(3) + is_lone.argmax(1)[:, np.newaxis]) % 3
        return np.take_along_axis(chosen, turn, 1)

    tip, base = faces[number == 1], faces[number == 2]
    tip, base = lone_first(tip, inside[tip] > 0), lone_first(base, inside[base] <= 0)
    crossed = np.concatenate([tip[:, [0, 1]], tip[:, [0, 2]], base[:, [1, 0]], base[:, [2, 0]]])
    edges, index = np.unique(crossed, axis=0, return_inverse=True)
    a, b = edges.T  # from the inside to the outside
    # Never so near to a vertex that a triangle is none.
    share = np.clip(inside[a] / (inside[a] - inside[b]), 0.05, 0.95)[:, np.newaxis]
    new = len(vertices) + index.reshape(-1)
    first, second, third, fourth = np.split(new, np.cumsum([len(tip), len(tip), len(base)]))
    kept = [
        faces[number == 3],
        np.stack([tip[:, 0], first, second], 1),
        np.stack([base[:, 1], base[:, 2], fourth], 1),
        np.stack([base[:, 1], fourth, third], 1),
    ]
    line = (1 - share) * vertices[a] + share * vertices[b]
    return np.concatenate([vertices, line]), np.concatenate(kept)


def _faces(index: np.ndarray) -> np.ndarray:
    """`[T, 3]` vertices of each triangle, counter-clockwise as the viewer sees them."""
    a, b = index[:-1, :-1], index[:-1, 1:]  # upper left, upper right
    c, d = index[1:, :-1], index[1:, 1:]  # lower left, lower right
    triangles = np.stack([np.stack([a, c, b], -1), np.stack([b, c, d], -1)], axis=2)
    return triangles.reshape(-1, 3)


def _checked(path: str | os.PathLike[str], suffix: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"the name must end in {suffix}, got {path.name}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent}; make it before writing there")
    return path
