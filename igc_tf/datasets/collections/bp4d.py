"""BP4D-Spontaneous: 41 people, eight tasks each that draw out an emotion, filmed in 2D and 3D."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from igc_tf.datasets import reading
from igc_tf.datasets.collections import base

_DESCRIPTION = """
BP4D-Spontaneous: films of 41 people (23 women, 18 men) in eight tasks, each meant to draw out an
emotion. Only the 2D frames are read. Nobody is in two splits: 29 people train, 4 validation, 8
test, chosen by a hash of their names.
"""
_LICENSE = """
Handed out by Binghamton University under a signed agreement, for non-commercial research.
See https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html.
"""
_CITATION = """
@article{zhang2014bp4d,
  title={{BP4D-Spontaneous}: A high-resolution spontaneous {3D} dynamic facial expression database},
  author={Zhang, Xing and Yin, Lijun and Cohn, Jeffrey F. and Canavan, Shaun and Reale, Michael and
    Horowitz, Andy and Liu, Peng and Girard, Jeffrey M.},
  journal={Image and Vision Computing},
  volume={32},
  number={10},
  pages={692--706},
  year={2014}
}
"""
#: What each task is meant to draw out.
EXPRESSIONS = {
    "T1": "happiness",
    "T2": "sadness",
    "T3": "surprise",
    "T4": "embarrassment",
    "T5": "fear",
    "T6": "pain",
    "T7": "anger",
    "T8": "disgust",
}
_SUBJECT = re.compile(r"[FM]\d{3}")


@dataclasses.dataclass
class BP4DConfig(tfds.core.BuilderConfig):
    """Which frames."""

    #: One frame in so many of a film.
    every: int = 1


class BP4D(base.PhotoCollection):
    """BP4D's frames; see `base.PhotoCollection` for the features, of which `identity` is the subject.

    Besides: `task` (T1 to T8), `expression` (what the task is meant to draw out) and `frame`, its number.
    Neighboring frames of a film are nearly the same, so that the default takes one in ten [choice].
    """

    name = "bp4d"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    DESCRIPTION, LICENSE, CITATION = _DESCRIPTION, _LICENSE, _CITATION
    HOMEPAGE = "https://www.cs.binghamton.edu/~lijun/Research/3DFE/3DFE_Analysis.html"
    BUILDER_CONFIGS = [
        BP4DConfig(name="tenth", description="One frame in ten.", every=10),
        BP4DConfig(name="all", description="Every frame."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The 2D frames of BP4D-Spontaneous as SUBJECT/TASK/FRAME.jpg, for example F001/T1/0001.jpg.
    """

    def own_features(self) -> dict[str, Any]:
        """See `base.PhotoCollection.own_features`."""
        return {
            "task": tfds.features.Text(),
            "expression": tfds.features.Text(),
            "frame": np.int64,
        }

    def photos(self, folder: pathlib.Path) -> dict[str, list[base.Photo]]:
        """See `base.PhotoCollection.photos`."""
        films = [
            film
            for subject in _subjects(folder)
            for film in sorted(subject.iterdir())
            if film.name in EXPRESSIONS and film.is_dir()
        ]
        found = [photo for film in films for photo in _frames(folder, film)[:: self._every()]]
        if not found:
            raise FileNotFoundError(
                f"BP4D's frames: looked for {_subjects(folder)[0] / 'T1' / '*.jpg'}, which are not "
                f"there. "
                "docs/data.md says how the folder must be laid out."
            )
        return base.by_people(found, lambda photo: photo.identity)

    def _every(self) -> int:
        return self.builder_config.every


def _subjects(folder: pathlib.Path) -> list[pathlib.Path]:
    """Folders F001 to M018, in `folder` or in its folder `Sequences` or `2D+3D`."""
    for root in (folder, folder / "Sequences", folder / "2D+3D"):
        if root.is_dir():
            found = sorted(path for path in root.iterdir() if _SUBJECT.fullmatch(path.name))
            if found:
                return found
    base.first(folder, "BP4D's subjects", "F001", "Sequences/F001", "2D+3D/F001")
    raise FileNotFoundError(f"{folder / 'F001'} is not there.")


def _frames(folder: pathlib.Path, film: pathlib.Path) -> list[base.Photo]:
    """The frames of a film in the order of their numbers."""
    frames = [
        (int(path.stem), path)
        for path in film.iterdir()
        if path.suffix.lower() in reading.extensions() and path.stem.isdecimal()
    ]
    return [
        base.Photo(
            path.relative_to(folder),
            identity=film.parent.name,
            labels={
                "task": film.name,
                "expression": EXPRESSIONS[film.name],
                "frame": number,
            },
        )
        for number, path in sorted(frames)
    ]
