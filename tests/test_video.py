"""A video whose poses are known: the turning face of a photo that the model was not trained on."""

import numpy as np
import pytest

import igc_tf
from igc_tf import video
from igc_tf.datasets import detector
from igc_tf.pretrained import Pretrained
from igc_tf.viewing import turntable

RATE = 25.0


@pytest.fixture(scope="module")
def model():
    return igc_tf.load("photos")


@pytest.fixture(scope="module")
def turning(model):
    """Yaw, degrees, and frames `[F, 128, 128, 3]`: half of a swing of five seconds."""
    face = model.predict("docs/images/astronaut.jpg", detect=False)[0]
    yaw = 40 * np.cos(2 * np.pi * np.arange(62) / 125)
    light = tuple(float(value) for value in face.light)
    views = [turntable.View((0.0, float(angle), 0.0), light) for angle in yaw]
    return yaw, turntable.render(face, model.config.model, views, 128)


def jitter(found, yaw):
    """What the yaw moves from frame to frame and should not, degrees."""
    return float(np.sqrt(np.mean((np.diff(found) - np.diff(yaw)) ** 2)))


@pytest.mark.parametrize("looked_for", [False, True])
def test_yaw_is_found_and_steady(model, turning, looked_for):
    yaw, frames = turning
    if looked_for and not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    if not looked_for:  # The frames are what the network is to see.
        model = Pretrained(model.config.replace(crop="none"), model.network)
    found = video.analyze(model, frames, RATE, looked_for)
    assert found.motion.found.all()
    angles = found.motion.rotation_degrees[:, 1]
    assert np.abs(angles - yaw).mean() < 3.0
    assert jitter(angles, yaw) < 0.5
    np.testing.assert_allclose(np.linalg.norm(found.motion.light[:, 2:], axis=1), 1.0)
    pages = list(video.pages(model, found, frames[:3]))
    assert [page.shape for page in pages] == [(128, 384, 3)] * 3
    assert all((page[:, :128] == frame).all() for page, frame in zip(pages, frames, strict=False))
    assert all(np.abs(page[:, 128:256].astype(int) - page[:, :128]).mean() > 5 for page in pages)


def test_frames_without_a_face_keep_the_last_ones_crop(model, turning):
    if not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    frames = turning[1][20:30].copy()
    frames[[0, 5, 6]] = 90
    found = video.analyze(model, frames, RATE)
    assert found.motion.found.tolist() == [i not in (0, 5, 6) for i in range(10)]
    assert np.isfinite(found.motion.transforms).all()
    with pytest.raises(ValueError, match="no face found in any frame"):
        video.analyze(model, np.full_like(frames, 90), RATE)
