"""Results on disk: a folder a photo, whatever the photos are called; nothing of a user's overwritten."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest
import trimesh
from PIL import Image

from igc_tf.config import ModelConfig
from igc_tf.datasets import reading
from igc_tf.viewing import movies, result_folder
from igc_tf.viewing.result import PhotoResult
from tests.viewing.conftest import make_face

#: Each set lay in one folder, and met in the names of its results or of what they hold.
NAMES = (
    "a.jpg", "a.png", "a", "a_2.jpg", "x.jpg", "x_albedo.jpg", "x_hierarchy.jpg", "anna b.jpg",
    "anna_b.jpg", "deep/a.jpg", "deep_a.jpg", "A.JPG", ".jpg", "a..jpg", "a.jpg.panel.png",
    "b [bold].jpg", "'q'.jpg", '"q".jpg', "two\nlines.jpg", "ä.jpg", os.fsdecode(b"\xe4.jpg"),
    "x" * 241 + ".jpg", "x" * 240 + "y.jpg",
)  # fmt: skip
MESH = result_folder.Meshes(10.0)


@pytest.fixture(scope="module")
def small():
    return make_face(16)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_no_two_photos_share_a_folder(tmp_path):
    folders = {result_folder.path_of(tmp_path, name) for name in NAMES}
    assert len(folders) == len(NAMES)
    for folder in folders:
        folder.mkdir(parents=True)
    assert not any(one in other.parents for one in folders for other in folders)


def test_each_photo_has_its_own_results(tmp_path, small):
    names = ("x.jpg", "x_albedo.jpg", "deep/x [b].jpg", os.fsdecode(b"\xe4.jpg"), "x" * 251)
    for number, name in enumerate(names):
        result = dataclasses.replace(small, translation=np.full(3, number, np.float32))
        folder = result_folder.write(tmp_path, name, f"file:///{number}", result, mesh=MESH)
        assert folder == tmp_path / f"{name}.igc"
    for number, name in enumerate(names):
        folder = result_folder.path_of(tmp_path, name)
        assert files(folder) == [
            "arrays.npz", "face.glb", "face.mtl", "face.obj", "face_albedo.png", "hierarchy.png",
            "panel.png", "photo.txt",
        ]  # fmt: skip
        assert PhotoResult.load(folder / "arrays.npz").translation[0] == number
        assert (folder / "photo.txt").read_text() == f"file:///{number}\n"


@pytest.mark.parametrize("motions", [(), ("turn",), ("relight",)])
def test_the_moving_face_is_written_where_it_is_asked_for(tmp_path, small, motions):
    animations = result_folder.Animations(ModelConfig(static_background=True), motions)
    folder = result_folder.write(tmp_path, "a.jpg", "file:///a", small, animations=animations)
    endings = ["webp", "gif", "png"] + ["mp4"] * movies.has_ffmpeg()
    moving = [f"{motion}.{ending}" for motion in motions for ending in endings]
    assert files(folder) == sorted(
        ["arrays.npz", "hierarchy.png", "panel.png", "photo.txt", *moving]
    )
    for motion in motions:
        for ending in ("webp", "gif"):
            with Image.open(folder / f"{motion}.{ending}") as animation:
                assert animation.size == (256, 256) and animation.n_frames > 40
        with Image.open(folder / f"{motion}.png") as strip:
            assert strip.size == (9 * 256, 256)


def test_the_same_photo_is_written_anew_and_another_never(tmp_path, small):
    other = dataclasses.replace(small, translation=np.ones(3, np.float32))
    result_folder.write(tmp_path, "a.jpg", "file:///one/a.jpg", small)
    folder = result_folder.write(tmp_path, "a.jpg", "file:///one/a.jpg", other)
    assert PhotoResult.load(folder / "arrays.npz").translation[0] == 1
    with pytest.raises(
        FileExistsError, match=r"another photo, file:///one/a\.jpg; give another --out"
    ):
        result_folder.write(tmp_path, "a.jpg", "file:///two/a.jpg", small)
    assert PhotoResult.load(folder / "arrays.npz").translation[0] == 1


def test_results_among_the_photos_touch_no_photo_and_are_none(tmp_path, small):
    contents = {}
    for name in ("a.jpg", "deep/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), len(contents), np.uint8)).save(tmp_path / name, "PNG")
        contents[name] = (tmp_path / name).read_bytes()
    for _ in range(2):
        found = [path.as_posix() for path in reading.find(tmp_path)]
        assert found == sorted(contents)
        for name in found:
            result_folder.write(tmp_path, name, f"file:///{name}", small, mesh=MESH)
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents
    with pytest.raises(ValueError, match="holds what was found in a photo"):
        reading.find(tmp_path / "a.jpg.igc")


def test_a_users_own_folder_is_left_alone(tmp_path, small):
    (tmp_path / "a.jpg.igc").mkdir()
    (tmp_path / "a.jpg.igc" / "panel.png").write_text("mine")
    with pytest.raises(FileExistsError, match="is there and holds no result"):
        result_folder.write(tmp_path, "a.jpg", "file:///a.jpg", small)
    assert files(tmp_path / "a.jpg.igc") == ["panel.png"]
    (tmp_path / "b.jpg.igc").write_text("mine too")
    with pytest.raises(FileExistsError):
        result_folder.write(tmp_path, "b.jpg", "file:///b.jpg", small)
    assert (tmp_path / "b.jpg.igc").read_text() == "mine too"


def test_the_mesh_is_the_face_or_the_whole_canvas(tmp_path, face):
    meshes = {
        background: trimesh.load(
            result_folder.write(
                tmp_path / str(background),
                "a",
                "file:///a",
                face,
                mesh=result_folder.Meshes(10.0, background),
            )
            / "face.glb",
            force="mesh",
            process=False,
        )
        for background in (False, True)
    }
    for mesh in meshes.values():
        mesh.merge_vertices(merge_tex=True, merge_norm=True)  # those between two parts
    assert len(meshes[True].vertices) == 64 * 64
    assert (meshes[True].vertices[:, 2] < -1.06 + 1e-4).any()  # the wall
    assert not (meshes[False].vertices[:, 2] < -1.06 + 1e-4).any()
    share = (face.canonical_visibility[0] == 0).mean()
    assert len(meshes[False].vertices) == pytest.approx(64 * 64 * share, rel=0.2)


def test_the_overlay_is_written_as_it_is(tmp_path, small):
    photo = np.full((30, 50, 3), 90, np.uint8)
    photo[:, 25:] = 200
    folder = result_folder.write(tmp_path, "a.jpg", "file:///a", small, overlay=photo)
    with Image.open(folder / "overlay.jpg") as written:
        assert np.abs(np.asarray(written).astype(int) - photo).mean() < 2


def test_without_a_foreground_all_but_the_mesh_is_written(tmp_path, small):
    hidden = np.zeros_like(small.canonical_visibility)
    hidden[0] = 1
    result = dataclasses.replace(small, canonical_visibility=hidden)
    with pytest.raises(
        ValueError, match="no mesh, the background hides all else .*--mesh_background"
    ):
        result_folder.write(tmp_path, "a", "file:///a", result, mesh=MESH)
    assert files(tmp_path / "a.igc") == ["arrays.npz", "hierarchy.png", "panel.png", "photo.txt"]


def test_a_single_part_is_the_face(tmp_path, small):
    one = {name: getattr(small, name)[:1] for name in ("part_depth", "part_albedo")}
    ones = np.ones((1, 16, 16), np.float32)
    result = dataclasses.replace(
        small,
        **one,
        canonical_visibility=ones,
        part_visibility=ones,
        segmentation=np.zeros((16, 16), np.uint8),
    )
    folder = result_folder.write(tmp_path, "a", "file:///a", result, mesh=MESH)
    assert len(trimesh.load(folder / "face.glb", force="mesh", process=False).vertices) == 256


def test_a_name_that_is_too_long_is_an_error_of_this_photo(tmp_path, small):
    with pytest.raises(OSError, match="File name too long"):
        result_folder.write(tmp_path, "x" * 252, "file:///x", small)
    assert not list(pathlib.Path(tmp_path).iterdir())
