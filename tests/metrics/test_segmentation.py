"""Agreement of labels: by hand, and against scikit-learn on label vectors."""

import time

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from igc_tf.metrics import segmentation

# Predicted and true labels of one 2 x 4 picture, and their counts written out by hand.
PREDICTED = np.array([[[0, 0, 1, 1], [0, 2, 2, 1]]])
TRUE = np.array([[[0, 0, 0, 1], [0, 2, 1, 1]]])
TABLE = np.array([[[3, 0, 0], [1, 2, 0], [0, 1, 1]]])


def random_labels(seed, images=4, parts=5, labels=4):
    """Correlated label pictures."""
    generator = np.random.default_rng(seed)
    true = generator.integers(labels, size=(images, 12, 10))
    noise = generator.integers(parts, size=true.shape)
    return np.where(generator.uniform(size=true.shape) < 0.6, (true + 1) % parts, noise), true


def test_contingency_by_hand():
    np.testing.assert_array_equal(segmentation.contingency(PREDICTED, TRUE, 3, 3), TABLE)


def test_contingency_is_per_image_and_matches_scikit_learn():
    predicted, true = random_labels(0)
    tables = segmentation.contingency(predicted, true, 5, 4)
    for image in range(4):
        expected = sklearn_metrics.cluster.contingency_matrix(
            predicted[image].ravel(), true[image].ravel()
        )
        np.testing.assert_array_equal(tables[image], expected)


def test_ignored_pixels_do_not_count():
    true = TRUE.copy()
    true[0, 0, 2] = 255
    expected = TABLE.copy()
    expected[0, 1, 0] -= 1
    found = segmentation.contingency(PREDICTED.astype(np.uint8), true, 3, 3, ignore=255)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(5))
def test_nmi_and_ari_are_those_of_scikit_learn(seed):
    predicted, true = random_labels(seed)
    table = segmentation.contingency(predicted, true, 5, 4).sum(0)
    flat = true.ravel(), predicted.ravel()
    assert segmentation.nmi(table) == pytest.approx(
        sklearn_metrics.normalized_mutual_info_score(*flat), abs=1e-12
    )
    assert segmentation.ari(table) == pytest.approx(
        sklearn_metrics.adjusted_rand_score(*flat), abs=1e-12
    )


@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),  # both a single label
        ([0, 0, 0, 0], [0, 0, 1, 1]),  # the ground truth only is split
        ([0, 1, 1, 0], [0, 0, 0, 0]),
        ([0, 1, 2, 3], [0, 1, 2, 3]),  # every pixel alone, on both sides
        ([0, 1, 0, 1], [0, 0, 1, 1]),  # independent: below chance
        ([0], [0]),
    ],
)
def test_edge_cases_are_those_of_scikit_learn(predicted, true):
    table = segmentation.contingency(np.array([[predicted]]), np.array([[true]]), 4, 4)[0]
    assert segmentation.nmi(table) == pytest.approx(
        sklearn_metrics.normalized_mutual_info_score(true, predicted), abs=1e-9
    )
    assert segmentation.ari(table) == pytest.approx(
        sklearn_metrics.adjusted_rand_score(true, predicted), abs=1e-9
    )


def test_points_by_hand():
    predicted = np.array([[[0, 1], [2, 2]], [[0, 0], [1, 2]]])
    points = np.array(
        [[[1.9, 0.1], [0.0, 1.0]], [[np.nan, 1.0], [1.99, 1.99]]]  # (x, y)
    )
    tables = segmentation.contingency_at(predicted, points, 3)
    np.testing.assert_array_equal(tables, [[[0, 0], [1, 0], [0, 1]], [[0, 0], [0, 0], [0, 1]]])
    outside = np.array([[[-0.1, 1.0], [1.0, 2.0]], [[2.0, 0.0], [0.0, -3.0]]])
    assert not segmentation.contingency_at(predicted, outside, 3).any()
    assert segmentation.evaluate_at_landmarks(segmentation.contingency_at(predicted, outside, 3))[
        "nmi_landmarks"
    ].is_absent


