"""Finds the faces in a photo, with eyes and mouth: MediaPipe's detector, else OpenCV's cascades.

Both are optional. MediaPipe's face detector (BlazeFace; of its six key points the eyes and the mouth are
used, of its face mesh nothing) finds faces from profile to profile. OpenCV's cascades are Viola and
Jones': frontal faces, then profiles to either side; or cats. They give a box, in which eyes and mouth
are taken to lie where they do on average. The networks come in the packages' own wheels: nothing is
downloaded. docs/data.md has how many faces each finds.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image

from igc_tf.datasets import crop_transforms
from igc_tf.silence import silenced

#: Packages to install, at the versions that go with this project's NumPy and protobuf.
CASCADES_PACKAGE = "opencv-python-headless==4.11.0.86"
KEY_POINTS_PACKAGE = "mediapipe==0.10.14"
#: Cascades by what they find, tried in this order; '-' mirrors the photo first.
CASCADES = {
    "face": (
        "haarcascade_frontalface_alt2.xml",
        "haarcascade_profileface.xml",
        "-haarcascade_profileface.xml",
    ),
    "cat": ("haarcascade_frontalcatface_extended.xml", "haarcascade_frontalcatface.xml"),
}
#: Where MediaPipe's detector sees eyes and mouth in the box of a cascade, as shares of it: medians over
#: 488 photos of LFW.
BOX_ANCHORS = np.array([[0.305, 0.41], [0.72, 0.41], [0.515, 0.857]])

#: Photos are looked at with a shorter side of this many px [choice].
_SIDE = 240
#: The least face, as a share of the shorter side [choice].
_LEAST = 0.2
#: MediaPipe looks at photos with a longer side of this many px [choice].
_LONGEST = 960
#: Scores from which a face is looked at more closely, and from which it is one then; and of one that is
#: smaller than a tenth of the photo's longer side, where much else looks like one [choice].
_CANDIDATE, _SURE, _SURE_SMALL = 0.3, 0.5, 0.78
#: Where no face is larger than this share of the photo's longer side, its ninths are looked at too, each
#: half as large as it; of photos with a longer side of so many px. [choice]
_SMALL, _LEAST_TILED = 0.2, 256
#: The closer look: side of the picture, px, and of what it shows over the distance from eyes to mouth.
_CLOSE, _CLOSE_SIDE = 192, 4.6

_local = threading.local()  # a cascade, and a network, serves one thread at a time
_starting = threading.Lock()


class Face(NamedTuple):
    """A face in a photo."""

    anchors: np.ndarray  #: [3, 2] (x, y) px: image-left eye, image-right eye, mouth's center
    box: np.ndarray  #: [4] left, top, right, bottom, px


def has_key_points() -> bool:
    """Whether MediaPipe is installed, which sees eyes and mouth themselves; it needs OpenCV too."""
    return all(importlib.util.find_spec(module) for module in ("mediapipe", "cv2"))


def require(kind: str = "face") -> None:
    """Checks that there is a detector.

    Args:
      kind: a key of `CASCADES`.

    Raises:
      ValueError: neither MediaPipe nor OpenCV is installed; the message says how to.
    """
    if kind == "face" and has_key_points():
        return
    if importlib.util.find_spec("cv2") is None:
        raise ValueError(
            "--crop=detect needs OpenCV, which is not installed: pip install "
            f"{CASCADES_PACKAGE}; or, to find more faces, MediaPipe (docs/data.md)"
        )


def name(kind: str) -> str:
    """What finds faces of that kind here: MediaPipe's name and version, or '' for the cascades."""
    return KEY_POINTS_PACKAGE if kind == "face" and has_key_points() else ""


def find(photo: Image.Image, kind: str = "face") -> list[Face]:
    """The faces in a photo, the largest first.

    Args:
      photo: upright, RGB.
      kind: a key of `CASCADES`.

    Raises:
      ValueError: there is no detector.
    """
    require(kind)
    faces = _with_key_points(photo) if name(kind) else _with_cascades(np.asarray(photo), kind)
    return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))


# ---- MediaPipe -----------------------------------------------------------------------------------


class _Seen(NamedTuple):
    """What a network saw, px of what it was shown."""

    score: float
    anchors: np.ndarray  # [3, 2]
    box: np.ndarray  # [4]


def _with_key_points(photo: Image.Image) -> list[Face]:
    """Both networks look at the photo, then the near one more closely at each face that they saw."""
    scale = min(1.0, _LONGEST / max(photo.size))
    size = tuple(max(1, round(side * scale)) for side in photo.size)
    small = photo if scale == 1.0 else photo.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(small)
    candidates = [*_seen(pixels, near=True), *_seen(pixels, near=False)]
    largest = max((one.box[2] - one.box[0] for one in candidates), default=0.0)
    if largest < _SMALL * max(size) >= _SMALL * _LEAST_TILED:
        candidates += _in_tiles(pixels)
    if not candidates:  # A face that fills the photo is seen with room around it.
        pad = max(size) // 2
        padded = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
        candidates = [_moved(one, -pad, -pad) for one in _seen(padded, near=True)]
    kept: list[_Seen] = []
    for one in sorted(candidates, key=lambda seen: -seen.score):
        if any(_same(one, other) for other in kept):
            continue
        closer = _closer(small, one)
        tiny = one.box[2] - one.box[0] < 0.1 * max(size)
        if closer is None or closer.score < (_SURE_SMALL if tiny else _SURE):
            continue
        if not any(_same(closer, other) for other in kept):
            kept.append(closer)
    ratio = np.array(photo.size) / size
    return [Face(one.anchors * ratio, one.box * np.tile(ratio, 2)) for one in kept]


