"""What OpenCV reads: a camera, or a clip in its place."""

import pathlib

import numpy as np
import pytest

from igc_tf.datasets import clips
from igc_tf.viewing import movies

pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")


@pytest.mark.parametrize(
    ("text", "number"),
    [("webcam", 0), ("webcam:0", 0), ("webcam:12", 12), ("webcam.mp4", None), ("webcam:x", None)],
)
def test_cameras_are_numbered(text, number):
    assert clips.camera_number(text) == number


def test_a_camera_gives_frames_as_they_come(tmp_path):
    gray = np.linspace(20, 220, 6).astype(np.uint8)
    frames = np.broadcast_to(gray[:, None, None, None], (6, 48, 64, 3))
    movies.save(frames, tmp_path / "clip.mp4", 10.0)
    times, seen = zip(*clips.Camera(str(tmp_path / "clip.mp4")), strict=True)
    assert list(times) == sorted(times)
    np.testing.assert_allclose([frame.mean() for frame in seen], gray, atol=6)


def test_no_camera_is_named():
    number = 63
    assert not pathlib.Path(f"/dev/video{number}").exists()
    with pytest.raises(ValueError, match="camera 63: there is none, another program uses it"):
        clips.Camera(number)
