"""All that is found in one photo, as NumPy arrays: what the pictures and files are made of."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from igc_tf.disk import written

_SHAPES = {
    "image": ("H", "W", 3),
    "reconstruction": ("H", "W", 3),
    "mask": ("H", "W"),
    "segmentation": ("H", "W"),
    "part_visibility": ("M", "H", "W"),
    "part_depth": ("M", "h", "w"),
    "part_albedo": ("M", "h", "w", 3),
    "canonical_visibility": ("M", "h", "w"),
    "depth": ("h", "w"),
    "albedo": ("h", "w", 3),
    "normals": ("h", "w", 3),
    "shading": ("h", "w"),
    "canonical_image": ("h", "w", 3),
    "rotation_degrees": (3,),
    "translation": (3,),
    "light": (5,),
    "alpha": ("H", "W"),
    "photo": ("P", "P", 3),
}
#: What not all files and servers have.
_OPTIONAL = frozenset(("alpha", "photo"))
_UINT8 = frozenset(("segmentation", "photo"))


@dataclasses.dataclass(frozen=True)
class PhotoResult:
    """One photo taken apart. Colors are float32 in [0, 1] unless said otherwise.

    "Photo" arrays (H x W) are in the photo's view; "canonical" ones (h x w) in the canonical view.

    Raises:
      ValueError: an array whose shape does not fit the others, or that is not finite.
    """

    image: np.ndarray  #: [H, W, 3], the input
    reconstruction: np.ndarray  #: [H, W, 3], photo; 0 where `mask` is 0
    mask: (
        np.ndarray
    )  #: [H, W], photo; 1 where it is rendered: the canvas; over a static background everywhere
    segmentation: np.ndarray  #: [H, W] uint8, photo; the visible part
    part_visibility: np.ndarray  #: [M, H, W], photo, in [0, 1]
    part_depth: np.ndarray  #: [M, h, w], canonical
    part_albedo: np.ndarray  #: [M, h, w, 3], canonical
    canonical_visibility: np.ndarray  #: [M, h, w], canonical, in [0, 1]
    depth: np.ndarray  #: [h, w], canonical, the assembled object
    albedo: np.ndarray  #: [h, w, 3], canonical, the assembled object
    normals: np.ndarray  #: [h, w, 3], canonical, unit vectors
    shading: np.ndarray  #: [h, w], canonical, in [0, 2]
    canonical_image: np.ndarray  #: [h, w, 3], albedo times shading
    rotation_degrees: np.ndarray  #: [3], (pitch, yaw, roll)
    translation: np.ndarray  #: [3], (x, y, z), units of the camera's distance
    light: np.ndarray  #: [5], (ambient, diffuse, dx, dy, dz)
    alpha: np.ndarray | None = None  #: [H, W], photo, in [0, 1]; the foreground's share
    photo: np.ndarray | None = None  #: [P, P, 3] uint8, `image` as finely as the photo has it

    def __post_init__(self) -> None:
        """Brings every array to its type and checks that their shapes fit together."""
        sizes: dict[str, int] = {}
        for name, letters in _SHAPES.items():
            if name in _OPTIONAL and getattr(self, name) is None:
                continue
            dtype = np.uint8 if name in _UINT8 else np.float32
            array = np.asarray(getattr(self, name)).astype(dtype, copy=False)
            fits = array.ndim == len(letters) and all(
                length == (letter if isinstance(letter, int) else sizes.setdefault(letter, length))
                for letter, length in zip(letters, array.shape, strict=True)
            )
            if not fits:
                known = ", ".join(f"{letter} = {size}" for letter, size in sizes.items())
                raise ValueError(
                    f"{name} must be [{', '.join(map(str, letters))}] with {known}; "
                    f"got shape {array.shape}"
                )
            if dtype is np.float32 and not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity; the model has diverged")
            object.__setattr__(self, name, array)
        if self.segmentation.size and self.segmentation.max() >= self.parts:
            raise ValueError(
                f"segmentation names part {self.segmentation.max()}, but there are {self.parts}"
            )

    @property
    def parts(self) -> int:
        """M, the number of part capsules, the background among them."""
        return self.part_depth.shape[0]

    def save_npz(self, path: str | os.PathLike[str]) -> None:
        """Writes all arrays under their names, compressed; the file is whole or not there.

        Args:
          path: file to write, ending in .npz; its folder must exist.

        Raises:
          FileNotFoundError: the folder does not exist.
          ValueError: the name does not end in .npz.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(f"the name must end in .npz, got {path.name}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no folder {path.parent}; make it before saving there")
        arrays = {name: getattr(self, name) for name in _SHAPES}
        with written(path) as stream:
            np.savez_compressed(stream, **{n: a for n, a in arrays.items() if a is not None})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PhotoResult:
        """Reads what `save_npz` wrote.

        Raises:
          FileNotFoundError: no such file.
          ValueError: an array is missing or does not fit.
        """
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in _SHAPES if name not in {*arrays.files, *_OPTIONAL}]
            if missing:
                raise ValueError(f"{path} is no result of this program: it lacks {missing[0]}")
            return cls(**{name: arrays[name] for name in _SHAPES if name in arrays.files})
