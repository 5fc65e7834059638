"""Videos that are written can be read again, whichever package writes them."""

import importlib.util

import numpy as np
import pytest

from igc_tf.datasets import clips
from igc_tf.viewing import movies

pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")


def moving(frames=12, height=48, width=80):
    """A bright square that goes right on blue."""
    pictures = np.zeros([frames, height, width, 3], np.uint8)
    pictures[..., 2] = 120
    for number, picture in enumerate(pictures):
        picture[12:36, 4 * number : 4 * number + 24] = (230, 120, 20)
    return pictures


@pytest.fixture(params=["imageio_ffmpeg", "cv2"])
def writer(request, monkeypatch):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{movies.PACKAGE}, which is optional, is not installed")
    if request.param == "cv2":
        monkeypatch.setattr(movies, "has_ffmpeg", lambda: False)
    return request.param


def test_it_is_written_and_read_again(writer, tmp_path):
    path, frames = tmp_path / "a.mp4", moving()
    movies.save(frames, path, 20.0)
    clip = clips.Clip(path)
    assert clip.rate == pytest.approx(20) and clip.stated == len(frames)
    for _ in range(2):
        found = np.stack(list(clip))
        assert found.shape == frames.shape
        assert np.abs(found.astype(int) - frames).mean() < 8
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


def test_a_video_that_was_not_ended_is_not_there(writer, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"of before")
    with pytest.raises(KeyboardInterrupt), movies.writing(path, (80, 48), 20.0) as put:
        put(moving()[0])
        raise KeyboardInterrupt
    assert path.read_bytes() == b"of before" and len(list(tmp_path.iterdir())) == 1


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.mp4"):
        movies.save(moving(), tmp_path / "a.avi", 20.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "video.mp4: the file is empty"),
        (b"no video" * 100, "video.mp4: a damaged file, or no"),
    ],
)
def test_what_is_no_video_is_named(tmp_path, content, message):
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(clips.Clip(path))


def test_a_video_that_was_cut_short_is_read_as_far_as_it_goes(writer, tmp_path):
    path = tmp_path / "a.mp4"
    frames = np.random.default_rng(0).integers(0, 256, (40, 48, 80, 3), np.uint8)
    movies.save(frames, path, 20.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        clip = clips.Clip(path)
    except ValueError as error:  # its index stood at its end
        assert "a.mp4: a damaged file" in str(error)
        return
    assert 0 < len(list(clip)) < clip.stated == 40


def test_names_tell_videos():
    assert clips.is_clip("a.MP4") and clips.is_clip("b/c.webm")
    assert not clips.is_clip("a.jpg") and not clips.is_clip("mp4")


def test_what_comes_unevenly_is_recorded_evenly(tmp_path):
    pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")
    gray = {0.0: 20, 0.12: 80, 0.15: 110, 0.41: 160, 0.5: 220}

    def come():
        for now, value in gray.items():
            yield now, np.full((48, 64, 3), value, np.uint8)
        raise KeyboardInterrupt

    path = tmp_path / "camera.mp4"
    assert movies.record(come(), path, 10.0) == 6
    found = [frame.mean() for frame in clips.Clip(path)]
    np.testing.assert_allclose(found, [20, 80, 110, 110, 160, 220], atol=6)
    assert movies.record(iter([]), tmp_path / "none.mp4", 10.0) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["camera.mp4"]
