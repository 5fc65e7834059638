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


@pytest.mark.parametrize("looked_for", [False, True])
def test_a_camera_is_followed_as_it_goes(model, turning, looked_for):
    yaw, frames = (one[::2] for one in turning)
    if looked_for and not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    if not looked_for:
        model = Pretrained(model.config.replace(crop="none"), model.network)
    times = 2 * np.arange(len(frames)) / RATE
    seen = list(video.live(model, zip(times, frames, strict=True), looked_for))
    assert [now for now, _, _ in seen] == times.tolist()
    angles = np.array([motion.rotation_degrees[0, 1] for _, _, motion in seen])
    assert np.abs(angles - yaw).mean() < 4.0
    assert jitter(angles, yaw) < 1.4
    for (_, page, motion), frame in zip(seen, frames, strict=True):
        assert page.shape == (128, 384, 3) and (page[:, :128] == frame).all()
        np.testing.assert_allclose(np.linalg.norm(motion.light[0, 2:]), 1.0)
    turned = [page[:, 256:].astype(int) for _, page, _ in seen]
    assert np.abs(turned[-1] - turned[0]).mean() > 5


def test_who_comes_before_a_camera_later_is_another(model, turning):
    if not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    frames = turning[1][[20, 21, 22, 22, 23, 24]].copy()
    frames[[0, 3]] = 90
    darker = frames // 2
    times = [0.0, 0.1, 0.2, 0.3, 0.4, 3.0]
    shown = [frames[0], frames[1], frames[2], frames[3], frames[4], darker[5]]
    seen = list(video.live(model, zip(times, shown, strict=True)))
    assert [motion is None for _, _, motion in seen] == [True, False, False, True, False, False]
    assert {page.shape for _, page, _ in seen} == {(128, 384, 3)}
    assert (seen[0][1][:, 256:] == 60).all()
    # Of the new one nothing of the old one is left: as if it were the first.
    ((_, alone, _),) = video.live(model, [(0.0, darker[5])])
    np.testing.assert_allclose(seen[-1][1].astype(int), alone, atol=3)
