"""Frames of a video file, read by OpenCV, which is optional."""

from __future__ import annotations

import importlib.util
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from igc_tf.datasets import detector
from igc_tf.disk import shown

#: Endings of names that are taken for videos, lower case.
EXTENSIONS = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv", ".3gp")
)


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video, by its name."""
    return pathlib.Path(path).suffix.lower() in EXTENSIONS


class Clip:
    """A video file, to be read as often as one likes."""

    def __init__(self, path: str | os.PathLike[str]):
        """Opens the file.

        Raises:
          ValueError: OpenCV is not installed, or the file is no video that it reads, or is empty.
          FileNotFoundError: there is no such file.
        """
        if importlib.util.find_spec("cv2") is None:
            raise ValueError(
                "videos need OpenCV, which is not installed: pip install "
                f"{detector.CASCADES_PACKAGE}"
            )
        import cv2

        self.path = pathlib.Path(path)
        if self.path.stat().st_size == 0:
            raise ValueError(f"{shown(self.path)}: the file is empty")
        capture = self._capture()
        self.rate = float(capture.get(cv2.CAP_PROP_FPS))  #: frames a second
        if not 0 < self.rate < 1000:
            self.rate = 25.0  # the file does not say
        self.stated = max(
            0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        )  #: frames that the file says it has
        capture.release()

    def __iter__(self) -> Iterator[np.ndarray]:
        """The frames, `[H, W, 3]` uint8 RGB, as far as they can be read.

        Raises:
          ValueError: not one can be.
        """
        import cv2

        capture, read = self._capture(), 0
        try:
            while True:
                there, frame = capture.read()
                if not there:
                    break
                read += 1
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            capture.release()
        if not read:
            raise ValueError(f"{shown(self.path)}: a damaged video, of which no frame can be read")

    def _capture(self) -> Any:
        import cv2

        capture = cv2.VideoCapture(os.fspath(self.path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise ValueError(f"{shown(self.path)}: a damaged file, or no video that OpenCV reads")
        return capture
