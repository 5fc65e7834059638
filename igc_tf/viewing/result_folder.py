"""What was found in a photo, as files in a folder of the photo's own.

The photo `people/anna.jpg` has the folder `people/anna.jpg.igc/`, whichever other photos there are:

    photo.txt      which photo it was, one line
    overlay.jpg    the whole photo, the parts laid over the face
    panel.png      everything on one page
    hierarchy.png  the paper's figure
    arrays.npz     the arrays of `igc_tf.viewing.result.PhotoResult`
    face.glb       the textured face, a mesh for each part; it turns too, where that is asked for
    face.obj, face.mtl, face_albedo.png   the same as OBJ
    turn.webp, turn.gif, turn.png   the face turns and nods: animated, and some frames side by side;
                   turn.mp4 too where imageio-ffmpeg is installed
    relight.webp, relight.gif, relight.png   the light goes round the face, likewise
    video.mp4, video.csv   of a video: all of it, side by side, and each frame's pose and light

The whole name of the photo is in that of the folder, so two photos never share one, and a folder of that
ending is never searched for photos (`igc_tf.datasets.reading.search`).
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import trimesh
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.disk import RESULT_SUFFIX, shown, write_text, written
from igc_tf.viewing import meshes, movies, panels, turntable
from igc_tf.viewing.result import PhotoResult

PHOTO, PANEL, HIERARCHY, ARRAYS = "photo.txt", "panel.png", "hierarchy.png", "arrays.npz"
OVERLAY = "overlay.jpg"
VIDEO, VIDEO_TABLE = "video.mp4", "video.csv"
GLB, OBJ = "face.glb", "face.obj"


class Meshes(NamedTuple):
    """How the face becomes a mesh."""

    fov_degrees: float  #: horizontal, of the camera
    background: bool = False  #: the whole canvas, not the face alone
    texture: str = "albedo"  #: of `textures.KINDS`


class Animations(NamedTuple):
    """How the face moves."""

    model: ModelConfig  #: of the model that found it
    motions: Sequence[str]  #: of `turntable.MOTIONS`
    texture: str = "albedo"  #: of `textures.KINDS`


def path_of(output_dir: pathlib.Path, name: str) -> pathlib.Path:
    """The folder of the photo called `name`, its path below the folder of the photos."""
    return output_dir / (name + RESULT_SUFFIX)


def write(
    output_dir: pathlib.Path,
    name: str,
    source: str,
    result: PhotoResult,
    names: Sequence[str] = (),
    mesh: Meshes | None = None,
    animations: Animations | None = None,
    overlay: np.ndarray | None = None,
) -> pathlib.Path:
    """Writes the files of one photo, each whole or not at all.

    An earlier result of the same photo is replaced.

    Args:
      output_dir: below which the photo's folder is made.
      name: the photo's path below the folder of the photos.
      source: what tells this photo from others of the same name, such as its URI: one line.
      result: what was found.
      names: of the parts, the background's first; without, they are numbered.
      mesh: how the meshes are made; by default there are none.
      animations: which are rendered; by default there are none.
      overlay: `[H, W, 3]` uint8, the parts over the whole photo; by default there is none.

    Returns:
      The photo's folder.

    Raises:
      FileExistsError: a folder of that name is there and holds the result of another photo, or no result.
      ValueError: there is no foreground to make a mesh of; all else is written.
      OSError: a file cannot be written.
    """
    folder = path_of(output_dir, name)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, source)
    for file, picture in (
        (PANEL, panels.panel(result, names=names)),
        (HIERARCHY, panels.hierarchy(result, names=names)),
    ):
        panels.save_png(picture, folder / file)
    result.save_npz(folder / ARRAYS)
    if overlay is not None:
        with written(folder / OVERLAY) as stream:
            Image.fromarray(overlay).save(stream, "JPEG", quality=92)
    if animations is not None:
        for motion in animations.motions:
            views = turntable.MOTIONS[motion](result)
            frames = turntable.render(result, animations.model, views, texture=animations.texture)
            for ending in (".webp", ".gif"):
                turntable.save(frames, folder / f"{motion}{ending}")
            if movies.has_ffmpeg():
                movies.save(frames, folder / f"{motion}.mp4", turntable.FRAMES_PER_SECOND)
            panels.save_png(turntable.strip(frames), folder / f"{motion}.png")
    if mesh is not None:
        turn = None
        if animations is not None and "turn" in animations.motions:
            rotations = [view.rotation_degrees for view in turntable.turning(result)]
            turn = meshes.Turn(rotations, turntable.FRAMES_PER_SECOND)
        face = _face(result, mesh)
        meshes.write_obj(face, folder / OBJ, names)
        meshes.write_glb(face, folder / GLB, names, turn)
    return folder


def _face(result: PhotoResult, mesh: Meshes) -> trimesh.Trimesh:
    try:
        return meshes.face_mesh(result, mesh.fov_degrees, mesh.background, mesh.texture)
    except ValueError as error:
        raise ValueError(
            f"no mesh, the background hides all else ({error}); --mesh_background writes all of it"
        ) from error


def _claim(folder: pathlib.Path, source: str) -> None:
    """Notes whose folder it is.

    Raises:
      FileExistsError: it is another photo's, or somebody's.
    """
    note = folder / PHOTO
    if note.is_file():
        owner = note.read_text(encoding="utf-8", errors="replace").strip()
        if owner != source:
            raise FileExistsError(
                f"{shown(folder)} holds the result of another photo, {shown(owner)}; give another "
                "--output_dir, or move it away"
            )
    elif any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise FileExistsError(
            f"{shown(folder)} is there and holds no result; give another --output_dir"
        )
    write_text(note, source + "\n")
