"""A face's texture: its albedo, or what the photo shows of it, which is finer."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from igc_tf.graphics import renderer
from igc_tf.metrics.geometry import FOV_DEGREES
from igc_tf.structures import BACKGROUND, Pose
from igc_tf.viewing.result import PhotoResult

SIZE = 256  #: side of a texture, px: readers of meshes enlarge less smoothly than we
KINDS = ("albedo", "photo")

#: Seen from such a cosine between the surface and the line of sight on not at all, wholly. [choice]
_GRAZING, _FACING = 0.25, 0.55
#: Farther behind what is seen there than this, units of the camera's distance, is hidden. [choice]
_BEHIND = 0.01
#: Over the side: standard deviation of the depth's smoothing, of the seams', and width of the face's
#: rim, where the photo may show what is behind it. [choice]
_SMOOTH, _SEAM, _RIM = 0.7 / 64, 1.0 / 64, 2.0 / 64
#: Darker shading is divided out as this: the photo knows too little there. [choice]
_DARKEST = 0.35
_DARK = 1e-2  # that a tone counts as at least


def of(result: PhotoResult, kind: str, fov_degrees: float = FOV_DEGREES) -> np.ndarray:
    """A face's texture in the canonical view.

    "albedo" is the capsules' own. "photo" is the photo, where it shows the surface; where it does not,
    the mirrored other side; and the albedo, in the photo's tone, where it shows neither. The photo is
    divided by the shading that was found, so that all three fit together and can be lit. What else it
    shows, a hand before the face or a strand of hair, is in the texture too.

    Args:
      result: the face; where there is one part, it is the object, background and all.
      kind: of `KINDS`.
      fov_degrees: horizontal field of view of the camera, degrees.

    Returns:
      `[h, w, 3]` float32 in [0, 1], the background's albedo where that is seen; "photo" is of 256 px.

    Raises:
      ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"texture={kind!r}: there are {' and '.join(KINDS)}")
    if kind == "albedo":
        return result.albedo
    keep = np.ones_like(result.depth, bool)
    if result.parts > 1:
        keep = result.canonical_visibility[BACKGROUND] < 0.5
    if not keep.any():
        return result.albedo
    depth, shading = (enlarged(smoothed(maps), SIZE) for maps in (result.depth, result.shading))
    colors, seen = _seen(result, depth, fov_degrees)
    colors = np.clip(colors / np.maximum(shading, _DARKEST)[..., np.newaxis], 0.0, 1.0)
    inside = np.asarray(Image.fromarray(keep).resize((SIZE, SIZE), Image.Resampling.NEAREST))
    rim = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] / (_RIM * SIZE)
    seen = ndimage.gaussian_filter(seen * np.clip(rim, 0.0, 1.0), _SEAM * SIZE)
    texture = np.clip(enlarged(spread(result.albedo, keep), SIZE), 0.0, 1.0)
    sure = seen > 0.5
    if sure.any():
        tone, own = (np.maximum(np.median(one[sure], 0), _DARK) for one in (colors, texture))
        texture = np.clip(texture * (tone / own), 0.0, 1.0)
    for more, share in ((colors[:, ::-1], seen[:, ::-1]), (colors, seen)):
        texture = texture + share[..., np.newaxis] * (more - texture)
    behind = np.clip(enlarged(result.albedo, SIZE), 0.0, 1.0)
    return np.where(inside[..., np.newaxis], texture, behind).astype(np.float32)


def _seen(
    result: PhotoResult, depth: np.ndarray, fov_degrees: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of each point of a canonical depth map `[s, s]`: its color in the photo, and how well it is seen.

    Returns:
      `[s, s, 3]`, and `[s, s]` in [0, 1].
    """
    size = len(depth)
    photo = result.image if result.photo is None else result.photo / np.float32(255)
    camera = renderer.Renderer((size, size), fov_degrees)
    rotation = np.radians(result.rotation_degrees)[np.newaxis]
    view = Pose(tf.constant(rotation, tf.float32), tf.constant(result.translation[np.newaxis]))
    maps = tf.constant(depth[np.newaxis])
    points = camera.posed_vertices(maps, view, margin=0)[0].numpy()
    pixels = camera.surface_pixels(maps, view)[0].numpy()
    front = camera.render(maps, view, tf.zeros([1, size, size, 3]))[0][0, ..., 3].numpy()

    normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(points, axis=-1)
    cosine = np.einsum("hwc,hwc->hw", normals, -points) / np.maximum(lengths, 1e-12)
    place = np.moveaxis(pixels[..., ::-1], -1, 0)
    behind = -points[..., 2] - _looked_up(front, place - 0.5)
    there = (behind < _BEHIND) & (pixels > 0).all(-1) & (pixels < size).all(-1)
    share = there * np.clip((cosine - _GRAZING) / (_FACING - _GRAZING), 0.0, 1.0)
    place = place * (len(photo) / size) - 0.5
    colors = [_looked_up(channel, place) for channel in np.moveaxis(photo, -1, 0)]
    return np.stack(colors, axis=-1), share.astype(np.float32)


def _looked_up(maps: np.ndarray, place: np.ndarray) -> np.ndarray:
    """A map at (row, column) `[2, ...]`, bilinear; beyond its border as it is there."""
    return ndimage.map_coordinates(maps, place, order=1, mode="nearest")


def smoothed(depth: np.ndarray) -> np.ndarray:
    """A map `[h, w]` smoothed by 0.7 px of 64, or the steps between parts would be lit as wrinkles."""
    return ndimage.gaussian_filter(depth, _SMOOTH * len(depth), mode="nearest")


def spread(texture: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """`[H, W, ...]`: every pixel off `keep` `[h, w]` bool gets the color of the nearest one on it."""
    height, width = texture.shape[:2]
    off = np.asarray(Image.fromarray(~keep).resize((width, height), Image.Resampling.NEAREST))
    nearest = ndimage.distance_transform_edt(off, return_distances=False, return_indices=True)
    return texture[tuple(nearest)]


def enlarged(array: np.ndarray, size: int) -> np.ndarray:
    """`[h, w, ...]` to `[size, size, ...]` float32, bicubic."""
    shape = array.shape
    channels = tf.constant(array.reshape(*shape[:2], -1), tf.float32)
    found = tf.image.resize(channels, [size, size], tf.image.ResizeMethod.BICUBIC)
    return found.numpy().reshape(size, size, *shape[2:])
