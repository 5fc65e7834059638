"""Do parts keep their place, and capsules their look? By hand."""

import numpy as np
import pytest

from igc_tf.metrics import cycle
from igc_tf.metrics.metric import means

FACE = np.array([[20, 25], [44, 25], [32, 36], [24, 46], [40, 46]], float)


def moved(points, scale, degrees, shift):
    """A similarity of `[..., 2]` points."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return scale * points @ np.array([[c, -s], [s, c]]).T + np.asarray(shift)


def test_face_frame_undoes_any_similarity():
    points = np.array([[30.0, 28.0], [10.0, 60.0]])
    images = [(1.0, 0, (0, 0)), (0.5, 30, (9, -4)), (2.0, -170, (3, 3))]
    landmarks = np.stack([moved(FACE, *how) for how in images])
    seen = np.stack([moved(points, *how) for how in images])
    found = cycle.to_face_frame(seen, landmarks, FACE)
    np.testing.assert_allclose(found, np.stack([points] * 3), atol=1e-9)


def test_face_frame_without_landmarks_is_unknown():
    landmarks = np.stack([np.full_like(FACE, np.nan), np.ones_like(FACE)])
    assert np.isnan(cycle.to_face_frame(np.ones((2, 1, 2)), landmarks, FACE)).all()


def test_position_errors_by_hand():
    # Person 0 has the part at x = 0, 3, 6; the others' means are 4.5, 3, 1.5.
    points = np.array([[[0.0, 0]], [[3, 0]], [[6, 0]], [[7, 7]], [[np.nan, 0]], [[1, 1]]])
    identity = np.array([0, 0, 0, 1, 1, -1])
    found = cycle.position_errors(points, identity)[:, 0]
    np.testing.assert_allclose(found[:3], [4.5, 0.0, 4.5])
    assert np.isnan(found[3:]).all()  # alone of its person; empty; of nobody


def test_parts_that_move_with_the_face_do_not_stray_and_a_fixed_point_does():
    generator = np.random.default_rng(0)
    shifts = generator.uniform(-8, 8, (30, 1, 2))
    landmarks = FACE + shifts
    parts = FACE[np.newaxis, :2] + shifts
    identity = np.repeat(np.arange(10), 3)
    found = cycle.position_spread(parts, landmarks, identity, FACE, (32.0, 32.0))
    np.testing.assert_allclose(found["position_spread_percent"], 0.0, atol=1e-9)
    assert found["position_spread_fixed_point_percent"].min() > 1.0
    # One part 2.4 px off in one image: of 24 px between the eyes 10 %, and half of it over two parts.
    parts[0, 1, 0] += 2.4
    found = cycle.position_spread(parts, landmarks, identity, FACE, (32.0, 32.0))
    assert found["position_spread_part_2_percent"][0] == pytest.approx(10.0)
    assert found["position_spread_percent"][0] == pytest.approx(5.0)


def test_empty_part_does_not_count():
    landmarks = np.stack([FACE] * 4)
    parts = np.stack([FACE[:2]] * 4)
    parts[:, 1] = np.nan
    with np.errstate(invalid="raise", divide="raise"):
        found = cycle.position_spread(parts, landmarks, np.array([0, 0, 1, 1]), FACE, (32.0, 32.0))
    np.testing.assert_allclose(found["position_spread_percent"], 0.0, atol=1e-9)
    assert np.isnan(found["position_spread_part_2_percent"]).all()


def capsules(seed, n=3, size=8):
    generator = np.random.default_rng(seed)
    direction = generator.normal(size=(n, 3))
    return cycle.Capsules(
        depth=1.0 + 0.05 * generator.random((n, size, size)),
        albedo=generator.random((n, size, size, 3)),
        labels=generator.integers(0, 3, (n, size, size)),
        yaw_degrees=generator.uniform(-30, 30, n),
        light_direction=direction / np.linalg.norm(direction, axis=1, keepdims=True),
    )


def rerender(first, turned, relit, **changes):
    values = {
        "turned_yaw_degrees": first.yaw_degrees + 15.0,
        "relit_direction": first.light_direction,
        **changes,
    }
    return cycle.Rerendered(first, turned, relit=relit, **values)


def evaluate(rerendered):
    """Means over the images."""
    return means(cycle.rerendered_errors(rerendered), {})


def test_the_same_capsules_agree():
    first = capsules(1)
    turned = first._replace(yaw_degrees=first.yaw_degrees + 15.0)
    found = evaluate(rerender(first, turned, first))
    assert list(found) == list(cycle.RERENDERED_UNITS)
    for name in ("rotation", "relighting"):
        assert found[f"{name}_albedo_l1"].value == 0.0
        assert found[f"{name}_side_e2"].value == pytest.approx(0.0, abs=1e-9)
        assert found[f"{name}_parts_agreement_percent"].value == 100.0
    assert found["rotation_yaw_error_degrees"].value == pytest.approx(0.0)
    assert found["rotation_yaw_error_unchanged_degrees"].value == pytest.approx(15.0)
    assert found["relighting_light_error_degrees"].value == pytest.approx(0.0, abs=1e-6)
    assert found["other_face_albedo_l1"].value > 0.1


def test_differences_by_hand():
    first = capsules(2)
    labels = np.zeros((3, 8, 8), int)
    labels[:, :4] = 1
    first = first._replace(labels=labels, albedo=np.full((3, 8, 8, 3), 0.5))
    albedo = np.where(labels[..., np.newaxis] > 0, 0.7, 0.0)  # the background does not count
    other = labels.copy()
    other[:, 0] = 2  # one row of eight
    axes = np.eye(3)
    again = first._replace(albedo=np.broadcast_to(albedo, (3, 8, 8, 3)), labels=other)
    found = evaluate(
        rerender(
            first,
            again._replace(yaw_degrees=first.yaw_degrees + 12.0),
            again._replace(light_direction=axes[[0, 1, 2]]),
            relit_direction=axes[[0, 2, 2]],
        )
    )
    assert found["rotation_albedo_l1"].value == pytest.approx(0.2)
    assert found["rotation_parts_agreement_percent"].value == pytest.approx(87.5)
    assert found["rotation_yaw_error_degrees"].value == pytest.approx(3.0)
    assert found["relighting_light_error_degrees"].value == pytest.approx(90 / 3)


def test_one_image_has_no_other_face_and_no_object_no_albedo():
    first = capsules(3, n=1)
    first = first._replace(labels=np.zeros_like(first.labels))
    found = evaluate(rerender(first, first, first))
    for name in ("other_face_albedo_l1", "rotation_albedo_l1", "rotation_side_e2"):
        assert found[name].is_absent
    assert found["rotation_parts_agreement_percent"].value == 100.0
