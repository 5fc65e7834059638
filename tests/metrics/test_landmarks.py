"""NME on cases worked out by hand."""

import numpy as np
import pytest

from igc_tf.metrics import landmarks
from igc_tf.metrics.metric import means


def faces(seed, n=60):
    """Landmarks `[n, 5, 2]` of faces that move about the picture, noise-free."""
    generator = np.random.default_rng(seed)
    face = np.array([[20, 25], [44, 25], [32, 36], [24, 46], [40, 46]], float)
    return face + generator.uniform(-6, 6, (n, 1, 2))


def maps_at(points, size=64):
    """Maps `[N, 1 + P, size, size]` with one pixel of each part at the given (x, y)."""
    maps = np.zeros((len(points), 1 + points.shape[1], size, size))
    for image, parts in enumerate(points):
        for part, (x, y) in enumerate(parts):
            maps[image, part + 1, int(y), int(x)] = 1.0
    maps[:, 0] = 1.0 - maps[:, 1:].max(1)
    return maps


def evaluate(*arguments):
    """Means over the images."""
    return means(landmarks.per_image_errors(*arguments), {})


def test_centers_are_at_pixel_centers():
    maps = np.zeros((1, 3, 4, 6))
    maps[0, 1, 2, 5] = 0.3  # one pixel, row 2, column 5: center (5.5, 2.5) whatever its weight
    maps[0, 2, 0, 0], maps[0, 2, 0, 2] = 3.0, 1.0  # x = (3 * 0.5 + 1 * 2.5) / 4 = 1
    centers = landmarks.part_centers(maps)
    np.testing.assert_allclose(centers.parts, [[[5.5, 2.5], [1.0, 0.5]]])
    # Both parts together, area 4.3: x = (0.3 * 5.5 + 4 * 1) / 4.3, y = (0.3 * 2.5 + 4 * 0.5) / 4.3.
    np.testing.assert_allclose(centers.whole, [[[5.65 / 4.3, 2.75 / 4.3]]])


def test_background_is_dropped():
    maps = np.zeros((1, 2, 4, 4))
    maps[0, 1, 1, 1] = 1.0
    before = landmarks.part_centers(maps)
    maps[0, 0] = np.random.default_rng(0).uniform(size=(4, 4))
    after = landmarks.part_centers(maps)
    np.testing.assert_array_equal(before.parts, after.parts)
    np.testing.assert_array_equal(before.whole, after.whole)


def test_empty_part_has_no_center_and_full_map_has_the_middle():
    maps = np.zeros((1, 3, 4, 6))
    maps[0, 1] = 0.5
    centers = landmarks.part_centers(maps)
    np.testing.assert_allclose(centers.parts[0, 0], [3.0, 2.0])
    assert np.isnan(centers.parts[0, 1]).all()


def test_one_hot():
    maps = landmarks.one_hot(np.array([[[0, 2]]]), 3)
    np.testing.assert_array_equal(maps, [[[[1, 0]], [[0, 0]], [[0, 1]]]])


def test_nme_by_hand():
    true = np.array([[[10, 10], [20, 10], [15, 15], [12, 20], [18, 20]]], float)  # eyes 10 px apart
    predicted = true.copy()
    predicted[0, 2] += [3, 4]  # 5 px wrong on one of five: mean 1 px, over 10 px: 10 %
    np.testing.assert_allclose(landmarks.per_image_nme(predicted, true), [10.0])


def test_profile_with_no_eye_distance_has_no_ground_truth():
    true = faces(0, n=2)
    true[1, 1] = true[1, 0] + [0.5, 0.0]
    errors = landmarks.per_image_nme(true + 1.0, true)
    assert np.isfinite(errors[0]) and np.isnan(errors[1])


def test_true_centers_predict_all_landmarks():
    train, test = faces(1), faces(2)
    centers = [landmarks.PartCenters(f[:, :3], f.mean(1, keepdims=True)) for f in (train, test)]
    metrics = evaluate(centers[0], train, centers[1], test)
    assert metrics["nme_percent"].value == pytest.approx(0.0, abs=1e-6)
    assert metrics["nme_centroid_percent"].value == pytest.approx(0.0, abs=1e-6)
    # The mean face: no image used, so the error is the faces' own motion over 24 px.
    motion = np.linalg.norm(test[:, 0] - train[:, 0].mean(0), axis=-1)
    assert metrics["nme_mean_face_percent"].value == pytest.approx(100 * motion.mean() / 24)


