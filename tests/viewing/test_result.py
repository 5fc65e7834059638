"""PhotoResult: checked when made, whole when saved."""

import dataclasses

import numpy as np
import pytest

from igc_tf.viewing.result import PhotoResult


def test_round_trip(face, tmp_path):
    face = dataclasses.replace(face, photo=np.arange(3 * 80 * 80).reshape(80, 80, 3) % 256)
    path = tmp_path / "face.npz"
    face.save_npz(path)
    loaded = PhotoResult.load(path)
    for field in dataclasses.fields(PhotoResult):
        before, after = getattr(face, field.name), getattr(loaded, field.name)
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
    assert [entry.name for entry in tmp_path.iterdir()] == ["face.npz"]


def test_file_has_exactly_the_names(face, tmp_path):
    face.save_npz(tmp_path / "face.npz")
    with np.load(tmp_path / "face.npz") as arrays:
        assert sorted(arrays.files) == sorted(
            "image reconstruction mask segmentation part_visibility part_depth part_albedo "
            "canonical_visibility depth albedo normals shading canonical_image "
            "rotation_degrees translation light alpha".split()
        )
        assert arrays["segmentation"].dtype == np.uint8
        assert arrays["part_visibility"].dtype == np.float32


def test_files_of_before_lack_alpha_and_are_read(face, tmp_path):
    dataclasses.replace(face, alpha=None).save_npz(tmp_path / "old.npz")
    with np.load(tmp_path / "old.npz") as arrays:
        assert "alpha" not in arrays.files
    loaded = PhotoResult.load(tmp_path / "old.npz")
    assert loaded.alpha is None
    np.testing.assert_array_equal(loaded.mask, face.mask)


def test_parts(face):
    assert face.parts == 6


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mask", np.zeros((63, 64)), r"mask must be \[H, W\] with H = 64, W = 64"),
        ("alpha", np.zeros((64, 63)), r"alpha must be \[H, W\]"),
        ("part_albedo", np.zeros((5, 64, 64, 3)), "part_albedo"),
        ("light", np.zeros(4), "light"),
        ("depth", np.full((64, 64), np.nan), "depth holds NaN"),
        ("segmentation", np.full((64, 64), 6), "part 6, but there are 6"),
    ],
)
def test_what_does_not_fit_is_named(face, field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(face, **{field: value})


def test_bad_files_are_named(face, tmp_path):
    with pytest.raises(ValueError, match=r"\.npz"):
        face.save_npz(tmp_path / "face.zip")
    with pytest.raises(FileNotFoundError, match="make it"):
        face.save_npz(tmp_path / "none" / "face.npz")
    with pytest.raises(FileNotFoundError):
        PhotoResult.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", image=np.zeros(3))
    with pytest.raises(ValueError, match="lacks reconstruction"):
        PhotoResult.load(tmp_path / "other.npz")
