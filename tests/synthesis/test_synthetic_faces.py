"""The synthetic faces' ground truth against itself, against geometry by hand and against SciPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from igc_tf.synthesis.synthetic_faces import (
    anatomy,
    appearance,
    encoding,
    population,
    render,
    scene,
)
from tests.head_ground_truth import shading_errors, smooth_interior

SEED, COUNT, SIZE = 7, 24, 64
# Half the picture's width at depth 1, for a field of view of 10 degrees.
HALF_WIDTH = np.tan(np.pi / 36.0)


@pytest.fixture(scope="module")
def photographs():
    """Photograph 0 of each of the first people."""
    return [scene.sample(SEED, person, 0, SIZE) for person in range(COUNT)]


def photograph(person=0, rotation=(0.0, 0.0, 0.0), translation=(0.0, 0.0, 0.0), light=None, **face):
    """A person with a chosen pose, expression and light."""
    return scene.photograph(
        population.sample_identity(SEED, person),
        population.Expression(**face),
        population.Pose(np.array(rotation), np.array(translation)),
        light or population.sample_light(SEED, person, 0),
        population.sample_background(SEED, person, 0),
        SIZE,
    )


def unproject(depth):
    """Points [S, S, 3] of the camera frame at the pixels' centers, from the conventions alone."""
    size = depth.shape[0]
    across = ((np.arange(size) + 0.5) / size * 2.0 - 1.0) * HALF_WIDTH
    return np.stack(
        [across[None, :] * depth, -across[:, None] * depth, -depth.astype(np.float64)], axis=-1
    )


def test_shapes_and_dtypes(photographs):
    expected = {
        "image": ((64, 64, 3), np.uint8),
        "albedo": ((64, 64, 3), np.uint8),
        "depth": ((64, 64), np.float32),
        "normals": ((64, 64, 3), np.float32),
        "parts": ((64, 64), np.uint8),
        "canonical_depth": ((64, 64), np.float32),
        "canonical_normals": ((64, 64, 3), np.float32),
        "canonical_parts": ((64, 64), np.uint8),
        "landmarks": ((5, 2), np.float32),
        "landmarks_visible": ((5,), bool),
        "rotation_degrees": ((3,), np.float32),
        "translation": ((3,), np.float32),
        "light_ambient": ((), np.float32),
        "light_diffuse": ((), np.float32),
        "light_direction": ((3,), np.float32),
        "expression": ((8,), np.float32),
    }
    for example in photographs:
        assert {k: (np.shape(v), v.dtype) for k, v in example.items()} == expected


def test_image_is_albedo_times_shading(photographs):
    for example in photographs:
        error = shading_errors(example)
        assert len(error) > 200
        assert np.percentile(error, 95) < 3.0  # of 255
        assert error.max() < 12.0


def test_normals_are_unit_and_face_the_viewer(photographs):
    for example in photographs:
        for name in ("normals", "canonical_normals"):
            np.testing.assert_allclose(np.linalg.norm(example[name], axis=-1), 1.0, atol=1e-5)
            assert example[name][..., 2].min() >= 0.0


def test_normals_agree_with_the_gradient_of_depth(photographs):
    angles = []
    for example in photographs:
        points = unproject(example["depth"])
        right, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
        normals = np.cross(down, right)  # y is up, rows go down
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        cosine = (normals * example["normals"]).sum(axis=-1)[smooth_interior(example)]
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    angles = np.concatenate(angles)
    assert np.median(angles) < 1.5
    assert np.percentile(angles, 95) < 6.0


def test_depth_is_the_canonical_depth_moved_by_the_pose():
    rotation, translation = (8.0, -20.0, 5.0), (0.004, -0.003, 0.0)
    example = photograph(person=3, rotation=rotation, translation=translation)
    # SciPy's lower case axes are fixed ones: first about x, then y, then z.
    turn = Rotation.from_euler("xyz", rotation, degrees=True).as_matrix()
    center = np.array([0.0, 0.0, -1.0])
    face = ndimage.binary_erosion(example["canonical_parts"] > 0, np.ones((3, 3)))
    points = unproject(example["canonical_depth"])[face]
    moved = (points - center) @ turn.T + center + translation
    depth = -moved[:, 2]
    column = (moved[:, 0] / depth / HALF_WIDTH + 1.0) * SIZE / 2.0 - 0.5
    row = (1.0 - moved[:, 1] / depth / HALF_WIDTH) * SIZE / 2.0 - 0.5
    seen = ndimage.map_coordinates(example["depth"], [row, column], order=1, mode="nearest")
    visible = np.abs(depth - seen) < 0.01  # else hidden by the nose, or beyond the outline
    assert visible.mean() > 0.75
    assert np.median(np.abs(depth - seen)[visible]) < 2e-4


