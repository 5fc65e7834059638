"""The heads' ground truth against itself and geometry by hand, on a small fake head and the real one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from igc_tf.metrics import geometry
from igc_tf.synthesis.parametric_heads import (
    anatomy,
    appearance,
    builder,
    population,
    protocols,
    regions,
    scene,
)
from igc_tf.synthesis.synthetic_faces import population as conditions
from igc_tf.synthesis.synthetic_faces import render
from igc_tf.synthesis.synthetic_faces.anatomy import CHEEKS, EYES, FOREHEAD, MOUTH, NOSE
from tests.head_ground_truth import shading_errors, smooth_interior

SEED, SIZE, COUNT = builder.SEED, 64, 10
LIGHT = conditions.Light(0.4, 0.5, np.array([0.6, 0.0, 0.8]))


@pytest.fixture(scope="module")
def wild(heads):
    """A picture in the wild of each of some people."""
    return [
        scene.photograph(
            heads,
            population.sample_person(SEED, k, heads),
            *protocols.conditions(SEED, protocols.Shot(0, k)),
            SIZE,
        )
        for k in range(COUNT)
    ]


def photograph(heads, person=0, rotation=(0.0, 0.0, 0.0), light=LIGHT, size=SIZE, **face):
    """A person, by number or as drawn, with a chosen pose, light and expression."""
    if isinstance(person, int):
        person = population.sample_person(SEED, person, heads)
    return scene.photograph(
        heads,
        person,
        conditions.Expression(**face),
        conditions.Pose(np.array(rotation), np.array([0.003, -0.002, 0.0])),
        light,
        conditions.sample_background(SEED, 0, 0),
        size,
    )


def test_image_is_albedo_times_shading(wild):
    for example in wild:
        error = shading_errors(example)
        assert len(error) > 50
        assert np.percentile(error, 95) < 3.0 and error.max() < 12.0  # of 255


def test_normals_agree_with_the_gradient_of_depth(wild):
    angles = []
    for example in wild:
        np.testing.assert_allclose(np.linalg.norm(example["normals"], axis=-1), 1.0, atol=1e-5)
        points = geometry.unproject(example["depth"][None])[0]
        normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        cosine = (normals * example["normals"]).sum(axis=-1)[smooth_interior(example)]
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    angles = np.concatenate(angles)
    assert np.median(angles) < 2.5 and np.percentile(angles, 95) < 12.0


def test_depth_stays_in_range_and_the_nose_stands_out(wild):
    for example in wild:
        for view in ("", "canonical_"):
            depth, head = example[view + "depth"], example[view + "parts"] > 0
            assert 0.88 < depth[head].min() and depth[head].max() < 1.15
            assert (depth[~head] == 1.1).all()
        depth, parts = example["canonical_depth"], example["canonical_parts"]
        nose, cheeks = depth[parts == NOSE], np.median(depth[parts == CHEEKS])
        assert nose.min() + 0.01 < cheeks and nose.min() < np.median(depth[parts == EYES])


def test_all_parts_are_there_in_the_canonical_view(wild):
    for example in wild:
        share = np.bincount(example["canonical_parts"].ravel(), minlength=6) / SIZE**2
        assert len(share) == 6 and (share > [0.2, 0.01, 0.008, 0.04, 0.008, 0.08]).all()


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ((0.0, 6.91, 1.68), NOSE),
        ((0.15, 6.88, 1.4), NOSE),
        ((0.32, 7.35, 1.35), EYES),
        ((-0.4, 7.5, 1.3), EYES),
        ((0.0, 6.66, 1.55), MOUTH),
        ((-0.262, 6.61, 1.416), MOUTH),
        ((0.0, 7.9, 1.4), FOREHEAD),
        ((0.0, 8.49, 0.3), FOREHEAD),
        ((0.5, 6.9, 1.1), CHEEKS),
        ((0.0, 6.25, 1.3), CHEEKS),
        ((0.8, 7.2, 0.3), CHEEKS),
        ((0.0, 5.8, 0.6), CHEEKS),
    ],
)
def test_labels_at_known_places_of_the_skin(place, part):
    labels = regions.parts(
        np.array([place]), np.array([[0.5, 0.5]]), np.array([regions.SKIN], np.uint8)
    )
    assert labels[0] == part


def test_labels_of_what_is_no_skin():
    kinds = np.array([regions.EYEBALL, regions.TEETH, regions.TONGUE, regions.HAIR], np.uint8)
    labels = regions.parts(np.zeros((4, 3)), np.zeros((4, 2)), kinds)
    np.testing.assert_array_equal(labels, [EYES, MOUTH, MOUTH, FOREHEAD])


def test_landmarks_project_where_the_points_lie(heads):
    person = population.sample_person(SEED, 2, heads)
    rotation, shift = (8.0, -20.0, 5.0), np.array([0.003, -0.002, 0.0])
    example = photograph(heads, person, rotation)
    head = anatomy.Head(heads, person, conditions.Expression())
    # SciPy's lower case axes are fixed ones: first about x, then y, then z.
    turn = Rotation.from_euler("xyz", rotation, degrees=True).as_matrix()
    points = (head.landmarks() - head.origin) * head.scale @ turn.T + [0, 0, -1] + shift
    focal = 0.5 * SIZE / np.tan(np.radians(5.0))
    x = 0.5 * SIZE - focal * points[:, 0] / points[:, 2]
    y = 0.5 * SIZE + focal * points[:, 1] / points[:, 2]
    np.testing.assert_allclose(example["landmarks"], np.stack([x, y], 1), atol=2e-3)
    for (column, row), depth, seen in zip(
        example["landmarks"], -points[:, 2], example["landmarks_visible"], strict=True
    ):
        found = example["depth"][int(row), int(column)]
        assert (depth < found + 0.004) if seen else (found < depth)


def test_visible_landmarks_lie_on_their_parts(wild):
    wanted, on, seen = [EYES, EYES, NOSE, MOUTH, MOUTH], 0, 0
    for example in wild:
        marks, visible = example["landmarks"], example["landmarks_visible"]
        for (x, y), shown, part in zip(marks, visible, wanted, strict=True):
            row, column = int(y), int(x)
            around = example["parts"][max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            seen += shown
            on += bool(shown and part in around)
    assert seen > 3.0 * COUNT and on > 0.9 * seen


def test_signs_of_the_angles(heads):
    frontal, right, left, down, counter = (
        photograph(heads, 1, rotation)["landmarks"]
        for rotation in ((0, 0, 0), (0, 25, 0), (0, -25, 0), (15, 0, 0), (0, 0, 8))
    )
    offset = [marks[2] - marks[:2].mean(axis=0) for marks in (frontal, right, left, down)]
    assert abs(offset[0][0]) < 0.7 and offset[1][0] > 2.0 and offset[2][0] < -2.0
    assert offset[3][1] > offset[0][1] + 1.0
    assert counter[1, 1] < counter[0, 1] - 1.0  # the eye at the right rises
    assert frontal[0, 0] < frontal[1, 0] and frontal[3, 0] < frontal[4, 0]


def test_canonical_view_knows_neither_pose_nor_light(heads):
    turned = photograph(heads, 3, (10.0, 30.0, -5.0), smile=0.8)
    frontal = photograph(heads, 3, light=conditions.Light(0.6, 0.3, np.eye(3)[2]), smile=0.8)
    for name in ("depth", "normals", "parts"):
        np.testing.assert_array_equal(turned[f"canonical_{name}"], frontal[f"canonical_{name}"])


def test_depth_is_the_canonical_depth_moved_by_the_pose(heads):
    rotation, shift = (6.0, -18.0, 4.0), np.array([0.003, -0.002, 0.0])
    example = photograph(heads, 4, rotation)
    turn = Rotation.from_euler("xyz", rotation, degrees=True).as_matrix()
    face = ndimage.binary_erosion(example["canonical_parts"] > 0, np.ones((3, 3)))
    points = geometry.unproject(example["canonical_depth"][None])[0][face]
    moved = (points - [0, 0, -1]) @ turn.T + [0, 0, -1] + shift
    focal = 0.5 * SIZE / np.tan(np.radians(5.0))
    column, row = moved[:, 0] / -moved[:, 2] * focal, moved[:, 1] / moved[:, 2] * focal
    places = [row + 0.5 * SIZE - 0.5, column + 0.5 * SIZE - 0.5]
    seen = ndimage.map_coordinates(example["depth"], places, order=1, mode="nearest")
    error = np.abs(-moved[:, 2] - seen)
    assert (error < 0.01).mean() > 0.7  # the rest is hidden, or beyond the outline
    assert np.median(error[error < 0.01]) < 5e-4


def test_light_changes_the_image_alone(heads):
    left, right = (
        photograph(heads, 2, light=conditions.Light(0.4, 0.6, np.array([x, 0.0, 0.8])))
        for x in (-0.6, 0.6)
    )
    for name in ("albedo", "depth", "normals", "parts", "landmarks"):
        np.testing.assert_array_equal(left[name], right[name])
    difference = (left["image"].astype(int) - right["image"]).mean(axis=-1)
    skin = left["parts"] == CHEEKS
    half = SIZE // 2
    assert difference[:, : half - 10][skin[:, : half - 10]].mean() > 3.0
    assert difference[:, half + 10 :][skin[:, half + 10 :]].mean() < -3.0


def test_brows_and_lashes_are_painted_without_a_depth(heads):
    person = dataclasses.replace(population.sample_person(SEED, 5, heads), hair=population.BALD)
    clear = {
        name: np.zeros_like(texture) if name.startswith(("brow", "lash")) else texture
        for name, texture in heads.textures.items()
    }
    bare = dataclasses.replace(heads, textures=clear)
    with_brows, without = photograph(heads, person), photograph(bare, person)
    np.testing.assert_array_equal(with_brows["depth"], without["depth"])
    np.testing.assert_array_equal(with_brows["parts"], without["parts"])
    darker = without["albedo"].astype(int) - with_brows["albedo"]
    changed = np.abs(darker).max(axis=-1) > 3
    assert changed.sum() > 10
    assert (with_brows["parts"][changed] == EYES).mean() > 0.9
    assert darker[changed].mean() > 5


def test_hair_hides_only_where_its_texture_is_opaque(heads):
    style = heads.named("hair/")[0]
    person = dataclasses.replace(population.sample_person(SEED, 6, heads), hair=style)
    gone = {**heads.textures, style: np.zeros_like(heads.textures[style])}
    bald = photograph(heads, dataclasses.replace(person, hair=population.BALD))
    clear = photograph(dataclasses.replace(heads, textures=gone), person)
    for name in ("image", "depth", "normals", "parts"):
        np.testing.assert_array_equal(clear[name], bald[name], err_msg=name)
    haired = photograph(heads, person)
    assert (haired["depth"] < bald["depth"] - 1e-4).sum() > 50
    assert haired["depth"][haired["parts"] > 0].min() > 0.88


def test_the_mouth_opens(heads):
    shut, wide = (
        anatomy.Head(heads, population.sample_person(SEED, 1, heads), conditions.Expression(**face))
        for face in ({}, {"mouth_open": 1.0})
    )
    fell = wide.mesh.vertices[:, 1] - shut.mesh.vertices[:, 1]
    assert fell.min() < -0.08  # of about 2.3 from chin to crown
    assert wide.scale == shut.scale and (wide.origin == shut.origin).all()


def test_expressions_move_what_they_name(real):
    neutral, smile, closed = (
        photograph(real, **face) for face in ({}, {"smile": 1.0}, {"eye_closure": 1.0})
    )
    spread = neutral["landmarks"][4, 0] - neutral["landmarks"][3, 0]
    assert smile["landmarks"][4, 0] - smile["landmarks"][3, 0] > spread + 0.3
    assert smile["landmarks"][3, 1] < neutral["landmarks"][3, 1] - 0.4  # the corners rise
    changed = np.abs(neutral["albedo"].astype(int) - closed["albedo"]).max(axis=-1) > 8
    assert changed.sum() > 5 and (neutral["parts"][changed] == EYES).all()
    looks = [
        photograph(real, 1, size=128, gaze_x=gaze)["albedo"].astype(float) for gaze in (-1.0, 1.0)
    ]
    assert np.abs(looks[0] - looks[1]).max() > 20


# ---- colors -------------------------------------------------------------------------------------


def test_texture_is_bilinear_and_repeats():
    texture = np.array([[[0], [100]], [[200], [60]]], np.uint8)
    centers = np.array([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]])
    found = appearance.sample_texture(texture, centers)[:, 0] * 255.0
    np.testing.assert_allclose(found, [0, 100, 200, 60], atol=1e-4)
    middle = appearance.sample_texture(texture, np.array([[0.5, 0.5], [0.0, 0.25]]))[:, 0] * 255.0
    np.testing.assert_allclose(middle, [90, 50], atol=1e-4)
    beyond = appearance.sample_texture(texture, centers + [1.0, -2.0])[:, 0] * 255.0
    np.testing.assert_allclose(beyond, found, atol=1e-3)


def test_skin_is_the_mix_it_is_said_to_be(heads):
    person = population.sample_person(SEED, 3, heads)
    names = heads.named("skin/")[:2]
    even = dataclasses.replace(
        person, skins=dict.fromkeys(names, 0.5), skin_gain=np.array([1.0, 0.5, 1.0])
    )
    mixed = appearance.skin_texture(heads, even).astype(float)
    mean = np.mean([heads.textures[name].astype(float) for name in names], axis=0)
    np.testing.assert_allclose(mixed, mean * [1.0, 0.5, 1.0], atol=0.51)


def test_a_beard_covers_the_jaw_and_leaves_lips_and_cheeks():
    places = np.array(
        [
            [0.0, 6.3, 1.4],
            [0.5, 6.45, 0.9],
            [0.0, 6.6, 1.5],
            [0.4, 7.0, 1.2],
            [0.0, 7.9, 1.4],
            [0.0, 5.7, 0.6],
        ]
    )
    cover = regions.beard_cover(places)
    assert (cover[:2] > 0.9).all() and (cover[2:] < 0.01).all()


# ---- people --------------------------------------------------------------------------------------


def test_macro_weights_are_shares():
    weights = population.macro_weights(np.array([0.2, 0.5, 0.3]), 0.8, 0.25, -0.4)
    races = sum(weight for name, weight in weights.items() if "universal" not in name)
    builds = sum(weight for name, weight in weights.items() if "universal" in name)
    assert races == pytest.approx(1.0) and builds == pytest.approx(1.0)
    assert weights["macrodetails/asian-female-young"] == pytest.approx(0.5 * 0.8 * 0.75)
    name = "macrodetails/universal-male-old-averagemuscle-minweight"
    assert weights[name] == pytest.approx(0.2 * 0.25 * 0.4)


def test_details_pair_opposites_and_sides(fake):
    found = population.details(fake)
    assert found["nose/nose-scale-depth"] == (
        ["nose/nose-scale-depth-decr"], ["nose/nose-scale-depth-incr"],
    )  # fmt: skip
    assert found["cheek/cheek-bones"][1] == ["cheek/l-cheek-bones-incr", "cheek/r-cheek-bones-incr"]
    assert found["head/head"] == (["head/head-round"], [])  # opposite of head-square
    assert found["head/head-oval"] == ([], ["head/head-oval"])
    assert found["asym/asym-nose-1"] == (["asym/asym-nose-1-l"], ["asym/asym-nose-1-r"])
    assert not any(name.startswith(("macro", "expression")) for name in found)


def test_detail_weights_are_small(real):
    for k in range(20):
        weights = population.sample_details(np.random.default_rng(k), real)
        assert 60 < len(weights) and 0.0 <= min(weights.values()) and max(weights.values()) <= 0.6


def test_people_are_who_their_number_says(heads):
    one, again, other = (population.sample_person(SEED, k, heads) for k in (4, 4, 5))
    for field in dataclasses.fields(one):
        np.testing.assert_equal(getattr(one, field.name), getattr(again, field.name))
    assert one.targets != other.targets and one.size != other.size
    assert 0.94 < sum(one.skins.values()) < 1.0001 and one.races.sum() == pytest.approx(1.0)


def test_people_differ_as_people_do(real):
    people = [population.sample_person(SEED, k, real) for k in range(300)]
    assert {p.hair for p in people} >= {population.BALD, *real.named("hair/")}
    assert len({p.brow for p in people}) == 8 and len({p.iris for p in people}) >= 8
    assert 0.08 < np.mean([p.beard > 0 for p in people]) < 0.35
    skins = {name for p in people for name in p.skins}
    assert skins == set(real.named("skin/"))
    textures = [appearance.skin_texture(real, p)[200:300, 400:500].mean() for p in people[:60]]
    assert np.ptp(textures) > 70  # of 255


def test_an_identity_keeps_its_shape_and_skin(heads):
    shapes = [
        anatomy.Head(heads, population.sample_person(SEED, k, heads), conditions.Expression())
        for k in (7, 7, 8)
    ]
    np.testing.assert_array_equal(shapes[0].mesh.vertices, shapes[1].mesh.vertices)
    base = heads.triangles["body"].max() + 1
    moved = np.linalg.norm(
        shapes[0].place(shapes[0].mesh.vertices[:base])
        - shapes[2].place(shapes[2].mesh.vertices[:base]),
        axis=1,
    )
    assert moved.mean() > 5e-4


# ---- the rasterizer's holes ----------------------------------------------------------------------


def test_rasterizer_asks_two_sided_triangles_for_holes():
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * 0.05
    near = np.concatenate([square, np.full((4, 1), -0.95)], axis=1)
    far = np.concatenate([square, np.full((4, 1), -1.0)], axis=1)
    vertices = np.concatenate([near, far]).astype(np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    two_sided = np.array([True, True, False, False])

    def left_half(which, weights):
        assert (which < 2).all()
        x = np.einsum("nk,nk->n", weights, vertices[triangles[which], 0])
        return x < 0.0

    hits = render.rasterize(vertices, triangles, 32, two_sided, left_half)
    column = hits.sample % 32
    np.testing.assert_array_equal(hits.triangle < 2, column < 16)
    np.testing.assert_allclose(hits.depth, np.where(column < 16, 0.95, 1.0), atol=1e-5)
