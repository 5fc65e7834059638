"""A canonical depth map and its albedo as a textured mesh: OBJ and GLB.

The points are those of the package's camera, in its frame, which is glTF's: x to the right, y up, z
towards the viewer. So the face lies about (0, 0, -1) and is about 0.17 wide at 10 degrees.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from igc_tf.evaluation.geometry import FOV_DEGREES, unproject
from igc_tf.viewing.colours import to_uint8


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
      mask: `[h, w]`; only triangles whose corners are all > 0.5 are kept, for instance
        `1 - canonical_visibility[0]` to leave out the background. By default all are.

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
    faces = faces[keep.reshape(-1)[faces].all(1)]
    if not len(faces):
        raise ValueError("the mask leaves no triangle; is it the background's instead of its rest?")
    # Texture coordinates: u to the right, v up, (0, 0) the lower left corner of the picture.
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, 1.0 - (np.arange(height) + 0.5) / height)
    used, faces = np.unique(faces, return_inverse=True)
    visual = TextureVisuals(
        uv=np.stack([u, v], axis=-1).reshape(-1, 2)[used],
        # White, since the texture is multiplied by it; trimesh's own default is a dark gray.
        material=SimpleMaterial(
            image=Image.fromarray(to_uint8(albedo)),
            diffuse=(255, 255, 255, 255),
            ambient=(255, 255, 255, 255),
            specular=(0, 0, 0, 255),
        ),
    )
    points = unproject(depth, fov_degrees).reshape(-1, 3)[used]
    return trimesh.Trimesh(points, faces.reshape(-1, 3), visual=visual, process=False)


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
    path.write_bytes(trimesh.exchange.gltf.export_glb(glossless.scene(), include_normals=True))


def write_obj(mesh: trimesh.Trimesh, path: str | os.PathLike[str]) -> None:
    """Writes an OBJ file, and beside it its material and texture as STEM.mtl and STEM_albedo.png.

    White space in the stem becomes "_" in the names of those two, as OBJ allows none there.

    Args:
      mesh: from `textured_mesh`.
      path: file to write, ending in .obj; its folder must exist.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the name does not end in .obj.
    """
    path = _checked(path, ".obj")
    stem = "_".join(path.stem.split())
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
        (path.parent / name).write_bytes(contents)
    path.write_text(text, encoding="utf-8")


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