def test_nmi_and_ari_at_landmarks_are_those_of_scikit_learn():
    generator = np.random.default_rng(10)
    predicted = generator.integers(0, 4, (40, 16, 16))
    points = generator.uniform(0, 16, (40, 5, 2))
    found = segmentation.evaluate_at_landmarks(segmentation.contingency_at(predicted, points, 4))
    part = [predicted[k, int(y), int(x)] for k in range(40) for x, y in points[k]]
    mark = list(range(5)) * 40
    assert found["nmi_landmarks"].value == pytest.approx(
        sklearn_metrics.normalized_mutual_info_score(mark, part)
    )
    assert found["ari_landmarks"].value == pytest.approx(
        sklearn_metrics.adjusted_rand_score(mark, part)
    )
    assert found["nmi_landmarks"].n == 40


def test_what_the_same_part_on_both_sides_reaches_at_landmarks():
    tables = np.tile(np.array([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]), (1000, 1, 1))
    found = segmentation.evaluate_at_landmarks(tables)
    assert found["nmi_landmarks"].value == pytest.approx(0.792, abs=1e-3)
    assert found["ari_landmarks"].value == pytest.approx(0.615, abs=1e-3)


def test_nearest_landmark_by_hand():
    marks = np.array([[0.5, 0.5], [3.5, 0.5], [2.0, 2.4]])
    np.testing.assert_array_equal(
        segmentation.nearest_landmark(marks, (3, 4)), [[0, 0, 1, 1], [0, 2, 2, 1], [2, 2, 2, 2]]
    )


def test_tables_are_resampled_by_person():
    one = np.random.default_rng(11).integers(0, 9, (25, 4, 3))
    ten, identity = one.repeat(10, 0), np.arange(25).repeat(10)
    names = ["skin", "eyes", "mouth"]
    for evaluate in (
        segmentation.evaluate,
        segmentation.evaluate_at_landmarks,
        lambda tables, identity=None: segmentation.evaluate_parts(tables, names, identity),
        lambda tables, identity=None: segmentation.evaluate_existence(tables.sum(2), identity),
    ):
        for name, metric in evaluate(one).items():
            many = evaluate(ten, identity)[name]
            assert many.low == pytest.approx(metric.low, abs=2e-3), name  # ARI counts pairs
            assert many.high == pytest.approx(metric.high, abs=2e-3), name
            assert (many.resampled, many.drawn, many.n) == ("people", 25, 250)


def test_matched_iou_by_hand():
    # IoU of (0, 0): 3 / 4; of (1, 1): 2 / (3 + 3 - 2) = 1 / 2; of (2, 2): 1 / (2 + 1 - 1) = 1 / 2.
    table = TABLE[0]
    matching = segmentation.match(table)
    np.testing.assert_array_equal(matching, [0, 1, 2])
    np.testing.assert_allclose(segmentation.matched_iou(table, matching), [0.75, 0.5, 0.5])
    metric = segmentation.evaluate(TABLE)["miou"]
    assert metric.value == pytest.approx(1.75 / 3)
    assert (metric.low, metric.high, metric.n) == (metric.value, metric.value, 1)


def test_matching_maximizes_the_sum_of_ious_not_each():
    # Straight: 6 / (11 + 11 - 6) + 0 = 0.375. Crosswise: 5 / (11 + 5 - 5), twice: 0.91.
    table = np.array([[6, 5], [5, 0]])
    np.testing.assert_array_equal(segmentation.match(table), [1, 0])
    np.testing.assert_allclose(
        segmentation.matched_iou(table, segmentation.match(table)), [5 / 11, 5 / 11]
    )


def test_perfect_and_permuted_parts():
    _, true = random_labels(1)
    permuted = np.array([2, 0, 3, 1])[true]
    metrics = segmentation.evaluate(segmentation.contingency(permuted, true, 4, 4))
    for metric in metrics.values():
        assert metric.value == pytest.approx(1.0)
        assert metric.low == pytest.approx(1.0)


