"""Writes MP4: H.264 by imageio-ffmpeg where it is installed, else VP9 by OpenCV, which takes longer.

What comes from a camera is shown in a window, where there can be one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator

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


def record(
    frames: Iterable[tuple[float, np.ndarray]], path: str | os.PathLike[str], rate: float
) -> int:
    """Writes frames that come when they come, until they end or Ctrl-C is pressed.

    Args:
      frames: (time in seconds, `[H, W, 3]` uint8, both even and always the same).
      path: see `writing`.
      rate: frames a second of the video: of more some are left out, else they stay longer.

    Returns:
      How many frames the video has; without any there is none.
    """
    frames = iter(frames)
    began, last = next(frames, (0.0, None))
    if last is None:
        return 0
    written = 1
    with writing(path, (last.shape[1], last.shape[0]), rate) as put:
        put(last)
        with contextlib.suppress(KeyboardInterrupt):
            for now, frame in frames:
                due = int((now - began) * rate + 1e-6) + 1
                for number in range(written, due):
                    put(frame if number == due - 1 else last)
                written, last = max(written, due), frame
    return written


def has_window() -> bool:
    """Whether OpenCV can open a window here."""
    if importlib.util.find_spec("cv2") is None or not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    import cv2

    return re.search(r"GUI:\s+NONE", cv2.getBuildInformation()) is None


def show(frames: Iterable[tuple[float, np.ndarray]], title: str) -> int:
    """Shows frames as they come, until they end, or q, Esc or Ctrl-C is pressed, or the window closed.

    Returns:
      How many there were.
    """
    import cv2

    shown = 0
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    with contextlib.suppress(KeyboardInterrupt):
        for _, frame in frames:
            cv2.imshow(title, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            shown += 1
            if cv2.waitKey(1) & 0xFF in (ord("q"), 27):
                break
            if cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                break
    cv2.destroyAllWindows()
    return shown
