"""Meshes: shape, orientation and texture, also after writing and reading back."""

import io
import json
import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import trimesh
from PIL import Image

from igc_tf.graphics import pose
from igc_tf.structures import Pose
from igc_tf.viewing import colors, meshes, turntable


@pytest.fixture(scope="module", params=["glb", "obj"])
def read_back(request, tmp_path_factory, face):
    """The face, written and read back."""
    path = tmp_path_factory.mktemp("mesh") / f"face.{request.param}"
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    getattr(meshes, f"write_{request.param}")(mesh, path)
    return trimesh.load(path, force="mesh", process=False)


def texture_at(mesh, vertices):
    """Texture colors at vertices, looked up by hand: v up, the nearest texel."""
    material = mesh.visual.material
    image = getattr(material, "baseColorTexture", None) or material.image
    pixels = np.asarray(image.convert("RGB"))
    uv = np.asarray(mesh.visual.uv)[vertices]
    columns = np.floor(uv[:, 0] * pixels.shape[1]).astype(int)
    rows = np.floor((1.0 - uv[:, 1]) * pixels.shape[0]).astype(int)
    return pixels[rows, columns]


def test_two_by_two_by_hand():
    # fov 90 degrees: half extent 1. Pixel centers at x, y = -0.5 and 0.5 at depth 1.
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
    assert abs(tip[0]) < 0.005 and tip[1] < 0  # the nose: in the middle, under the center


@pytest.fixture(scope="module", params=["glb", "obj"])
def cut_out(request, tmp_path_factory, face):
    """The face without the wall behind it, written and read back."""
    path = tmp_path_factory.mktemp("mesh") / f"face.{request.param}"
    keep = 1 - face.canonical_visibility[0]
    mesh = meshes.textured_mesh(face.depth, face.albedo, mask=keep)
    getattr(meshes, f"write_{request.param}")(mesh, path)
    return trimesh.load(path, force="mesh", process=False)


def test_mask_leaves_the_face_and_nothing_else(cut_out, face):
    keep = face.canonical_visibility[0] == 0
    np.testing.assert_array_equal(np.unique(cut_out.faces), np.arange(len(cut_out.vertices)))
    uv = np.asarray(cut_out.visual.uv)
    assert uv.min() >= 0 and uv.max() <= 1
    # Where each vertex lies, px between pixel centers; those of pixels are of the face alone.
    place = np.stack([(1 - uv[:, 1]) * 64, uv[:, 0] * 64], 1) - 0.5
    row, column = np.rint(place).astype(int).T
    of_a_pixel = np.abs(place - np.stack([row, column], 1)).max(1) < 1e-3
    assert keep[row[of_a_pixel], column[of_a_pixel]].all()
    assert of_a_pixel.sum() > 0.97 * keep.sum()
    # The others lie on the line about it: one of the four pixels around is of the face, one is not.
    low, high = (
        np.floor(place[~of_a_pixel]).astype(int).T,
        np.ceil(place[~of_a_pixel]).astype(int).T,
    )
    around = np.stack([keep[r, c] for r in (low[0], high[0]) for c in (low[1], high[1])])
    assert around.any(0).all() and (~around).any(0).mean() > 0.95
    # No vertex at the depth of the wall, 1.06 everywhere.
    assert cut_out.vertices[:, 2].min() > -1.06 + 1e-4


def test_mask_leaves_one_piece_that_faces_the_viewer(cut_out):
    assert cut_out.body_count == 1
    assert (cut_out.face_normals[:, 2] > 0).all() and (cut_out.vertex_normals[:, 2] > 0).all()
    assert cut_out.area_faces.min() > 0