def test_canonical_view_knows_neither_pose_nor_light():
    turned = photograph(person=5, rotation=(10.0, 30.0, -5.0), smile=0.8)
    other = population.Light(0.4, 0.5, np.array([0.0, 0.0, 1.0]))
    frontal = photograph(person=5, light=other, smile=0.8)
    for name in ("depth", "normals", "parts"):
        np.testing.assert_array_equal(turned[f"canonical_{name}"], frontal[f"canonical_{name}"])
    np.testing.assert_array_equal(frontal["parts"], frontal["canonical_parts"])
    # The supersampled photograph rounds its places otherwise than the canonical view.
    np.testing.assert_allclose(frontal["depth"], frontal["canonical_depth"], atol=1e-5)


def test_albedo_and_shape_do_not_depend_on_the_light():
    left = population.Light(0.4, 0.6, np.array([-0.6, 0.0, 0.8]))
    right = population.Light(0.4, 0.6, np.array([0.6, 0.0, 0.8]))
    one, two = (photograph(person=2, rotation=(0, 15, 0), light=light) for light in (left, right))
    for name in ("albedo", "depth", "normals", "parts", "landmarks"):
        np.testing.assert_array_equal(one[name], two[name])
    assert np.abs(one["image"].astype(int) - two["image"]).mean() > 3.0
    half = SIZE // 2
    skin = one["parts"] == anatomy.CHEEKS
    difference = (one["image"].astype(int) - two["image"]).mean(axis=-1)
    assert difference[:, : half - 8][skin[:, : half - 8]].mean() > 5.0  # the lit side is brighter
    assert difference[:, half + 12 :][skin[:, half + 12 :]].mean() < -5.0


def test_depth_stays_in_the_models_range_and_the_face_is_convex(photographs):
    for example in photographs:
        for name in ("depth", "canonical_depth"):
            head = example[name][example[name.replace("depth", "parts")] > 0]
            assert 0.9 < head.min() and head.max() < 1.1
            assert (example[name][example[name.replace("depth", "parts")] == 0] == 1.1).all()
        depth, parts = example["canonical_depth"], example["canonical_parts"]
        nose = depth[parts == anatomy.NOSE]
        cheeks = np.median(depth[parts == anatomy.CHEEKS])
        assert nose.min() < nose.mean() < np.median(depth[parts == anatomy.EYES]) < 1.0
        assert nose.min() + 0.008 < cheeks < 1.08
        # The nose's tip is the nearest point of the head, and lies on its axis.
        row, column = np.unravel_index(depth.argmin(), depth.shape)
        assert parts[row, column] in (anatomy.NOSE, anatomy.MOUTH)
        assert abs(column + 0.5 - SIZE / 2) <= 2.0


def test_sockets_lie_deeper_than_brows_and_cheekbones():
    identity = population.sample_identity(SEED, 1)
    face = anatomy.Face(identity, population.Expression())
    x = np.full(3, 0.6 * identity.eye_x)
    y = np.array([face.brow_y, identity.eye_y, identity.eye_y - 0.11])
    brow, socket, cheek = face.relief(x, y)
    assert socket < brow and socket < cheek


def test_all_parts_in_every_near_frontal_photograph(photographs):
    frontal = [e for e in photographs if abs(e["rotation_degrees"][1]) < 25.0]
    assert len(frontal) >= 5
    for parts in [e["parts"] for e in frontal] + [e["canonical_parts"] for e in photographs]:
        share = np.bincount(parts.ravel(), minlength=6) / parts.size
        assert len(share) == 6
        assert (share > [0.2, 0.01, 0.004, 0.03, 0.006, 0.05]).all()


def test_head_fills_the_picture_without_touching_its_top(photographs):
    for example in photographs:
        head = example["canonical_parts"] > 0
        assert not head[0].any() and head[-1].any()  # the neck leaves at the bottom, nothing above
        face = np.flatnonzero((example["canonical_parts"] != anatomy.BACKGROUND_PART).any(axis=1))
        assert 3 <= face[0] <= 12
        columns = np.flatnonzero(head[: SIZE - 16].any(axis=0))
        assert columns[0] + columns[-1] == pytest.approx(SIZE - 1, abs=2)


