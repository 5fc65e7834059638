"""Meshes: shape, orientation and texture, also after writing and reading back."""

import numpy as np
import pytest
import trimesh

from igc_tf.viewing import colours, meshes


@pytest.fixture(scope="module", params=["glb", "obj"])
def read_back(request, tmp_path_factory, face):
    """The face, written and read back."""
    path = tmp_path_factory.mktemp("mesh") / f"face.{request.param}"
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    getattr(meshes, f"write_{request.param}")(mesh, path)
    return trimesh.load(path, force="mesh", process=False)


def texture_at(mesh, vertices):
    """Texture colours at vertices, looked up by hand: v up, the nearest texel."""
    material = mesh.visual.material
    image = getattr(material, "baseColorTexture", None) or material.image
    pixels = np.asarray(image.convert("RGB"))
    uv = np.asarray(mesh.visual.uv)[vertices]
    columns = np.floor(uv[:, 0] * pixels.shape[1]).astype(int)
    rows = np.floor((1.0 - uv[:, 1]) * pixels.shape[0]).astype(int)
    return pixels[rows, columns]


def test_two_by_two_by_hand():
    # fov 90 degrees: half extent 1. Pixel centres at x, y = -0.5 and 0.5 at depth 1.
    mesh = meshes.textured_mesh(np.ones((2, 2)), np.zeros((2, 2, 3)), fov_degrees=90.0)
    np.testing.assert_allclose(
        mesh.vertices, [[-0.5, 0.5, -1], [0.5, 0.5, -1], [-0.5, -0.5, -1], [0.5, -0.5, -1]]
    )
    np.testing.assert_allclose(
        mesh.visual.uv, [[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.75, 0.25]]
    )
    np.testing.assert_array_equal(mesh.faces, [[0, 2, 1], [1, 2, 3]])
    np.testing.assert_allclose(mesh.face_normals, [[0, 0, 1], [0, 0, 1]])
    assert mesh.area == pytest.approx(1.0)


def test_counts_and_orientation(face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    assert mesh.vertices.shape == (64 * 64, 3)
    assert mesh.faces.shape == (2 * 63 * 63, 3)
    assert (mesh.face_normals[:, 2] > 0).all()


def test_nose_is_nearest_and_depth_is_minus_z(face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    np.testing.assert_allclose(mesh.vertices[:, 2], -face.depth.reshape(-1), rtol=1e-6)
    tip = mesh.vertices[mesh.vertices[:, 2].argmax()]
    assert abs(tip[0]) < 0.005 and tip[1] < 0  # the nose: in the middle, under the centre


def test_mask_drops_the_background(face):
    keep = 1 - face.canonical_visibility[0]
    mesh = meshes.textured_mesh(face.depth, face.albedo, mask=keep)
    assert len(mesh.vertices) <= keep.sum()
    np.testing.assert_array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices)))
    # No vertex of the wall behind: it lies at 1.06 everywhere.
    rows = np.floor((1 - mesh.visual.uv[:, 1]) * 64).astype(int)
    columns = np.floor(mesh.visual.uv[:, 0] * 64).astype(int)
    assert (keep[rows, columns] > 0).all()


def test_mask_by_hand():
    keep = np.ones((3, 3))
    keep[0, 0] = 0  # belongs to one triangle only
    mesh = meshes.textured_mesh(np.ones((3, 3)), np.zeros((3, 3, 3)), mask=keep)
    assert (len(mesh.vertices), len(mesh.faces)) == (8, 7)


def test_texture_has_the_colour_of_each_pixel(face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    np.testing.assert_array_equal(
        texture_at(mesh, slice(None)), colours.to_uint8(face.albedo).reshape(-1, 3)
    )


def test_texture_may_be_finer_than_the_depth(face):
    fine = np.repeat(np.repeat(face.albedo, 2, axis=0), 2, axis=1)
    mesh = meshes.textured_mesh(face.depth, fine)
    np.testing.assert_array_equal(
        texture_at(mesh, slice(None)), colours.to_uint8(face.albedo).reshape(-1, 3)
    )


def test_read_back_has_the_same_surface(read_back, face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    assert len(read_back.faces) == len(mesh.faces)
    np.testing.assert_allclose(read_back.bounds, mesh.bounds, atol=1e-6)
    assert read_back.area == pytest.approx(mesh.area, rel=1e-4)
    assert (read_back.face_normals[:, 2] > 0).all()


def test_read_back_has_the_colours_at_the_vertices(read_back, face):
    # Which pixel a vertex is, from its place alone: project it with the camera.
    half = np.tan(np.radians(5.0))
    x, y, z = read_back.vertices.T
    columns = np.floor((x / -z / half + 1.0) * 32).astype(int)
    rows = np.floor((1.0 - y / -z / half) * 32).astype(int)
    expected = colours.to_uint8(face.albedo)[rows, columns]
    np.testing.assert_array_equal(texture_at(read_back, slice(None)), expected)


def test_read_back_is_white_under_its_texture(tmp_path, face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    meshes.write_obj(mesh, tmp_path / "face.obj")
    lines = (tmp_path / "face.mtl").read_text().splitlines()
    assert "Kd 1.00000000 1.00000000 1.00000000" in lines
    assert "map_Kd face_albedo.png" in lines
    meshes.write_glb(mesh, tmp_path / "face.glb")
    material = trimesh.load(tmp_path / "face.glb", force="mesh").visual.material
    assert material.metallicFactor == 0.0 and material.roughnessFactor == 1.0
    assert material.doubleSided
    assert material.baseColorFactor is None or (np.asarray(material.baseColorFactor) == 255).all()


def test_two_objs_in_one_folder_do_not_share_files(tmp_path, face):
    for name, albedo in (("my face", face.albedo), ("b", 1 - face.albedo)):
        meshes.write_obj(meshes.textured_mesh(face.depth, albedo), tmp_path / f"{name}.obj")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "b.mtl",
        "b.obj",
        "b_albedo.png",
        "my face.obj",
        "my_face.mtl",
        "my_face_albedo.png",
    ]
    first = trimesh.load(tmp_path / "my face.obj", force="mesh", process=False)
    np.testing.assert_array_equal(
        np.asarray(first.visual.material.image.convert("RGB")), colours.to_uint8(face.albedo)
    )


@pytest.mark.parametrize(
    ("depth", "albedo", "mask", "message"),
    [
        (np.ones((1, 4)), np.zeros((4, 4, 3)), None, "depth must be"),
        (np.ones((4, 4)), np.zeros((4, 4)), None, "albedo must be"),
        (np.zeros((4, 4)), np.zeros((4, 4, 3)), None, "> 0"),
        (np.ones((4, 4)), np.zeros((4, 4, 3)), np.ones((5, 5)), "differ in size"),
        (np.ones((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4)), "no triangle"),
    ],
)
def test_bad_input_is_named(depth, albedo, mask, message):
    with pytest.raises(ValueError, match=message):
        meshes.textured_mesh(depth, albedo, mask=mask)


def test_bad_paths_are_named(tmp_path):
    mesh = meshes.textured_mesh(np.ones((2, 2)), np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match=r"\.glb"):
        meshes.write_glb(mesh, tmp_path / "face.obj")
    with pytest.raises(FileNotFoundError, match="make it"):
        meshes.write_obj(mesh, tmp_path / "none" / "face.obj")
