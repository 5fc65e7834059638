"""A canonical depth map and its albedo as a textured mesh: OBJ and GLB.

The points are those of the package's camera, in its frame, which is glTF's: x to the right, y up, z
towards the viewer. So the face lies about (0, 0, -1) and is about 0.17 wide at 10 degrees.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from scipy import ndimage
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from igc_tf.disk import write_text, written
from igc_tf.evaluation.geometry import FOV_DEGREES, unproject
from igc_tf.viewing.colours import to_uint8

_SMOOTH = 1.0  # of the mesh's edge, standard deviation in px [choice]


def textured_mesh(
    depth: np.ndarray,
    albedo: np.ndarray,
    fov_degrees: float = FOV_DEGREES,
    mask: np.ndarray | None = None,
) -> trimesh.Trimesh:
    """Two triangles between every four neighbouring pixels, turned towards the viewer.

    Args:
      depth: `[h, w]`, > 0, at least 2 x 2; its pixel centres become the vertices.
      albedo: `[H, W, 3]` float in [0, 1] or uint8: the texture, of any size.
      fov_degrees: horizontal field of view of the camera, degrees.
      mask: `[h, w]`, what is kept where > 0.5, for instance `1 - canonical_visibility[0]` to leave out
        the background; by default all. The mesh ends on a smooth line between the pixels that are kept
        and the others; what is thinner than a pixel or two goes. In the texture the colours of what is
        kept spread over the rest, so that none of the rest shows at the edge.

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
        texture = spread(texture, keep)
        vertices, faces = _cut(vertices, faces, _inside(keep).reshape(-1))
    if not len(faces):
        raise ValueError("the mask leaves no triangle")
    used, faces = np.unique(faces, return_inverse=True)
    visual = TextureVisuals(
        uv=vertices[used, 3:],
        # White, since the texture is multiplied by it; trimesh's own default is a dark gray.
        material=SimpleMaterial(
            image=Image.fromarray(texture),
            diffuse=(255, 255, 255, 255),
            ambient=(255, 255, 255, 255),
            specular=(0, 0, 0, 255),
        ),
    )
    return trimesh.Trimesh(vertices[used, :3], faces.reshape(-1, 3), visual=visual, process=False)


def write_glb(mesh: trimesh.Trimesh, path: str | os.PathLike[str]) -> None:
    """Writes one binary glTF file, texture inside: seen from both sides, without gloss.

    Args:
      mesh: from `textured_mesh`.
      path: file to write, ending in .glb; its folder must exist.

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
    )
    glossless = mesh.copy()
    glossless.visual = TextureVisuals(uv=mesh.visual.uv, material=material)
    with written(path) as stream:
        stream.write(trimesh.exchange.gltf.export_glb(glossless.scene(), include_normals=True))


def write_obj(mesh: trimesh.Trimesh, path: str | os.PathLike[str]) -> None:
    """Writes an OBJ file, and beside it its material and texture as STEM.mtl and STEM_albedo.png.

    OBJ allows no white space in the names of those two, and not every reader takes more than ASCII: any
    other character of the stem becomes "_" in them, and a digest of the stem tells them apart.

    Args:
      mesh: from `textured_mesh`.
      path: file to write, ending in .obj; its folder must exist.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the name does not end in .obj.
    """
    path = _checked(path, ".obj")
    stem = _plain(path.stem)
    named = mesh.copy()
    named.visual.material.name = f"{stem}_albedo"
    text, files = trimesh.exchange.obj.export_obj(
        named,
        include_normals=True,
        include_texture=True,
        return_texture=True,
        mtl_name=f"{stem}.mtl",
        header=None,
    )
    for name, contents in files.items():
        with written(path.parent / name) as stream:
            stream.write(contents)
    write_text(path, text)


def _plain(stem: str) -> str:
    """The stem, or another one of few ASCII characters that no other stem has."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", stem)[:100]
    if plain == stem:
        return stem
    return f"{plain}_{hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]}"


def _inside(keep: np.ndarray) -> np.ndarray:
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


def spread(texture: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """`[H, W, 3]`: every pixel off `keep` `[h, w]` bool gets the color of the nearest one on it."""
    size = texture.shape[1::-1]
    off = np.asarray(Image.fromarray(~keep).resize(size, Image.Resampling.NEAREST))
    nearest = ndimage.distance_transform_edt(off, return_distances=False, return_indices=True)
    return texture[tuple(nearest)]


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