def test_visible_landmarks_lie_on_their_parts(photographs):
    wanted = [anatomy.EYES, anatomy.EYES, anatomy.NOSE, anatomy.MOUTH, anatomy.MOUTH]
    seen = 0
    for example in photographs:
        for (x, y), visible, part in zip(
            example["landmarks"], example["landmarks_visible"], wanted, strict=True
        ):
            if visible:
                row, column = int(y), int(x)
                around = example["parts"][row - 1 : row + 2, column - 1 : column + 2]
                assert part in around
                seen += example["parts"][row, column] == part
    total = sum(e["landmarks_visible"].sum() for e in photographs)
    assert total > 3.5 * COUNT and seen > 0.95 * total


def test_landmarks_hide_with_the_turn():
    frontal = photograph(person=4)["landmarks_visible"]
    assert frontal.all()
    # Turned away to the picture's right, the subject's left side goes out of sight.
    away = photograph(person=4, rotation=(0.0, 75.0, 0.0))["landmarks_visible"]
    assert away[0] and not away[1]


def test_signs_of_the_angles():
    frontal, right, left, down, counter = (
        photograph(person=6, rotation=rotation)["landmarks"]
        for rotation in ((0, 0, 0), (0, 25, 0), (0, -25, 0), (15, 0, 0), (0, 0, 8))
    )

    def nose_offset(marks):
        return marks[2] - marks[:2].mean(axis=0)

    assert abs(nose_offset(frontal)[0]) < 1e-3
    assert nose_offset(right)[0] > 2.0 and nose_offset(left)[0] < -2.0
    assert nose_offset(down)[1] > nose_offset(frontal)[1] + 1.0
    assert counter[1, 1] < counter[0, 1] - 1.0  # the eye at the right rises
    assert frontal[0, 0] < frontal[1, 0] and frontal[3, 0] < frontal[4, 0]


def test_expressions_move_what_they_name():
    def mouth_height(example):
        rows = np.flatnonzero((example["canonical_parts"] == anatomy.MOUTH).any(axis=1))
        return rows[-1] - rows[0] + 1

    neutral, opened, smile = photograph(), photograph(mouth_open=1.0), photograph(smile=1.0)
    assert mouth_height(opened) >= mouth_height(neutral) + 3
    spread = neutral["landmarks"][4, 0] - neutral["landmarks"][3, 0]
    assert smile["landmarks"][4, 0] - smile["landmarks"][3, 0] > spread + 0.5
    assert smile["landmarks"][3, 1] < neutral["landmarks"][3, 1] - 0.5  # the corners rise
    eyes = neutral["canonical_parts"] == anatomy.EYES
    closed = photograph(eye_closure=1.0)["albedo"][eyes]
    assert neutral["albedo"][eyes].max() > closed.max() + 20  # the white of the eye is gone
    np.testing.assert_array_equal(
        population.Expression(smile=0.5, gaze_y=-0.25).vector(), [0, 0.5, 0, 0, 0, 0, 0, -0.25]
    )


def test_background_is_its_own_picture_up_to_the_outline(photographs):
    for person, example in enumerate(photographs):
        background = population.sample_background(SEED, person, 0)
        light = population.sample_light(SEED, person, 0)
        wall = light.ambient + light.diffuse * light.direction[2]
        expected = 255.0 * appearance.background_picture(background, SIZE) * wall
        away = ~ndimage.binary_dilation(example["parts"] > 0, np.ones((5, 5)))
        assert away.sum() > 300
        assert np.abs(example["image"] - expected)[away].max() <= 0.51


def test_one_person_keeps_the_colors_of_the_skin():
    means = np.array(
        [
            [
                (e := scene.sample(SEED, person, image, 32))["albedo"][
                    e["parts"] == anatomy.FOREHEAD
                ].mean(axis=0)
                for image in range(3)
            ]
            for person in range(8)
        ]
    )
    within = means.std(axis=1).mean()
    between = means.mean(axis=1).std(axis=0).mean()
    assert within < 0.3 * between


def test_photographs_are_alike_only_if_their_keys_are(photographs):
    again = scene.sample(SEED, 3, 0, SIZE)
    for name, value in photographs[3].items():
        np.testing.assert_array_equal(value, again[name])
    flat = np.stack([e["image"].ravel().astype(np.float32) for e in photographs])
    flat = np.concatenate([flat, scene.sample(SEED, 3, 1, SIZE)["image"].reshape(1, -1)])
    distance = np.abs(flat[:, None] - flat[None]).mean(axis=-1)
    assert distance[np.triu_indices(len(flat), 1)].min() > 5.0