def test_mask_ends_the_mesh_on_a_smooth_line(face):
    # The outline of the face is an ellipse; along pixels it would be 4 / pi times as long.
    keep = 1 - face.canonical_visibility[0]
    flat = meshes.textured_mesh(np.ones_like(face.depth), face.albedo, mask=keep)
    alone = trimesh.grouping.group_rows(flat.edges_sorted, require_count=1)
    ends = flat.vertices[flat.edges_sorted[alone]]
    length = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum()
    a, b = 0.72 * np.tan(np.radians(5)), 0.92 * np.tan(np.radians(5))
    ellipse = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))  # Ramanujan
    assert length == pytest.approx(ellipse, rel=0.03)
    assert flat.area == pytest.approx(np.pi * a * b, rel=0.03)


def test_mask_hides_the_wall_in_the_texture_too(cut_out, face):
    material = cut_out.visual.material
    image = getattr(material, "baseColorTexture", None) or material.image
    texture = np.asarray(image.convert("RGB"))
    keep = face.canonical_visibility[0] == 0
    expected = colors.to_uint8(face.albedo)
    np.testing.assert_array_equal(texture[keep], expected[keep])
    colors_of_the_face = {tuple(color) for color in expected[keep]}
    assert {tuple(color) for color in texture[~keep]} <= colors_of_the_face


def test_mask_drops_specks_and_keeps_pieces():
    keep = np.zeros((32, 32))
    keep[4:14, 4:14] = keep[18:30, 18:30] = 1
    keep[4, 28] = 1
    mesh = meshes.textured_mesh(np.ones((32, 32)), np.zeros((32, 32, 3)), mask=keep)
    assert mesh.body_count == 2
    assert mesh.visual.uv[:, 0].max() < 30.5 / 32 and mesh.visual.uv[:, 1].max() < 29.5 / 32


def test_mask_by_hand():
    # Two columns are kept, one not: the line lies half way between their centers at x = 1.5 px.
    keep = np.ones((4, 4))
    keep[:, 2:] = 0
    mesh = meshes.textured_mesh(np.ones((4, 4)), np.zeros((4, 4, 3)), fov_degrees=90.0, mask=keep)
    # x of the centers: -0.75, -0.25, 0.25, 0.75
    np.testing.assert_allclose(np.unique(mesh.vertices[:, 0].round(6)), [-0.75, -0.25, 0.0])
    assert mesh.area == pytest.approx(0.75 * 1.5)
    assert (mesh.face_normals[:, 2] > 0).all()


def test_mask_of_all_keeps_all(face):
    whole = meshes.textured_mesh(face.depth, face.albedo)
    masked = meshes.textured_mesh(face.depth, face.albedo, mask=np.ones_like(face.depth))
    np.testing.assert_array_equal(masked.vertices, whole.vertices)
    np.testing.assert_array_equal(masked.faces, whole.faces)


