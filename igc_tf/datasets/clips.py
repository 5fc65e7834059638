"""Frames of a video file or of a camera, read by OpenCV, which is optional."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from igc_tf.datasets import detector
from igc_tf.disk import shown
from igc_tf.silence import silenced

#: Endings of names that are taken for videos, lower case.
EXTENSIONS = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv", ".3gp")
)


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a video, by its name."""
    return pathlib.Path(path).suffix.lower() in EXTENSIONS


def _opencv() -> Any:
    """The module.

    Raises:
      ValueError: it is not installed.
    """
    if importlib.util.find_spec("cv2") is None:
        raise ValueError(
            f"videos need OpenCV, which is not installed: pip install {detector.CASCADES_PACKAGE}"
        )
    import cv2

    return cv2


class Clip:
    """A video file, to be read as often as one likes."""

    def __init__(self, path: str | os.PathLike[str]):
        """Opens the file.

        Raises:
          ValueError: OpenCV is not installed, or the file is no video that it reads, or is empty.
          FileNotFoundError: there is no such file.
        """
        cv2 = _opencv()
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


def camera_number(text: str) -> int | None:
    """Of "webcam", 0, or "webcam:N", N; None of any other text."""
    match = re.fullmatch(r"webcam(?::(\d+))?", text)
    return None if match is None else int(match[1] or 0)


class Camera:
    """A camera of this machine, or whatever else OpenCV can open; to be read once."""

    def __init__(self, source: int | str):
        """Opens it.

        Args:
          source: the camera's number, or what `cv2.VideoCapture` takes, such as a camera's address.

        Raises:
          ValueError: OpenCV is not installed, or there is no such camera.
        """
        cv2 = _opencv()
        with silenced():
            self._capture = cv2.VideoCapture(source)
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # what is seen now, not what was
        self._name = f"camera {source}"
        if not self._capture.isOpened():
            raise ValueError(
                f"{self._name}: there is none, another program uses it, or you may not (on Linux: "
                "be a member of the group that owns /dev/video*)"
            )

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """(time in seconds, `[H, W, 3]` uint8 RGB), until it gives no more.

        Raises:
          ValueError: it never gave any.
        """
        import cv2

        read = 0
        try:
            while True:
                there, frame = self._capture.read()
                if not there:
                    break
                read += 1
                yield time.monotonic(), cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            self._capture.release()
        if not read:
            raise ValueError(f"{self._name} gives no picture")