def test_streams_are_independent():
    pose = population.sample_pose(SEED, 1, 2)
    assert not np.allclose(
        pose.rotation_degrees, population.sample_pose(SEED, 1, 3).rotation_degrees
    )
    assert not np.allclose(
        pose.rotation_degrees, population.sample_pose(SEED, 2, 2).rotation_degrees
    )
    assert not np.allclose(
        pose.rotation_degrees, population.sample_pose(SEED + 1, 1, 2).rotation_degrees
    )
    one, two = population.sample_identity(SEED, 9), population.sample_identity(SEED, 9)
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))


def test_ranges_of_pose_and_light():
    poses = np.stack([population.sample_pose(SEED, k, 0).rotation_degrees for k in range(2000)])
    limit = np.array([20.0, 45.0, 8.0])
    assert (np.abs(poses) <= limit).all()
    np.testing.assert_allclose(poses.std(axis=0), limit / np.sqrt(3.0), rtol=0.06)  # uniform
    np.testing.assert_allclose(poses.mean(axis=0) / limit, 0.0, atol=0.05)
    for k in range(500):
        light = population.sample_light(SEED, k, 0)
        assert 0.35 <= light.ambient <= 0.65 and 0.25 <= light.diffuse <= 0.65
        assert light.ambient + light.diffuse <= 1.07 + 1e-9
        assert np.linalg.norm(light.direction) == pytest.approx(1.0)
        assert (np.abs(light.direction[:2] / light.direction[2]) <= 0.9 + 1e-9).all()


def test_people_differ_in_hair_and_background():
    people = [population.sample_identity(SEED, k) for k in range(200)]
    assert {p.hair_style for p in people} == set(population.HAIR_STYLES)
    backgrounds = {population.sample_background(SEED, k, 0).style for k in range(200)}
    assert backgrounds == set(population.BACKGROUND_STYLES)


def test_rotation_is_roll_after_yaw_after_pitch():
    x, y, z = np.eye(3)
    turn = render.rotation_matrix(np.array([90.0, 90.0, 90.0]))
    # y is pitched to z, yawed to x, rolled to y; z is pitched to -y, stays there, rolled to x.
    np.testing.assert_allclose([turn @ y, turn @ z, turn @ x], [y, x, -z], atol=1e-12)


def test_rasterize_a_tilted_triangle_by_hand():
    # The plane z = -1 - x, seen by a camera at the origin: the ray (a, b, -1) t meets it at
    # -t = -1 - a t, so the depth is t = 1 / (1 - a).
    corners = np.float32([[-0.5, -0.5, -0.5], [0.5, -0.5, -1.5], [0.0, 0.5, -1.0]])
    triangle, count = np.array([[0, 1, 2]]), 24
    hits = render.rasterize(corners, triangle, count, np.array([False]))
    assert len(hits.sample) == count * count  # it covers the whole picture
    across = ((np.arange(count) + 0.5) / count * 2.0 - 1.0) * HALF_WIDTH
    expected = np.broadcast_to(1.0 / (1.0 - across), (count, count))
    np.testing.assert_allclose(hits.depth, expected.ravel(), rtol=1e-5)
    points = render.interpolate(corners, triangle, hits)
    np.testing.assert_allclose(-points[:, 2], hits.depth, rtol=1e-5)
    np.testing.assert_allclose(points[:, 0] / hits.depth, np.tile(across, count), atol=1e-6)


def test_rasterize_culls_backs_and_keeps_the_nearest():
    near = np.float32([[-0.5, -0.5, -0.95], [0.5, -0.5, -0.95], [0.0, 0.5, -0.95]])
    vertices = np.concatenate([near, near - np.float32([0.0, 0.0, 0.1])])
    triangles = np.array([[0, 2, 1], [3, 4, 5]])  # the nearer one shows its back
    hits = render.rasterize(vertices, triangles, 8, np.array([False, False]))
    np.testing.assert_array_equal(hits.triangle, 1)
    assert hits.front.all()
    hits = render.rasterize(vertices, triangles, 8, np.array([True, False]))
    np.testing.assert_array_equal(hits.triangle, 0)
    assert not hits.front.any()
    np.testing.assert_allclose(hits.depth, 0.95, rtol=1e-6)


def test_depth_codes():
    depth = np.linspace(*encoding.DEPTH_RANGE, 1001, dtype=np.float32)
    np.testing.assert_allclose(
        encoding.decode_depth(encoding.encode_depth(depth)), depth, atol=0.4 / 65535 / 2 + 1e-7
    )
    with pytest.raises(ValueError, match="spans \\[0.7000"):
        encoding.encode_depth(np.array([0.7]))
