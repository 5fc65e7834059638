"""CMU Multi-PIE: 337 people, 15 cameras, 20 lights, up to four sessions with several expressions."""

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
CMU Multi-PIE's multi-view photos: 337 people, 15 cameras, 20 lights, up to four sessions of two or
three expressions. Nobody is in two splits: subjects 1 to 190 train, 191 to 200 validation, 201 to
346 test.
"""
_LICENSE = """
Sold by Carnegie Mellon University under a license for research; no photo of it may be passed on.
See https://www.cs.cmu.edu/afs/cs/project/PIE/MultiPie/Multi-Pie/Home.html.
"""
_CITATION = """
@article{gross2010multi,
  title={Multi-{PIE}},
  author={Gross, Ralph and Matthews, Iain and Cohn, Jeffrey and Kanade, Takeo and Baker, Simon},
  journal={Image and Vision Computing},
  volume={28},
  number={5},
  pages={807--813},
  year={2010}
}
"""
#: Camera to nominal yaw, degrees: 15 degrees apart at head height, and two above.
CAMERAS = {
    "11_0": -90, "12_0": -75, "09_0": -60, "08_0": -45, "13_0": -30, "14_0": -15, "05_1": 0,
    "05_0": 15, "04_1": 30, "19_0": 45, "20_0": 60, "01_0": 75, "24_0": 90, "08_1": -45, "19_1": 45,
}  # fmt: skip
#: The two cameras above the head.
ABOVE = ("08_1", "19_1")
#: (session, recording) to expression.
EXPRESSIONS = {
    (1, 1): "neutral", (1, 2): "smile",
    (2, 1): "neutral", (2, 2): "surprise", (2, 3): "squint",
    (3, 1): "neutral", (3, 2): "smile", (3, 3): "disgust",
    (4, 1): "neutral", (4, 2): "scream", (4, 3): "neutral",
}  # fmt: skip
#: The flash next to the frontal camera.
FRONTAL_LIGHT = 7
#: The first subject of validation and of test: the first 200 people train, as is usual for this
#: collection; that ten of them validate is a [choice].
_VALIDATION, _TEST = 191, 201
_NAME = re.compile(r"(\d{3})_(\d{2})_(\d{2})_(\d{3})_(\d{2})")


@dataclasses.dataclass
class MultiPIEConfig(tfds.core.BuilderConfig):
    """Which photos."""

    #: Lights to take; None for all.
    lights: tuple[int, ...] | None = None
    #: Take the cameras above the head too.
    above: bool = True


class MultiPIE(base.PhotoCollection):
    """Multi-PIE; see `base.PhotoCollection` for the features, of which `identity` is the subject.

    Besides: `session` 1 to 4, `recording` 1 to 3, `expression`, `camera` such as '05_1', `yaw_deg`
    its nominal yaw, and `illumination` 0 to 19 (0 and 19 without a flash).

    That yaw grows towards the image's right, as everywhere in `igc_tf`, was not checked on the
    collection.
    """

    name = "multi_pie"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    DESCRIPTION, LICENSE, CITATION = _DESCRIPTION, _LICENSE, _CITATION
    HOMEPAGE = "https://www.cs.cmu.edu/afs/cs/project/PIE/MultiPie/Multi-Pie/Home.html"
    BUILDER_CONFIGS = [
        MultiPIEConfig(name="all", description="Every camera and light."),
        MultiPIEConfig(
            name="views",
            description="The 13 cameras at head height, with the frontal flash.",
            lights=(FRONTAL_LIGHT,),
            above=False,
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The collection's folder `data`, which holds session01/multiview/001/01/05_1/001_01_01_051_07.png
    and so on.
    """

    def own_features(self) -> dict[str, Any]:
        """See `base.PhotoCollection.own_features`."""
        return {
            "session": np.int64,
            "recording": np.int64,
            "expression": tfds.features.Text(),
            "camera": tfds.features.Text(),
            "yaw_deg": np.float32,
            "illumination": np.int64,
        }

    def photos(self, folder: pathlib.Path) -> dict[str, list[base.Photo]]:
        """See `base.PhotoCollection.photos`."""
        root = base.first(
            folder, "Multi-PIE's photos", *(f"{data}session01/multiview" for data in ("", "data/"))
        ).parents[1]
        config = self.builder_config
        found: dict[str, list[base.Photo]] = {"train": [], "validation": [], "test": []}
        for path in sorted(root.glob("session0[1-4]/multiview/*/*/*/*")):
            photo = _photo(folder, path)
            if photo is None or not config.above and photo.labels["camera"] in ABOVE:
                continue
            if config.lights is None or photo.labels["illumination"] in config.lights:
                found[_split(int(photo.identity))].append(photo)
        for split, photos in found.items():
            if not photos:
                raise ValueError(
                    f"{root} has no photo of the {split} split: subjects 1 to {_VALIDATION - 1} train, "
                    f"{_VALIDATION} to {_TEST - 1} validation, the rest test."
                )
        return found


def _split(subject: int) -> str:
    return "train" if subject < _VALIDATION else "validation" if subject < _TEST else "test"


def _photo(folder: pathlib.Path, path: pathlib.Path) -> base.Photo | None:
    """A photo by its name; None for other files."""
    match = _NAME.fullmatch(path.stem)
    if match is None or path.suffix.lower() not in reading.extensions():
        return None
    subject, session, recording, camera, illumination = match.groups()
    camera = f"{camera[:2]}_{camera[2]}"
    if camera not in CAMERAS:
        return None
    return base.Photo(
        path.relative_to(folder),
        identity=subject,
        labels={
            "session": int(session),
            "recording": int(recording),
            "expression": EXPRESSIONS.get((int(session), int(recording)), ""),
            "camera": camera,
            "yaw_deg": CAMERAS[camera],
            "illumination": int(illumination),
        },
    )