def test_reference_points_come_out_in_the_right_order():
    generator = np.random.default_rng(20)
    # Faces that move about, and whose features move a little on their own.
    train, test = (faces(seed, n=400) + generator.normal(0, 1.5, (400, 5, 2)) for seed in (21, 22))
    parts = [
        landmarks.true_centers(f) + generator.normal(0, 2.0, (400, 3, 2)) for f in (train, test)
    ]
    centers = [
        landmarks.PartCenters(found, f.mean(1, keepdims=True))
        for found, f in zip(parts, (train, test), strict=True)
    ]
    metrics = evaluate(centers[0], train, centers[1], test)
    mean_face, centroid, true = (
        metrics[f"nme_{name}_percent"].value for name in ("mean_face", "centroid", "true_centers")
    )
    assert mean_face > 1.5 * centroid > 0 and centroid > true
    assert true < metrics["nme_percent"].value


def test_true_centers_by_hand():
    face = np.array([[[0, 0], [4, 2], [7, 7], [1, 9], [3, 11]]], float)
    np.testing.assert_array_equal(landmarks.true_centers(face), [[[2, 1], [7, 7], [2, 10]]])


def test_regression_is_least_squares_on_standardized_values():
    generator = np.random.default_rng(3)
    train_x, test_x = generator.normal(size=(30, 2, 2)), generator.normal(size=(4, 2, 2))
    train_y = generator.normal(10.0, 5.0, (30, 5, 2))
    # The independent path: standardizing and fitting without intercept is fitting with one.
    design = np.c_[train_x.reshape(30, 4), np.ones(30)]
    weights = np.linalg.lstsq(design, train_y.reshape(30, 10), rcond=None)[0]
    expected = np.c_[test_x.reshape(4, 4), np.ones(4)] @ weights
    found = landmarks.predict(train_x, train_y, test_x)
    np.testing.assert_allclose(found.reshape(4, 10), expected, atol=1e-10)


def test_without_bias_it_is_least_squares_on_the_pixels_themselves():
    generator = np.random.default_rng(23)
    train_x, test_x = generator.uniform(0, 64, (30, 3, 2)), generator.uniform(0, 64, (4, 3, 2))
    train_y = generator.uniform(0, 64, (30, 5, 2))
    # The independent path: the normal equations, as GANSeg and AutoLink have them.
    x, y = train_x.reshape(30, 6), train_y.reshape(30, 10)
    expected = test_x.reshape(4, 6) @ np.linalg.inv(x.T @ x) @ x.T @ y
    found = landmarks.predict(train_x, train_y, test_x, bias=False)
    np.testing.assert_allclose(found.reshape(4, 10), expected, rtol=1e-8)
    # Pixels or shares of the picture: the same.
    shares = landmarks.predict(train_x / 64, train_y / 64, test_x / 64, bias=False)
    np.testing.assert_allclose(64 * shares, found, rtol=1e-8)


def test_without_bias_a_fixed_face_needs_a_point_that_does_not_move():
    face = np.tile(faces(24, n=1), (20, 1, 1))
    still = np.tile([[[3.0, 5.0]]], (20, 1, 1))  # any point that does not move stands for the bias
    found = landmarks.predict(still, face, still, bias=False)
    np.testing.assert_allclose(found, face)
    moving = np.random.default_rng(25).normal(0, 1, (20, 1, 2))
    predicted = landmarks.predict(moving, face, moving, bias=False)
    assert np.abs(predicted - face).mean() > 10  # no bias: it cannot say where the face always is
    np.testing.assert_allclose(landmarks.predict(moving, face, moving), face)


def test_both_regressions_are_told_with_their_lines():
    train, test = faces(26, n=300), faces(27)
    noise = np.random.default_rng(28)
    train, test = (f + noise.normal(0, 1.5, f.shape) for f in (train, test))
    centers = [landmarks.PartCenters(f[:, :3], f.mean(1, keepdims=True)) for f in (train, test)]
    found = evaluate(centers[0], train, centers[1], test)
    assert tuple(found) == landmarks.NAMES
    for line in ("", "centroid_", "true_centers_"):
        affine, raw = (found[f"nme_{kind}{line}percent"].value for kind in ("", "no_bias_"))
        assert 0 < affine < raw < found["nme_mean_face_percent"].value, line
    predicted = landmarks.predict(centers[0].parts, train, centers[1].parts, bias=False)
    errors = np.linalg.norm(predicted - test, axis=-1) / np.linalg.norm(
        test[:, 0] - test[:, 1], axis=-1, keepdims=True
    )
    assert found["nme_no_bias_percent"].value == pytest.approx(100 * errors.mean())  # GANSeg's mean


