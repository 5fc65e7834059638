"""The faces of any photo, framed as the photos of a run are: what a trained model is shown."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import crop_transforms, crops, detector

#: A face is framed as the run's are where its own crop is no farther than this, at any corner, from the
#: aligned one, a share of the picture's side [choice]; so are nine in ten of CelebA's.
_NEAR = 0.12


def detects(data: DataConfig) -> bool:
    """Whether faces are looked for by default: MediaPipe is there, and it is known where eyes go."""
    return crops.template(data) is not None and bool(detector.name(_kind(data)))


def target(data: DataConfig) -> np.ndarray:
    """Where `find_faces` puts eyes and mouth, `[3, 2]` as shares of the picture's side."""
    known = crops.template(data)
    if known is None or _kind(data) == "cat":
        known = crops.template(dataclasses.replace(data, crop="detect"))
    assert known is not None
    return known


def find_faces(
    photo: Image.Image, data: DataConfig, size: int, detect: bool | None = None
) -> list[np.ndarray]:
    """The crop transform of each face of a photo.

    A face that the run's own center crop frames as the run's photos is cut by it.

    Args:
      photo: upright, RGB.
      data: how the run's photos are cut.
      size: side of the pictures, px.
      detect: whether faces are looked for, with whatever detector there is, and always aligned; by
        default as `detects` says. Without, the photo is cut by the run's own crop.

    Returns:
      A transform a face, the largest face first; one at least.

    Raises:
      NoFace: none was found, or the run's own crop does not fit.
      ValueError: there is no detector.
    """
    looked_for = detects(data) if detect is None else detect
    if not looked_for:
        return [crops.crop_transform(photo, data, size)]
    faces = detector.find(photo, _kind(data))
    if not faces:
        raise crop_transforms.NoFace("no face found")
    wanted = target(data)
    found = [crop_transforms.of_anchors(face.anchors, wanted, size) for face in faces]
    if detect is None and data.crop == "center":
        own = crops.crop_transform(photo, data, size)
        found = [own if _alike(own, one, size) else one for one in found]
    return found


def _alike(own: np.ndarray, aligned: np.ndarray, size: int) -> bool:
    """Whether two crop transforms show nearly the same."""
    corners = np.array([[0.0, 0.0], [size, 0.0], [0.0, size], [size, size]])
    moved = crop_transforms.apply(
        own, crop_transforms.apply(crop_transforms.inverse(aligned), corners)
    )
    return bool(np.hypot(*(moved - corners).T).max() < _NEAR * size)


def _kind(data: DataConfig) -> str:
    return "cat" if data.dataset == "cat_faces" else data.detector