def _in_tiles(pixels: np.ndarray) -> list[_Seen]:
    """Faces that are small in the photo: of a group, or far away."""
    height, width = pixels.shape[:2]
    return [
        _moved(one, left, top)
        for top in (0, height // 4, height // 2)
        for left in (0, width // 4, width // 2)
        for one in _seen(pixels[top : top + height // 2, left : left + width // 2], near=False)
    ]


def _moved(seen: _Seen, x: int, y: int) -> _Seen:
    return seen._replace(anchors=seen.anchors + [x, y], box=seen.box + [x, y, x, y])


def _closer(photo: Image.Image, seen: _Seen) -> _Seen | None:
    """The same face at a closer look; None if it is not seen there."""
    left, right, mouth = seen.anchors @ [1, 1j]
    middle = (left + right) / 2
    down = mouth - middle
    length = max(abs(down), abs(right - left), 2.0)
    # The face upright, the center between its eyes and mouth in the middle.
    factor = _CLOSE / (_CLOSE_SIDE * length) * (1j * abs(down) / down if down else 1)
    shift = (1 + 1j) * _CLOSE / 2 - factor * (middle + mouth) / 2
    transform = crop_transforms.of_similarity(factor, shift)
    try:
        picture = crop_transforms.resample(photo, transform, _CLOSE)
    except crop_transforms.NoFace:
        return None
    found = _seen(picture, near=True)
    if not found:
        return None
    half = np.full(2, _CLOSE / 2)
    best = min(found, key=lambda one: float(np.hypot(*(one.anchors.mean(0) - half))))
    back = crop_transforms.inverse(transform)
    center = crop_transforms.apply(back, best.box.reshape(2, 2).mean(0))
    reach = (best.box[2] - best.box[0]) / 2 * np.hypot(*back[0, :2])
    return _Seen(
        best.score,
        crop_transforms.apply(back, best.anchors),
        np.concatenate([center - reach, center + reach]),
    )


def _same(one: _Seen, other: _Seen) -> bool:
    """Whether two boxes are of one face: the center of one lies in the other."""
    return any(
        (a.box[:2] < b.box.reshape(2, 2).mean(0)).all()
        and (b.box.reshape(2, 2).mean(0) < a.box[2:]).all()
        for a, b in ((one, other), (other, one))
    )


def _seen(pixels: np.ndarray, near: bool) -> list[_Seen]:
    """What a network sees in `[H, W, 3]` uint8: the one for near faces, or the one for far ones."""
    height, width = pixels.shape[:2]
    found = _network(near).process(np.ascontiguousarray(pixels)).detections or []
    seen = []
    for one in found:
        points = one.location_data.relative_keypoints
        box = one.location_data.relative_bounding_box
        # In its order the person's right eye, left eye, nose, mouth, ears.
        anchors = np.array([[points[i].x * width, points[i].y * height] for i in (0, 1, 3)])
        corner = np.array([box.xmin * width, box.ymin * height])
        extent = np.array([box.width * width, box.height * height])
        seen.append(_Seen(one.score[0], anchors, np.concatenate([corner, corner + extent])))
    return seen


def _network(near: bool):
    networks = _local.__dict__.setdefault("networks", {})
    if near not in networks:
        with _starting, silenced():
            made = _face_detection().FaceDetection(_CANDIDATE, 0 if near else 1)
            made.process(np.zeros([32, 32, 3], np.uint8))  # it talks once more
        networks[near] = made
    return networks[near]


@functools.cache
def _face_detection():
    from mediapipe.python.solutions import face_detection

    warnings.filterwarnings("ignore", "SymbolDatabase.GetPrototype", UserWarning)
    return face_detection


# ---- OpenCV --------------------------------------------------------------------------------------


def _with_cascades(photo: np.ndarray, kind: str) -> list[Face]:
    """The faces that the first of the cascades finds which finds any."""
    import cv2

    height, width = photo.shape[:2]
    scale = _SIDE / min(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    gray = cv2.equalizeHist(
        cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    )
    least = round(_LEAST * _SIDE)
    for file in CASCADES[kind]:
        mirrored = file.startswith("-")
        seen = gray[:, ::-1].copy() if mirrored else gray
        found = _cascade(file.lstrip("-")).detectMultiScale(
            seen, scaleFactor=1.1, minNeighbors=4, minSize=(least, least)
        )
        if len(found):
            boxes = []
            for left, top, wide, high in np.asarray(found, float):
                left = size[0] - left - wide if mirrored else left
                boxes.append(np.array([left, top, left + wide, top + high]) / scale)
            return [Face(box[:2] + BOX_ANCHORS * (box[2:] - box[:2]), box) for box in boxes]
    return []


def _cascade(file: str):
    import cv2

    cascades = _local.__dict__.setdefault("cascades", {})
    if file not in cascades:
        cascades[file] = cv2.CascadeClassifier(cv2.data.haarcascades + file)
    return cascades[file]
