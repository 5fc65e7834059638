"""What is known of the photos in a folder: who, which view, which light, pose and landmarks.

Given in one of three ways (`read`'s `source`):

* a CSV file with the columns of `COLUMNS`, all but `file` optional; by default the folder's own
  labels.csv, if it has one. A `score` column says that pose and landmarks are a network's predictions,
  so that results against them are called "pseudo"; rows with a score under 0.5 lose them;
* `folders`: the name of the first sub-folder is the person;
* a regular expression, looked for in the photo's path below the folder, with named groups of `GROUPS`:
  `(?P<identity>\\d+)_(?P<view>\\d+)` reads 02_17.jpg.
"""

from __future__ import annotations

import csv
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from igc_tf.config import DataConfig
from igc_tf.datasets import crops

FILE_NAME = "labels.csv"
FOLDERS = "folders"
#: Rows with a lower score are predictions not to be trusted.
LEAST_SCORE = 0.5

_NUMBERS = (
    "view", "yaw_deg", "pitch_deg", "roll_deg", "light_azimuth_deg", "light_elevation_deg",
)  # fmt: skip
_MARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
_LANDMARKS = tuple(f"{mark}_{axis}" for mark in _MARKS for axis in "xy")
_LANDMARK_DEPTHS = tuple(f"{mark}_z" for mark in _MARKS)
#: Named groups of a pattern.
GROUPS = ("identity", *_NUMBERS)
#: Columns of a labels file; others are not read. Landmarks are px of the photo as it is shown, left is
#: the picture's left. Their z is their depth, px as well, larger is farther; where 0 is does not matter.
COLUMNS = ("file", "score", *GROUPS, *_LANDMARKS, *_LANDMARK_DEPTHS)


class Labels(NamedTuple):
    """What is known of N photos: NaN, or -1, where nothing is; None where no photo has it."""

    identity: np.ndarray | None  #: [N] int64
    view: np.ndarray | None  #: [N]
    rotation_degrees: np.ndarray | None  #: [N, 3] (pitch, yaw, roll)
    light_degrees: np.ndarray | None  #: [N, 2] (azimuth, elevation)
    landmarks: np.ndarray | None  #: [N, 5, 2] (x, y), px of the cropped and resized picture
    pseudo: bool  #: a network predicted rotation, landmarks and their depth
    landmark_depth: np.ndarray | None = None  #: [N, 5] px of the picture, larger is farther


def read(
    data: DataConfig, names: Sequence[str], transforms: np.ndarray, source: str = ""
) -> Labels | None:
    """The labels of some photos of a folder.

    Args:
      data: the folder.
      names: the photos, paths below the folder, from `ImageStore.names`.
      transforms: where their points lie in the pictures, from `ImageStore.transforms`.
      source: a CSV file, 'folders' or a pattern; '' for the folder's labels.csv.

    Returns:
      The labels; None without a source and a labels.csv.

    Raises:
      FileNotFoundError: the CSV file is not there.
      ValueError: a damaged CSV file or pattern, or one that knows none of the photos.
    """
    folder = pathlib.Path(data.data_dir)
    if not source:
        if not (folder / FILE_NAME).is_file():
            return None
        source = str(folder / FILE_NAME)
    if source.endswith(".csv"):
        rows = _read_csv(pathlib.Path(source))
    elif source == FOLDERS:
        rows = {
            name: {"identity": pathlib.PurePosixPath(name).parts[0]}
            for name in names
            if "/" in name
        }
    else:
        rows = _match(source, names)
    found = [rows.get(name, {}) for name in names]
    if not any(found):
        raise ValueError(
            f"--labels={source} knows none of the {len(names)} photos of {folder}, e.g. {names[0]}."
        )
    pseudo = any("score" in row for row in found)
    found = [_trusted(row) for row in found]
    numbers = {
        name: np.array([float(row.get(name, "nan")) for row in found])
        for name in (*_NUMBERS, *_LANDMARKS, *_LANDMARK_DEPTHS)
    }
    landmarks = np.stack([numbers[name] for name in _LANDMARKS], 1).reshape(-1, 5, 2)
    depth = np.stack([numbers[name] for name in _LANDMARK_DEPTHS], 1)
    identity = [row.get("identity", "") for row in found]
    return assemble(identity, numbers, landmarks, transforms, pseudo, depth)