def test_permuting_parts_changes_nothing():
    predicted, true = random_labels(2)
    permuted = np.array([3, 1, 4, 0, 2])[predicted]
    first = segmentation.evaluate(segmentation.contingency(predicted, true, 5, 4))
    second = segmentation.evaluate(segmentation.contingency(permuted, true, 5, 4))
    for name in first:
        ours, theirs = ([m.value, m.low, m.high] for m in (first[name], second[name]))
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_fewer_parts_than_labels_leaves_labels_at_zero():
    true = np.array([[[0, 1, 2, 2]]])
    predicted = np.array([[[0, 0, 1, 1]]])
    tables = segmentation.contingency(predicted, true, 2, 3)
    # Part 1 is label 2 wholly; part 0 covers one of the others by half; the third gets none.
    assert segmentation.evaluate(tables)["miou"].value == pytest.approx((1 + 0.5 + 0) / 3)
    assert (segmentation.match(tables[0]) == -1).sum() == 1


def test_label_absent_from_the_ground_truth_is_left_out():
    tables = np.concatenate([TABLE, np.zeros((1, 3, 1), int)], axis=2)
    assert segmentation.evaluate(tables)["miou"].value == pytest.approx(1.75 / 3)
    by_name = segmentation.evaluate_parts(tables, ["skin", "eyes", "mouth", "hat"])
    assert by_name["iou_hat"].is_absent
    assert by_name["iou_skin"].value == pytest.approx(0.75)


def test_existence_of_parts_by_hand():
    labels = np.zeros((4, 3, 3), int)
    labels[0, 0, 0] = 1
    labels[1, :, 0] = 1
    areas = segmentation.part_areas(labels, 3)
    np.testing.assert_array_equal(areas, [[8, 1, 0], [6, 3, 0], [9, 0, 0], [9, 0, 0]])
    found = segmentation.evaluate_existence(areas)
    assert found["exists_part_0"].value == 1.0
    assert found["exists_part_1"].value == 0.5
    assert found["exists_part_2"].value == 0.0
    assert found["area_part_1_percent"].value == pytest.approx(100 * 4 / 36)


def test_no_ground_truth_is_absent():
    for metric in segmentation.evaluate(np.zeros((3, 4, 5), int)).values():
        assert metric.is_absent
    for metric in segmentation.evaluate(np.zeros((0, 4, 5), int)).values():
        assert metric.is_absent


def test_interval_is_that_of_resampling_images():
    predicted, true = random_labels(3, images=12)
    metric = segmentation.evaluate(segmentation.contingency(predicted, true, 5, 4))["nmi"]
    # The independent path: resample the pictures themselves and ask scikit-learn.
    generator = np.random.default_rng(0)
    values = []
    for _ in range(300):
        drawn = generator.integers(12, size=12)
        values.append(
            sklearn_metrics.normalized_mutual_info_score(
                true[drawn].ravel(), predicted[drawn].ravel()
            )
        )
    low, high = np.percentile(values, [2.5, 97.5])
    assert metric.low == pytest.approx(low, abs=0.2 * (high - low))
    assert metric.high == pytest.approx(high, abs=0.2 * (high - low))


def test_two_thousand_pictures_take_seconds():
    generator = np.random.default_rng(4)
    true = generator.integers(6, size=(2000, 64, 64), dtype=np.uint8)
    start = time.process_time()
    tables = segmentation.contingency(true, true, 6, 6)
    metrics = segmentation.evaluate(tables)
    assert time.process_time() - start < 15.0  # about 1 s on an idle machine
    assert metrics["ari"].n == 2000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: segmentation.contingency(PREDICTED, TRUE, 2, 3), "predicted labels"),
        (lambda: segmentation.contingency(PREDICTED, TRUE - 1, 3, 3), "true labels"),
        (lambda: segmentation.contingency(PREDICTED[0], TRUE[0], 3, 3), "must both be"),
        (lambda: segmentation.evaluate(TABLE[0]), "tables must be"),
        (lambda: segmentation.evaluate_parts(TABLE, ["skin"]), "1 names for 3"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_label_map_by_hand():
    true = np.array([[[0, 1], [2, 2]], [[0, 2], [2, 1]], [[1, 2], [0, 0]]])
    np.testing.assert_array_equal(segmentation.label_map(true, 3), [[0, 2], [2, 0]])
    with pytest.raises(ValueError, match="got shape"):
        segmentation.label_map(true[:0], 3)
