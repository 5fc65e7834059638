"""igc_tf: IGC-Net (Graphics Capsules, CVPR 2023), trainable, in TensorFlow.

From unlabeled photos of faces, a hierarchy of 3D parts: every part is a *graphics capsule* with a
depth map and an albedo; the parts assemble into one object that is lit, posed and rendered back into
the photo.

Sources are marked throughout: `[paper]` stated by the paper (arXiv 2303.10896); `[group]` the same
authors' later released inference code; `[unsup3d]` Unsup3D's published code (Wu et al., CVPR
2020); `[choice]` this project's own, because no source states it.

Conventions, valid in every module (said here once):

* **Sizes** are (height, width), in pixels. Letters in shape comments: B images, M parts, H x W the
  image, h x w the canonical maps, D an embedding, V vertices, T triangles.
* **Images and albedos** are float32 RGB in [0, 1], `[B, H, W, 3]`; row 0 is the top row, column 0 the
  left one. On disk and at the serving boundary they are uint8 in [0, 255].
* **Pixel centers** lie at +0.5: the center of pixel (row i, column j) is at x = j + 0.5, y = i + 0.5,
  counted from the top-left corner of the picture. Landmarks are (x, y) in these units.
* **Camera frame** (TF Graphics', OpenGL's and glTF's): right-handed, x to the right of the picture, y
  up, z towards the viewer. The camera sits at the origin and looks along -z; **depth** is -z, about 1
  for a face, smaller is nearer. Lengths are in units of that distance.
* **Canonical view**: the face as it would look frontal, unrotated, at depth about 1; canonical maps
  are depth and albedo seen in that view.
* **Pose**: `rotation` = (pitch, yaw, roll), radians inside, degrees at the flags and in files; right
  handed about x, y, z, applied as R = Rz(roll) Ry(yaw) Rx(pitch) about the point (0, 0, -1), then
  `translation`. So yaw > 0 turns the face to the image's right, pitch > 0 turns it down, roll > 0
  turns the picture counter-clockwise.
* **Normals** are unit vectors of the camera frame, z > 0 for surfaces that face the viewer. **Light
  direction** is the unit vector from the surface towards the light.
* **Part 0** is the background capsule.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from igc_tf.pretrained import Pretrained

__version__ = "0.1.0"


def load(name_or_run: str | os.PathLike) -> Pretrained:
    """The trained model of released weights (`igc_tf.load("photos")`) or of a run's directory.

    Returns:
      An `igc_tf.pretrained.Pretrained`: `predict`, `render`, `mix` and `mesh`.

    Raises:
      ValueError, FileNotFoundError: see `igc_tf.pretrained.load`.
    """
    from igc_tf import pretrained  # TensorFlow is imported where it is used, not with the package

    return pretrained.load(name_or_run)
