"""Faces of any photo, put where a run's own photos have them."""

import numpy as np
import pytest
from PIL import Image

from igc_tf import config, released
from igc_tf.config import DataConfig
from igc_tf.datasets import crop_transforms, crops, detector, framing

PORTRAIT = "docs/images/astronaut.jpg"
#: How photos of the released weights are cut.
PHOTOS = config.load(released.path_of("photos")).data


@pytest.fixture(params=["cascades", "key_points"])
def either(request, monkeypatch):
    """Each of the two detectors."""
    pytest.importorskip("cv2", reason="OpenCV, which is optional, is not installed")
    if request.param == "cascades":
        monkeypatch.setattr(detector, "has_key_points", lambda: False)
    elif not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    return request.param


def on_page(angle=0.0, width=178):
    """The portrait, which is framed as CelebA's photos, somewhere on a gray page."""
    portrait = Image.open(PORTRAIT)
    portrait = portrait.resize((width, round(width * 218 / 178)), Image.Resampling.LANCZOS)
    page = Image.new("RGB", (600, 500), "gray")
    page.paste(portrait, (300, 120))
    return page.rotate(angle, Image.Resampling.BICUBIC, fillcolor="gray")


def own_crop():
    return crops.crop(Image.open(PORTRAIT), PHOTOS, 64).image.astype(float)


def test_what_the_templates_say():
    found = crops.template(PHOTOS)
    # Of CelebA's own crop: side 0.65 x 178 px, from 31.15 and 71.86 px on.
    expected = (crops.CELEBA_ANCHORS - [31.15, 71.86]) / 115.7
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (abs(found - 0.5) < 0.3).all()
    aligned = crops.template(DataConfig(dataset="celeb_a", crop="landmarks"))
    np.testing.assert_allclose(aligned, [[0.365, 0.46], [0.635, 0.46], [0.5, 0.73]])
    np.testing.assert_allclose(
        crops.template(DataConfig(crop="detect", box_scale=2.0)) - 0.5,
        (detector.BOX_ANCHORS - 0.5) / 2,
    )
    for unknown in (
        DataConfig(dataset="photo_folder"),  # the whole photo, of which nothing is known
        DataConfig(dataset="synthetic_faces", crop_scale=0.7),
        DataConfig(dataset="celeb_a", crop="none"),
        DataConfig(dataset="celeb_a", crop="box"),
    ):
        assert crops.template(unknown) is None


@pytest.mark.parametrize("width", [120, 178, 260])
def test_a_face_anywhere_comes_to_lie_as_in_the_runs_own_photos(either, width):
    page = on_page(width=width)
    if either == "cascades" and width < 200:
        pytest.skip("the cascades look for large faces only")
    (transform,) = framing.find_faces(page, PHOTOS, 64, detect=True)
    found = crop_transforms.resample(page, transform, 64)
    whole = Image.open(PORTRAIT)
    # Where the portrait's own crop is on the page.
    left, top, right, _ = (np.array(crops.crop_box(*whole.size, PHOTOS)) * width / 178).tolist()
    own = crop_transforms.of_box((300 + left, 120 + top, 300 + right, 120 + top + right - left), 64)
    corners = np.array([[0.0, 0], [64, 0], [0, 64], [64, 64]])
    moved = crop_transforms.apply(
        own, crop_transforms.apply(crop_transforms.inverse(transform), corners)
    )
    if either == "cascades":  # which guess where in their box the eyes are
        assert np.hypot(*(moved - corners).T).max() < 10
        return
    assert np.hypot(*(moved - corners).T).max() < 6
    assert np.corrcoef(found.ravel(), own_crop().ravel())[0, 1] > 0.8


def test_a_tilted_face_is_turned_upright():
    if not detector.has_key_points():
        pytest.skip("MediaPipe, which is optional, is not installed")
    page = on_page(angle=25)
    (transform,) = framing.find_faces(page, PHOTOS, 64)
    found = crop_transforms.resample(page, transform, 64)
    assert np.corrcoef(found.ravel(), own_crop().ravel())[0, 1] > 0.8


def test_a_photo_framed_as_the_runs_is_cut_as_they_were():
    portrait = Image.open(PORTRAIT)
    own = crops.crop_transform(portrait, PHOTOS, 64)
    (found,) = framing.find_faces(portrait, PHOTOS, 64)  # whichever detector there is, or none
    np.testing.assert_array_equal(found, own)
    (transform,) = framing.find_faces(on_page(), PHOTOS, 64, detect=False)
    np.testing.assert_array_equal(transform, crops.crop_transform(on_page(), PHOTOS, 64))


def test_no_face_is_told(either):
    with pytest.raises(crops.NoFace, match="no face found"):
        framing.find_faces(Image.new("RGB", (200, 200), "teal"), PHOTOS, 64, detect=True)


def test_by_default_faces_are_looked_for_only_where_it_is_known_where_they_go(monkeypatch):
    monkeypatch.setattr(detector, "has_key_points", lambda: True)
    assert framing.detects(PHOTOS)
    assert not framing.detects(DataConfig(dataset="synthetic_faces"))
    assert not framing.detects(DataConfig(dataset="cat_faces", crop="landmarks"))
    monkeypatch.setattr(detector, "has_key_points", lambda: False)
    assert not framing.detects(PHOTOS)
