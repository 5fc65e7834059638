"""A trained model as an object: photos in, capsules out, turned and relit faces back.

import igc_tf
model = igc_tf.load("photos")
face = model.predict("photo.jpg")[0]         # its parts, depth, albedo, pose and light, as arrays
everybody = model.faces("group.jpg")         # of each face in a photo, the largest first
picture = model.render(face, yaw=30)         # [256, 256, 3] uint8
model.mesh(face).export("face.glb")
model.mix(face, other, ["eyes", "mouth"])    # the other's eyes and mouth in this face
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import trimesh
from PIL import Image

from igc_tf import inference, mixing, parallel, released, run_directory
from igc_tf.config import Config
from igc_tf.datasets import crop_transforms, framing, reading
from igc_tf.igc_net import IGCNet
from igc_tf.viewing import meshes, textures, turntable
from igc_tf.viewing.result import PhotoResult

#: A photo: a path, or uint8 RGB `[H, W, 3]`.
Photo = str | os.PathLike | np.ndarray
_BATCH = 16


class Pretrained:
    """A model with its weights, and the way its photos are cut."""

    def __init__(self, config: Config, model: IGCNet):
        """Takes a model and the configuration it was trained with; `load` makes both."""
        self.config, self.network = config, model

    @property
    def part_names(self) -> list[str]:
        """M names, the background's first."""
        return self.config.model.capsule_names

    def predict(
        self, photos: Photo | Sequence[Photo], detect: bool | None = None
    ) -> list[PhotoResult]:
        """Takes photos apart, the largest face of each.

        Args:
          photos: one, or several: paths, or uint8 RGB `[H, W, 3]` of any size, or `[N, H, W, 3]`.
          detect: True looks for the face, and puts eyes and mouth where the model's training photos have
            them; False cuts the photos as those were cut, so they should be framed as those. By default
            the face is looked for where MediaPipe is installed and the model's photos were framed in a
            known way (`igc_tf.datasets.framing`).

        Returns:
          One result a photo.

        Raises:
          FileNotFoundError: there is no such photo.
          ValueError: one cannot be read, or is no uint8 RGB picture, or no face was found in it.
        """
        if isinstance(photos, str | os.PathLike):
            photos = [photos]
        elif isinstance(photos, np.ndarray) and photos.ndim == 3:
            photos = [photos]
        calls = ((None, functools.partial(self._cut, photo, detect)) for photo in photos)
        return self._found([faces[0] for _, faces in parallel.ahead(calls)])

    def faces(self, photo: Photo, detect: bool | None = None) -> list[PhotoResult]:
        """Takes every face of a photo apart, the largest first; see `predict`."""
        return self._found(self._cut(photo, detect))

    def _found(self, cut: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> list[PhotoResult]:
        pictures, finer = zip(*cut, strict=True)
        results = []
        for where, batch, output in inference.predict(self.network, np.stack(pictures), _BATCH):
            found = inference.photo_results(batch, output)
            pairs = zip(found, finer[where], strict=True)
            results += [dataclasses.replace(one, photo=photo) for one, photo in pairs]
        return results

    def _cut(self, photo: Photo, detect: bool | None) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Each face, cut for the network, `[S, S, 3]` uint8, and more finely, for textures."""
        if isinstance(photo, np.ndarray):
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
                raise ValueError(
                    f"A photo must be uint8 [H, W, 3], not {photo.dtype} {list(photo.shape)}."
                )
            image, name = Image.fromarray(photo), "the photo"
        else:
            name = os.fspath(photo)
            try:
                image = reading.read_photo(pathlib.Path(photo))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        data, size = self.config.data, self.config.model.image_size
        try:
            found = framing.find_faces(image, data, size, detect)
            return [
                (
                    crop_transforms.resample(image, transform, size),
                    crop_transforms.detailed(image, transform, size, textures.SIZE),
                )
                for transform in found
            ]
        except crop_transforms.NoFace as error:
            raise ValueError(f"{name}: {error}") from error

    def render(
        self,
        face: PhotoResult,
        yaw: float = 0.0,
        pitch: float = 0.0,
        roll: float = 0.0,
        light: tuple[float, float, float] | None = None,
        size: int = turntable.SIZE,
        texture: str = "photo",
    ) -> np.ndarray:
        """Renders a face from another side, or in another light.

        Args:
          face: from `predict`.
          yaw: degrees; positive turns it to the picture's right.
          pitch: degrees; positive turns it down.
          roll: degrees; positive turns it counter-clockwise.
          light: (x, y, z) from the face towards the light, x to the picture's right, y up, z to the
            viewer; the photo's own light if None.
          size: side of the picture, px.
          texture: "photo", the photo's colors where it shows the surface, or "albedo", the capsules' own;
            see `textures.of`.

        Returns:
          `[size, size, 3]` uint8.

        Raises:
          ValueError: a light without direction, or no such texture.
        """
        ambient, diffuse, x, y, z = (float(value) for value in face.light)
        if light is not None:
            length = float(np.linalg.norm(light))
            if not length:
                raise ValueError("light=(0, 0, 0) has no direction.")
            x, y, z = (value / length for value in light)
        view = turntable.View((pitch, yaw, roll), (ambient, diffuse, x, y, z))
        return turntable.render(face, self.config.model, [view], size, texture)[0]

    def part_numbers(self, names: Sequence[str]) -> list[int]:
        """Numbers of parts that are named as in `part_names`.

        Raises:
          ValueError: there is no such part; the message names those there are.
        """
        numbers = {name: number for number, name in enumerate(self.part_names)}
        for name in names:
            if name not in numbers:
                raise ValueError(f"no part is called {name!r}; there are {', '.join(numbers)}.")
        return [numbers[name] for name in names]

    def mix(self, face: PhotoResult, donor: PhotoResult, parts: Sequence[str]) -> PhotoResult:
        """Puts parts of another face into a face, which keeps its pose and light; see `mixing.mix`.

        Args:
          face: from `predict`.
          donor: from `predict`: whose parts are taken.
          parts: their names, of `part_names`.

        Returns:
          The mixture, to `render`, to make a `mesh` of, to mix again.

        Raises:
          ValueError: there is no such part.
        """
        return mixing.mix(self.network, face, donor, self.part_numbers(parts))

    def mesh(
        self, face: PhotoResult, background: bool = False, texture: str = "photo"
    ) -> trimesh.Trimesh:
        """The face as a textured mesh, in the frame of the canonical view.

        Its `face_attributes["part"]` tells the part of each triangle; `meshes.write_glb` and `write_obj`
        write it part by part.

        Args:
          face: from `predict`.
          background: the whole canvas, not the face alone.
          texture: "photo" or "albedo"; see `render`.

        Raises:
          ValueError: there is no foreground, or no such texture.
        """
        return meshes.face_mesh(face, self.config.model.fov_degrees, background, texture)


def load(name_or_run: str | os.PathLike) -> Pretrained:
    """The model of released weights, or of a run.

    Args:
      name_or_run: the name of released weights (`photos`, `synthetic`), or a run's directory.

    Raises:
      ValueError, FileNotFoundError: there are no such weights and no such run, or they are damaged.
    """
    if os.fspath(name_or_run) in released.names():
        folder = released.path_of(os.fspath(name_or_run))
    else:
        folder = pathlib.Path(name_or_run)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder}: neither a run's directory nor the name of released weights; of these there "
                f"are {', '.join(released.names())}."
            )
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("float32")  # whatever else this process trains
    try:
        return Pretrained(*run_directory.load_model(folder))
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