def assemble(
    identity: Sequence[str],
    numbers: Mapping[str, np.ndarray],
    landmarks: np.ndarray | None,
    transforms: np.ndarray,
    pseudo: bool = False,
    landmark_depth: np.ndarray | None = None,
) -> Labels:
    """Labels from columns of N values.

    Args:
      identity: '' where unknown.
      numbers: any of `GROUPS` but the identity, `[N]`, NaN where unknown.
      landmarks: `[N, 5, 2]` px of the photos, or None.
      transforms: `[N, 2, 3]`, see `ImageStore.transforms`.
      pseudo: a network predicted rotation, landmarks and their depth.
      landmark_depth: `[N, 5]` px of the photos, or None.
    """
    unknown = np.full(len(identity), np.nan)
    numbers = {name: np.asarray(numbers.get(name, unknown), float) for name in _NUMBERS}
    if landmarks is None:
        landmarks = np.full((len(identity), 5, 2), np.nan)
    if landmark_depth is None:
        landmark_depth = np.full((len(identity), 5), np.nan)
    scale = np.sqrt(np.abs(np.linalg.det(transforms[:, :, :2])))  # how much the photo is enlarged
    return Labels(
        identity=_codes(identity),
        view=_or_none(numbers["view"]),
        rotation_degrees=_or_none(
            np.stack([numbers[f"{a}_deg"] for a in ("pitch", "yaw", "roll")], 1)
        ),
        light_degrees=_or_none(
            np.stack([numbers[f"light_{a}_deg"] for a in ("azimuth", "elevation")], 1)
        ),
        landmarks=_or_none(move(landmarks, transforms)),
        pseudo=pseudo,
        landmark_depth=_or_none(landmark_depth * scale[:, np.newaxis]),
    )


def _read_csv(path: pathlib.Path) -> dict[str, dict[str, str]]:
    """`{file: {column: text}}`, empty cells left out."""
    if not path.is_file():
        raise FileNotFoundError(f"--labels={path}: no such file.")
    rows = {}
    # Names of files may be no UTF-8: they are taken byte for byte, as the folder's are.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        reader = csv.DictReader(stream)
        if "file" not in (reader.fieldnames or ()):
            raise ValueError(f"--labels={path} has no column 'file'; its first line names them.")
        for row in reader:
            known = {name: row[name] for name in COLUMNS if row.get(name) not in (None, "")}
            for name in ("score", *_NUMBERS, *_LANDMARKS, *_LANDMARK_DEPTHS):
                if name in known and not _is_number(known[name]):
                    raise ValueError(
                        f"--labels={path}, line {reader.line_num}: {name} is {known[name]!r}, "
                        "no number."
                    )
            rows[known.pop("file", "")] = known
    return rows


def _match(pattern: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What a pattern's groups find in each name."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"--labels={pattern} is no regular expression: {error}.") from error
    groups = set(compiled.groupindex)
    if not groups or groups - set(GROUPS):
        raise ValueError(
            f"--labels={pattern}: give a .csv file, 'folders', or a regular expression with named "
            f"groups of {', '.join(GROUPS)}."
        )
    rows = {}
    for name in names:
        match = compiled.search(name)
        if match:
            rows[name] = {key: text for key, text in match.groupdict().items() if text}
            for key in _NUMBERS:
                if key in rows[name] and not _is_number(rows[name][key]):
                    raise ValueError(
                        f"--labels={pattern} reads {key} = {rows[name][key]!r} from {name}, "
                        "no number."
                    )
    return rows


def read_anchors(folder: str | pathlib.Path) -> dict[str, np.ndarray]:
    """`{file: [3, 2] anchors of crops.Marks}` of the landmarks in a folder's labels.csv.

    Raises:
      FileNotFoundError: there is no labels.csv.
      ValueError: it is damaged.
    """
    path = pathlib.Path(folder) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"--crop=landmarks reads the landmarks of photos from {path}, which is not there; "
            "docs/data.md describes it. Without landmarks: --crop=detect, center or none."
        )
    return {file: crops.anchors(marks) for file, marks in read_landmarks(folder).items()}


def read_landmarks(folder: str | pathlib.Path) -> dict[str, np.ndarray]:
    """`{file: [5, 2] px of the photo}` of a folder's labels.csv.

    Raises:
      FileNotFoundError: there is no labels.csv.
      ValueError: it is damaged.
    """
    rows = _read_csv(pathlib.Path(folder) / FILE_NAME)
    trusted = {file: _trusted(row) for file, row in rows.items()}
    return {
        file: np.array([float(row[name]) for name in _LANDMARKS]).reshape(5, 2)
        for file, row in trusted.items()
        if all(name in row for name in _LANDMARKS)
    }


def move(points: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """`[N, K, 2]` points of photos, px, to px of the pictures made of them."""
    turned = np.einsum("nij,nkj->nki", transforms[:, :, :2], points)
    return turned + transforms[:, None, :, 2]


def _trusted(row: dict[str, str]) -> dict[str, str]:
    """A row without predictions of too low a score."""
    if float(row.get("score", 1.0)) >= LEAST_SCORE:
        return row
    predicted = ("yaw_deg", "pitch_deg", "roll_deg", *_LANDMARKS, *_LANDMARK_DEPTHS)
    return {name: text for name, text in row.items() if name not in predicted}


def _codes(texts: Sequence[str]) -> np.ndarray | None:
    """Integers that are equal where the texts are; -1 where there is none."""
    if not any(texts):
        return None
    code = {text: number for number, text in enumerate(sorted(set(texts) - {""}))}
    return np.array([code.get(text, -1) for text in texts], np.int64)


def _or_none(values: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(values).all() else values


def _is_number(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False