def test_texture_has_the_color_of_each_pixel(face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    np.testing.assert_array_equal(
        texture_at(mesh, slice(None)), colors.to_uint8(face.albedo).reshape(-1, 3)
    )


def test_texture_may_be_finer_than_the_depth(face):
    fine = np.repeat(np.repeat(face.albedo, 2, axis=0), 2, axis=1)
    mesh = meshes.textured_mesh(face.depth, fine)
    np.testing.assert_array_equal(
        texture_at(mesh, slice(None)), colors.to_uint8(face.albedo).reshape(-1, 3)
    )


def test_read_back_has_the_same_surface(read_back, face):
    mesh = meshes.textured_mesh(face.depth, face.albedo)
    assert len(read_back.faces) == len(mesh.faces)
    np.testing.assert_allclose(read_back.bounds, mesh.bounds, atol=1e-6)
    assert read_back.area == pytest.approx(mesh.area, rel=1e-4)
    assert (read_back.face_normals[:, 2] > 0).all()


def test_read_back_has_the_colors_at_the_vertices(read_back, face):
    # Which pixel a vertex is, from its place alone: project it with the camera.
    half = np.tan(np.radians(5.0))
    x, y, z = read_back.vertices.T
    columns = np.floor((x / -z / half + 1.0) * 32).astype(int)
    rows = np.floor((1.0 - y / -z / half) * 32).astype(int)
    expected = colors.to_uint8(face.albedo)[rows, columns]
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


NAMES_OF_PARTS = ("background", "hair, forehead", "eyes", "nose", "mouth", "cheeks")
FACE_PARTS = list(NAMES_OF_PARTS[1:])


def contents_of(glb):
    """(JSON, binary) of a GLB file, taken apart by hand."""
    content = glb.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    return json.loads(content[20 : 20 + size]), content[28 + size :]


@pytest.fixture(scope="module")
def parted(tmp_path_factory, face):
    """The face's mesh, and its files."""
    folder = tmp_path_factory.mktemp("parted")
    mesh = meshes.face_mesh(face)
    meshes.write_glb(mesh, folder / "face.glb", NAMES_OF_PARTS)
    meshes.write_obj(mesh, folder / "face.obj", NAMES_OF_PARTS)
    return mesh, folder


def test_each_triangle_is_of_the_part_that_it_lies_in(parted, face):
    mesh, _ = parted
    x, y, z = mesh.triangles_center.T
    half = np.tan(np.radians(5.0))
    columns = np.floor((x / -z / half + 1.0) * 32).astype(int)
    rows = np.floor((1.0 - y / -z / half) * 32).astype(int)
    labels = face.canonical_visibility.argmax(0)[rows, columns]
    part = mesh.face_attributes["part"]
    within = labels > 0  # else on the edge, where the nearest part counts
    assert within.mean() > 0.95 and (part > 0).all()
    assert (part == labels)[within].mean() > 0.97  # perspective moves the middles a little


def test_a_glb_has_a_node_a_part_and_one_texture(parted):
    mesh, folder = parted
    tree, binary = contents_of(folder / "face.glb")
    nodes = [node for node in tree["nodes"] if "mesh" in node]
    assert sorted(node["name"] for node in nodes) == sorted(FACE_PARTS)
    assert [tree["meshes"][node["mesh"]]["name"] for node in nodes] == [n["name"] for n in nodes]
    triangles = 0
    for (primitive,) in (one["primitives"] for one in tree["meshes"]):
        assert set(primitive["attributes"]) == {"POSITION", "NORMAL", "TEXCOORD_0"}
        assert primitive["material"] == 0
        triangles += tree["accessors"][primitive["indices"]]["count"] // 3
    assert triangles == len(mesh.faces)
    assert len(tree["materials"]) == len(tree["images"]) == 1
    view = tree["bufferViews"][tree["images"][0]["bufferView"]]
    image = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    with Image.open(io.BytesIO(image)) as picture:
        assert picture.size == (256, 256)


def test_parts_of_a_glb_meet_without_a_line(parted):
    mesh, folder = parted
    pieces = trimesh.load(folder / "face.glb", process=False).geometry
    assert sorted(pieces) == sorted(FACE_PARTS)
    vertices = np.concatenate([piece.vertices for piece in pieces.values()])
    normals = np.concatenate([piece.vertex_normals for piece in pieces.values()])
    distance, nearest = mesh.kdtree.query(vertices)
    assert distance.max() < 1e-6 and len(vertices) > len(mesh.vertices)  # on the lines, twice
    np.testing.assert_allclose(normals, mesh.vertex_normals[nearest], atol=1e-5)


def test_an_obj_has_a_group_and_a_material_a_part(parted):
    mesh, folder = parted
    lines = [line.split() for line in (folder / "face.obj").read_text().splitlines()]
    plain = ["hair__forehead", *FACE_PARTS[1:]]
    for kind in ("g", "usemtl"):
        assert [words[1] for words in lines if words[0] == kind] == plain
    materials = (folder / "face.mtl").read_text().splitlines()
    assert [line.split()[1] for line in materials if line.startswith("newmtl")] == plain
    assert materials.count("map_Kd face_albedo.png") == len(plain)
    with Image.open(folder / "face_albedo.png") as picture:
        assert picture.size == (256, 256)
    pieces = trimesh.load(folder / "face.obj", process=False).geometry.values()
    assert sum(len(piece.faces) for piece in pieces) == len(mesh.faces)
    assert len(pieces) == len(plain)
    counts = np.bincount(mesh.face_attributes["part"])
    assert sorted(len(piece.faces) for piece in pieces) == sorted(counts[1:])
    normals = [words[1:] for words in lines if words[0] == "vn"]
    np.testing.assert_allclose(np.array(normals, float), mesh.vertex_normals, atol=1e-7)


def test_the_texture_of_a_face_is_enlarged_and_knows_no_wall(parted, face):
    mesh, _ = parted
    texture = np.asarray(mesh.visual.material.image)
    keep = face.canonical_visibility[0] == 0
    reduced = texture.reshape(64, 4, 64, 4, 3).mean((1, 3))
    off = np.abs(reduced - 255 * face.albedo)
    assert off[keep].mean() < 4.0
    # The wall is bluish, the face nowhere: not even at its edge.
    whole = meshes.face_mesh(face, background=True).visual.material.image

    def corner(picture):
        red, _, blue = np.asarray(picture)[:16, :16].reshape(-1, 3).mean(0)
        return blue - red

    assert corner(whole) > 20 and corner(texture) < 0


def test_parts_without_names_are_numbered(tmp_path, face):
    meshes.write_glb(meshes.face_mesh(face, background=True), tmp_path / "face.glb")
    pieces = trimesh.load(tmp_path / "face.glb", process=False).geometry
    assert sorted(pieces) == ["background", "part 1", "part 2", "part 3", "part 4", "part 5"]


#: What an OBJ's name may be; none shares the files beside it with another's.
NAMES = (
    "face", "anna_b", "anna b", "anna  b", "anna\tb", "anna\nb", "b [bold]", "'quoted'", '"quoted"', "ä",
    os.fsdecode(b"\xe4"), "#1", "100 %", "-o", "x" * 245, "x" * 244 + "y", ".hidden", "猫" * 80,
)  # fmt: skip


def test_objs_of_any_name_in_one_folder_keep_their_own_colors(tmp_path):
    depth = np.ones((2, 2))
    for number, name in enumerate(NAMES):
        albedo = np.full((2, 2, 3), number, np.uint8)
        meshes.write_obj(meshes.textured_mesh(depth, albedo), tmp_path / f"{name}.obj")
    assert len(list(tmp_path.iterdir())) == 3 * len(NAMES)
    beside = trimesh.resolvers.FilePathResolver(str(tmp_path))
    for number, name in enumerate(NAMES):
        with (tmp_path / f"{name}.obj").open("rb") as stream:  # trimesh takes no path in Latin-1
            read = trimesh.load(
                stream, file_type="obj", resolver=beside, force="mesh", process=False
            )
        assert (np.asarray(read.visual.material.image) == number).all(), name
        words = (tmp_path / f"{name}.obj").read_text().split()
        named = words[words.index("mtllib") + 1]
        assert named.isascii() and (tmp_path / named).is_file()


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


@pytest.fixture(scope="module")
def turning(tmp_path_factory, face):
    """A file whose face turns, and how."""
    path = tmp_path_factory.mktemp("turning") / "face.glb"
    turn = meshes.Turn([view.rotation_degrees for view in turntable.turning(face)], 20.0)
    meshes.write_glb(meshes.face_mesh(face), path, NAMES_OF_PARTS, turn)
    return path, turn


def test_a_face_in_a_glb_turns_about_its_pivot(turning, face):
    path, turn = turning
    tree, binary = contents_of(path)
    (animation,) = tree["animations"]
    (channel,), (sampler,) = animation["channels"], animation["samplers"]
    values = []
    for name in ("input", "output"):
        accessor = tree["accessors"][sampler[name]]
        view = tree["bufferViews"][accessor["bufferView"]]
        array = np.frombuffer(binary, "<f4", view["byteLength"] // 4, view["byteOffset"])
        values.append(array.reshape(accessor["count"], -1))
    times, quaternions = values
    count = len(turn.rotations_degrees)
    np.testing.assert_allclose(times[:, 0], np.arange(count + 1) / 20.0, rtol=1e-6)
    np.testing.assert_array_equal(quaternions[0], quaternions[-1])
    # What a viewer makes of a quarter of it is what the renderer does.
    nodes = tree["nodes"]
    outer = nodes[channel["target"]["node"]]
    assert channel["target"]["path"] == "rotation" and animation["name"] == "turn"
    (inner,) = (nodes[child] for child in outer["children"])
    point, frame = np.array([0.02, 0.03, -0.94]), count // 6
    x, y, z, w = quaternions[frame]
    moved = point + inner["translation"]
    axis = np.array([x, y, z])
    moved = moved + 2 * np.cross(axis, np.cross(axis, moved) + w * moved) + outer["translation"]
    rotation = np.radians([turn.rotations_degrees[frame]]).astype(np.float32)
    expected = pose.apply(
        Pose(tf.constant(rotation), tf.zeros([1, 3])), tf.constant(point[None, None], tf.float32)
    )
    np.testing.assert_allclose(moved, expected[0, 0], atol=1e-6)
    assert np.abs(moved - point).max() > 0.01
    # At rest it is where it is without.
    scene = trimesh.load(path, process=False)
    still = meshes.face_mesh(face)
    np.testing.assert_allclose(scene.bounds, still.bounds, atol=1e-6)


def test_another_reader_finds_the_same(turning, parted):
    pygltflib = pytest.importorskip(
        "pygltflib", reason="pygltflib, another reader of glTF, is not installed"
    )
    mesh, folder = parted
    for path, animations in ((folder / "face.glb", 0), (turning[0], 1)):
        file = pygltflib.GLTF2().load(str(path))
        assert len(file.animations) == animations
        names = [node.name for node in file.nodes if node.mesh is not None]
        assert sorted(names) == sorted(FACE_PARTS)
        triangles, corners = 0, []
        for one in file.meshes:
            (primitive,) = one.primitives
            place = file.accessors[primitive.attributes.POSITION]
            corners.append([place.min, place.max])
            triangles += file.accessors[primitive.indices].count // 3
        low, high = np.array(corners).transpose(1, 0, 2)
        np.testing.assert_allclose([low.min(0), high.max(0)], mesh.bounds, atol=1e-6)
        assert triangles == len(mesh.faces)


#: Prints how many errors and warnings the files have.
_VALIDATE = """
const {validateBytes} = require("gltf-validator"), {readFileSync} = require("fs");
(async () => {
  for (const path of process.argv.slice(1)) {
    const {issues} = await validateBytes(new Uint8Array(readFileSync(path)));
    console.log(issues.numErrors, issues.numWarnings, JSON.stringify(issues.messages));
  }
})();
"""


def test_khronos_validator_finds_no_fault(turning, parted, tmp_path, face):
    node = shutil.which("node")
    found = node and subprocess.run([node, "-e", 'require("gltf-validator")'], capture_output=True)
    if not found or found.returncode:
        pytest.skip(
            "Node.js, or its package gltf-validator (NODE_PATH tells where), is not installed"
        )
    whole = tmp_path / "whole.glb"
    meshes.write_glb(meshes.face_mesh(face, background=True), whole)
    broken = tmp_path / "broken.glb"
    broken.write_bytes(whole.read_bytes().replace(b'"NORMAL":1', b'"NORMAL":7'))
    files = [turning[0], parted[1] / "face.glb", whole, broken]
    command = [node, "-e", _VALIDATE, *map(str, files)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *good, bad = output.splitlines()
    assert all(line.startswith("0 0 ") for line in good) and len(good) == 3, output
    assert not bad.startswith("0 0 ")
