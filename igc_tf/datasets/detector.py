"""Finds the face in a photo that has no landmarks, with OpenCV's cascades. OpenCV is optional.

The cascades are Viola and Jones': frontal faces, then profiles to either side; or cats. They come
in OpenCV's own wheel, so nothing is downloaded. They miss turned and dark faces: see docs/data.md
for how many.
"""

from __future__ import annotations

import threading

import numpy as np

#: Package to install, at the version that goes with this project's NumPy.
PACKAGE = "opencv-python-headless==4.11.0.86"
#: Cascades by what they find, tried in this order; '-' mirrors the photo first.
CASCADES = {
    "face": (
        "haarcascade_frontalface_alt2.xml",
        "haarcascade_profileface.xml",
        "-haarcascade_profileface.xml",
    ),
    "cat": ("haarcascade_frontalcatface_extended.xml", "haarcascade_frontalcatface.xml"),
}
#: Photos are looked at with a shorter side of this many px [choice].
_SIDE = 240
#: The least face, as a share of the shorter side [choice].
_LEAST = 0.2

_local = threading.local()  # a cascade serves one thread at a time


def require() -> None:
    """Checks that there is a detector.

    Raises:
      ValueError: OpenCV is not installed; the message says how to.
    """
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"--crop=detect needs OpenCV, which is not installed: pip install {PACKAGE}"
        ) from error


def detect(photo: np.ndarray, kind: str) -> np.ndarray | None:
    """The largest face in a photo.

    Args:
      photo: `[H, W, 3]` uint8 RGB.
      kind: a key of `CASCADES`.

    Returns:
      `[4]` float64 (left, top, right, bottom), px; None where none was found.

    Raises:
      ValueError: OpenCV is not installed.
    """
    require()
    import cv2

    height, width = photo.shape[:2]
    scale = _SIDE / min(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    gray = cv2.equalizeHist(
        cv2.resize(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    )
    least = round(_LEAST * _SIDE)
    for name in CASCADES[kind]:
        mirrored = name.startswith("-")
        seen = gray[:, ::-1].copy() if mirrored else gray
        found = _cascade(name.lstrip("-")).detectMultiScale(
            seen, scaleFactor=1.1, minNeighbors=4, minSize=(least, least)
        )
        if len(found):
            left, top, wide, high = max(found, key=lambda box: box[2] * box[3])
            if mirrored:
                left = size[0] - left - wide
            return np.array([left, top, left + wide, top + high], float) / scale
    return None


def _cascade(name: str):
    import cv2

    cascades = _local.__dict__.setdefault("cascades", {})
    if name not in cascades:
        cascades[name] = cv2.CascadeClassifier(cv2.data.haarcascades + name)
    return cascades[name]