def test_permuted_parts_and_scaled_maps_change_nothing():
    train, test = faces(4), faces(5)
    whole = [f.mean(1, keepdims=True) for f in (train, test)]
    noise = np.random.default_rng(6).normal(size=(2, 60, 3, 2))
    parts = [train[:, :3] + noise[0], test[:, :3] + noise[1]]
    errors = [
        landmarks.per_image_errors(
            landmarks.PartCenters(parts[0][:, order], whole[0]),
            train,
            landmarks.PartCenters(parts[1][:, order], whole[1]),
            test,
        )["nme_percent"]
        for order in ([0, 1, 2], [2, 0, 1])
    ]
    np.testing.assert_allclose(errors[0], errors[1], atol=1e-8)


def test_shifted_pictures_have_the_same_nme():
    train, test = faces(7), faces(8)
    errors = []
    for shift in (0.0, 3.0):
        centers = [
            landmarks.part_centers(maps_at(np.floor(f[:, 2:] + shift))) for f in (train, test)
        ]
        result = landmarks.per_image_errors(centers[0], train + shift, centers[1], test + shift)
        errors.append(result["nme_percent"])
    np.testing.assert_allclose(errors[0], errors[1], atol=1e-8)
    assert errors[0].mean() < 3.0  # whole pixels only: less than a pixel off, over 24


def test_empty_part_is_put_at_its_train_mean():
    train, test = faces(9), faces(10, n=3)
    centers = train[:, :1]
    hidden = test[:, :1].copy()
    hidden[1] = np.nan
    filled = hidden.copy()
    filled[1] = centers.mean(0)
    np.testing.assert_allclose(
        landmarks.predict(centers, train, hidden), landmarks.predict(centers, train, filled)
    )
    # The only part is hidden, so the mean face is all that is left.
    np.testing.assert_allclose(landmarks.predict(centers, train, hidden)[1], train.mean(0))


def test_part_empty_in_every_train_image_is_not_used():
    train, test = faces(11), faces(12, n=3)
    never = np.full((60, 1, 2), np.nan)
    with_it = landmarks.predict(
        np.concatenate([train[:, :1], never], 1), train, np.concatenate([test[:, :1], never[:3]], 1)
    )
    np.testing.assert_allclose(with_it, landmarks.predict(train[:, :1], train, test[:, :1]))


def test_one_test_image_and_unknown_landmarks():
    train, test = faces(13), faces(14, n=2)
    train[0, 0] = np.nan
    test[1, 4, 0] = np.nan
    centers = [landmarks.PartCenters(f[:, 1:2], f[:, 1:2]) for f in (train, test)]
    metric = evaluate(centers[0], train, centers[1], test)["nme_percent"]
    assert metric.n == 1 and metric.value == pytest.approx(0.0, abs=1e-6)


def test_no_landmarks_on_the_test_split_is_absent():
    train, test = faces(15), np.full((2, 5, 2), np.nan)
    centers = landmarks.PartCenters(train[:, :1], train[:, :1])
    shown = landmarks.PartCenters(train[:2, :1], train[:2, :1])
    for metric in evaluate(centers, train, shown, test).values():
        assert metric.is_absent


def test_concatenate():
    maps = maps_at(faces(16, n=5))
    whole = landmarks.part_centers(maps)
    joined = landmarks.PartCenters.concatenate(
        [landmarks.part_centers(maps[:2]), landmarks.part_centers(maps[2:])]
    )
    np.testing.assert_array_equal(joined.parts, whole.parts)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: landmarks.part_centers(np.zeros((2, 4, 4))), "must be"),
        (lambda: landmarks.part_centers(-np.ones((1, 2, 4, 4))), "logits"),
        (lambda: landmarks.predict(np.zeros((2, 1, 2)), np.zeros((3, 5, 2)), None), "2 train"),
        (
            lambda: landmarks.predict(
                np.zeros((1, 1, 2)), np.full((1, 5, 2), np.nan), np.zeros((1, 1, 2))
            ),
            "no train image",
        ),
        (lambda: landmarks.per_image_nme(np.zeros((1, 5, 2)), np.zeros((2, 5, 2))), "both"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
