"""Writes MP4: H.264 by imageio-ffmpeg where it is installed, else VP9 by OpenCV, which takes longer."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator

import numpy as np

#: Package to install for H.264, which every player knows.
PACKAGE = "imageio-ffmpeg==0.6.0"


def can_write() -> bool:
    """Whether either package is installed."""
    return has_ffmpeg() or importlib.util.find_spec("cv2") is not None


def has_ffmpeg() -> bool:
    """Whether imageio-ffmpeg is installed, which writes quickly and what every player knows."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


@contextlib.contextmanager
def writing(
    path: str | os.PathLike[str], size: tuple[int, int], rate: float
) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens a video to write, which takes its name only once it is whole.

    Args:
      path: of the file, ending in .mp4.
      size: (width, height), px, both even.
      rate: frames a second.

    Yields:
      What takes the next frame, `[height, width, 3]` uint8 RGB.

    Raises:
      ValueError: another ending, or neither package is installed.
      OSError: it cannot be written.
    """
    path = pathlib.Path(path)
    if path.suffix != ".mp4":
        raise ValueError(f"{path.name}: the name must end in .mp4")
    if not can_write():
        raise ValueError(f"videos need imageio-ffmpeg or OpenCV: pip install {PACKAGE}")
    aside = path.with_name(f".{secrets.token_hex(8)}.mp4")
    try:
        with (_h264 if has_ffmpeg() else _vp9)(aside, size, rate) as put:
            yield put
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _h264(
    path: pathlib.Path, size: tuple[int, int], rate: float
) -> Iterator[Callable[[np.ndarray], None]]:
    import imageio_ffmpeg

    options = ["-movflags", "+faststart"]  # begins to play before all of it has come
    frames = imageio_ffmpeg.write_frames(
        os.fspath(path), size, fps=rate, quality=7, macro_block_size=2, output_params=options
    )
    frames.send(None)
    try:
        yield lambda frame: frames.send(np.ascontiguousarray(frame))
    finally:
        frames.close()


@contextlib.contextmanager
def _vp9(
    path: pathlib.Path, size: tuple[int, int], rate: float
) -> Iterator[Callable[[np.ndarray], None]]:
    import cv2

    writer = cv2.VideoWriter(os.fspath(path), cv2.VideoWriter.fourcc(*"vp09"), rate, size)
    if not writer.isOpened():
        raise OSError(f"{path.parent}: OpenCV cannot write a video there")
    try:
        yield lambda frame: writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


def save(frames: np.ndarray, path: str | os.PathLike[str], rate: float) -> None:
    """Writes `[F, H, W, 3]` uint8 as MP4; see `writing`."""
    height, width = frames.shape[1:3]
    with writing(path, (width, height), rate) as put:
        for frame in frames:
            put(frame)
