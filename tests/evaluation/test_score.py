"""All metrics together: what is there is measured, what is not says why."""

import dataclasses

import numpy as np
import pytest

from igc_tf.evaluation import report, score
from igc_tf.metrics import cycle, geometry, landmarks
from igc_tf.metrics.recognition import Condition

SIZE = 24


def faces(seed, people=6, images=4):
    """Ground truth and predictions of simple faces that move about; the predictions are perfect."""
    generator = np.random.default_rng(seed)
    n = people * images
    shift = generator.integers(-2, 3, (n, 2))
    labels = np.zeros((n, SIZE, SIZE), np.uint8)
    for image, (dx, dy) in enumerate(shift):
        labels[image, 6 + dy : 19 + dy, 6 + dx : 19 + dx] = 5  # cheeks
        labels[image, 8 + dy : 10 + dy, 8 + dx : 17 + dx] = 1  # eyes
        labels[image, 15 + dy : 17 + dy, 10 + dx : 15 + dx] = 2  # mouth
        labels[image, 6 + dy : 8 + dy, 6 + dx : 19 + dx] = 3  # forehead
        labels[image, 11 + dy : 14 + dy, 11 + dx : 14 + dx] = 4  # nose
    marks = np.array([[9, 9], [16, 9], [12.5, 12.5], [10, 16], [15, 16]]) + shift[:, np.newaxis]
    axis = np.linspace(-1, 1, SIZE)
    dome = np.exp(-(axis**2 + axis[:, np.newaxis] ** 2) / 0.3)
    depth = 1.0 - generator.uniform(0.02, 0.06, (n, 1, 1)) * dome
    identity = np.repeat(np.arange(people), images)
    ground_truth = score.GroundTruth(
        parts=labels,
        landmarks=marks,
        rotation_degrees=generator.normal(0, [5, 20, 3], (n, 3)),
        depth=depth,
        depth_mask=np.ones(depth.shape, bool),
        view_depth=depth,
        identity=identity,
        condition=Condition(generator.uniform(0, 45, n), (("yaw_0_45", 0, 46),)),
    )
    image = generator.random((n, SIZE, SIZE, 3)).astype(np.float32)
    predictions = score.Predictions(
        labels=labels,
        parts=6,
        centers=landmarks.part_centers(landmarks.one_hot(labels, 6)),
        image=image,
        reconstruction=image,
        mask=np.ones(labels.shape),
        rotation_degrees=ground_truth.rotation_degrees,
        depth=depth,
        view_depth=depth,
        descriptors={"object": np.eye(people)[identity] + 0.01 * generator.random((n, people))},
    )
    average = geometry.mean_depth(depth)
    fit = score.Fit(predictions.centers, marks, average, mean_view_depth=average)
    return predictions, ground_truth, fit


def values(scores):
    return {name: metric.value for name, metric in scores.metrics.items() if not metric.is_absent}


def test_perfect_predictions():
    found = values(score.score(*faces(0)))
    for name in (
        "ari", "nmi", "miou", "rank1", "verification_auc", "ssim", "yaw_correlation", "iou_mouth",
        "exists_part_5", "covered_share",
    ):  # fmt: skip
        assert found[name] == pytest.approx(1.0), name
    for name in (
        "l1", "side_view_e2", "mad_view_degrees", "side_canonical_e2", "mad_canonical_degrees",
        "depth_error_canonical_percent", "yaw_mae_degrees", "nme_percent",
        "position_spread_percent", "verification_eer_percent",
    ):  # fmt: skip
        assert found[name] == pytest.approx(0.0, abs=1e-6), name
    assert found["mad_canonical_mean_depth_degrees"] > 0 < found["mad_view_mean_depth_degrees"]
    assert found["depth_error_canonical_constant_percent"] > 99


def test_permuted_parts_change_nothing_but_their_numbers():
    predictions, ground_truth, fit = faces(1)
    order = np.array([0, 4, 2, 5, 1, 3], np.uint8)
    labels = order[predictions.labels]
    centers = landmarks.part_centers(landmarks.one_hot(labels, 6))
    permuted = score.Predictions(labels=labels, parts=6, centers=centers)
    first = values(score.score(predictions, ground_truth, fit))
    second = values(score.score(permuted, ground_truth, fit._replace(centers=centers)))
    for name in ("ari", "nmi", "miou", "nme_percent", "position_spread_percent", "iou_eyes"):
        assert second[name] == pytest.approx(first[name], abs=1e-9), name
    assert second["area_part_4_percent"] == pytest.approx(first["area_part_1_percent"])


def test_shifted_predictions_are_worse_but_their_landmarks_are_not():
    predictions, ground_truth, fit = faces(2)
    labels = np.roll(predictions.labels, 2, axis=2)
    centers = landmarks.part_centers(landmarks.one_hot(labels, 6))
    shifted = score.Predictions(labels=labels, parts=6, centers=centers)
    found = values(score.score(shifted, ground_truth, fit._replace(centers=centers)))
    assert found["miou"] < 0.8 and found["ari"] < 0.9
    assert found["nme_percent"] == pytest.approx(0.0, abs=1e-6)


def test_an_empty_part_is_no_nan():
    predictions, ground_truth, fit = faces(3)
    labels = np.where(predictions.labels == 4, 5, predictions.labels)
    centers = landmarks.part_centers(landmarks.one_hot(labels, 7))
    emptied = score.Predictions(labels=labels, parts=7, centers=centers)
    with np.errstate(invalid="raise", divide="raise"):
        scores = score.score(emptied, ground_truth, fit._replace(centers=centers))
    for metric in scores.metrics.values():
        assert metric.is_absent or np.isfinite([metric.value, metric.low, metric.high]).all()
    assert scores.metrics["exists_part_4"].value == 0.0
    assert scores.metrics["iou_nose"].value == 0.0
    assert scores.metrics["position_spread_part_4_percent"].is_absent


def test_one_image_is_measured():
    predictions, ground_truth, fit = faces(4, people=1, images=1)
    scores = score.score(predictions, ground_truth, fit)
    assert scores.metrics["miou"].value == pytest.approx(1.0)
    assert scores.metrics["rank1"].is_absent and scores.metrics["yaw_correlation"].is_absent


def test_nothing_known_lists_every_metric_with_its_reason():
    predictions, ground_truth, fit = faces(5)
    complete = score.score(predictions, ground_truth, fit)
    bare = score.Predictions(predictions.labels, 6, predictions.centers)
    unmeasured = score.score(bare, score.GroundTruth())
    of_labels = {f"iou_{name}" for name in score.LABELS}
    of_parts = {f"position_spread_part_{part}_percent" for part in range(1, 6)}
    missing = set(complete.metrics) - set(unmeasured.metrics)
    assert missing == of_labels | of_parts | {
        "rank1_yaw_0_45", "rank5_yaw_0_45", "rank10_yaw_0_45", "rank1_chance",
    }  # fmt: skip
    assert unmeasured.reasons["l1"] == unmeasured.reasons["side_view_e2"] == score.NOT_PREDICTED
    assert unmeasured.reasons["nmi"] == unmeasured.reasons["nme_percent"] == "no ground truth"
    for name, metric in unmeasured.metrics.items():
        assert metric.is_absent == (name in unmeasured.reasons)
    listed = [name for names in unmeasured.sections.values() for name in names]
    assert sorted(listed) == sorted(unmeasured.metrics)


def test_a_pseudo_ground_truth_is_called_so():
    predictions, ground_truth, fit = faces(6)
    pseudo = score.GroundTruth(
        landmarks=ground_truth.landmarks,
        rotation_degrees=ground_truth.rotation_degrees,
        pseudo=True,
    )
    scores = score.score(predictions, pseudo, fit)
    for name in ("nme_percent", "yaw_correlation", "yaw_mae_degrees"):
        assert scores.metrics[name].is_absent
        assert scores.metrics[f"pseudo_{name}"].n == 24
    rows = report.rows(report.section_metrics(scores, "landmarks"), scores.reasons)
    row = next(row for row in rows if row.name == "pseudo_nme_percent")
    assert "mean face" in row.to_beat and "true centers" in row.to_beat


def bumps(ground_truth):
    """Depth in the picture, a cone under each nose, and the ground truth without true parts."""
    nose = ground_truth.landmarks[:, 2, :, np.newaxis, np.newaxis]
    axis = np.arange(SIZE) + 0.5
    depth = 0.9 + 0.005 * np.hypot(axis - nose[:, 0], axis[:, np.newaxis] - nose[:, 1])
    return depth, score.GroundTruth(landmarks=ground_truth.landmarks)


def test_photos_are_in_order_by_their_landmarks():
    predictions, ground_truth, _ = faces(9)
    depth, ground_truth = bumps(ground_truth)
    hollow = np.concatenate([depth[:18], 2 - depth[18:]])
    # The canonical view says nothing of where the photo has its nose.
    found = dataclasses.replace(predictions, depth=2 - predictions.depth, view_depth=hollow)
    scores = score.score(found, ground_truth)
    np.testing.assert_array_equal(scores.per_image["depth_order_share"], [1] * 18 + [0] * 6)
    assert scores.metrics["depth_order_share"].value == 0.75
    assert scores.metrics["convex_share"].value == 0.0
    assert "pseudo_depth_order_share" not in scores.metrics
    assert scores.sections["geometry"].count("depth_order_share") == 1


def test_the_order_by_guessed_landmarks_is_called_so():
    predictions, ground_truth, _ = faces(10)
    depth, ground_truth = bumps(ground_truth)
    marks = ground_truth.landmarks.copy()
    marks[:4, 3] = np.nan
    pseudo = score.GroundTruth(landmarks=marks, pseudo=True)
    scores = score.score(dataclasses.replace(predictions, view_depth=depth), pseudo)
    metric = scores.metrics["pseudo_depth_order_share"]
    assert (metric.value, metric.n) == (1.0, 20)
    assert np.isnan(scores.per_image["pseudo_depth_order_share"][:4]).all()
    assert scores.reasons["depth_order_share"] == "no ground truth"
    assert report.direction("pseudo_depth_order_share") == report.UP
    unknown = score.GroundTruth(landmarks=np.full_like(marks, np.nan), pseudo=True)
    scores = score.score(dataclasses.replace(predictions, view_depth=depth), unknown)
    assert scores.metrics["pseudo_depth_order_share"].is_absent


def test_the_order_by_landmarks_needs_depth_in_the_photos_view():
    predictions, ground_truth, _ = faces(11)
    predictions = dataclasses.replace(predictions, view_depth=None)
    _, marked = bumps(ground_truth)
    scores = score.score(predictions, marked)
    assert scores.reasons["depth_order_share"] == score.NOT_PREDICTED
    assert scores.metrics["convex_share"].value == 1.0
    assert (
        score.score(predictions, score.GroundTruth()).reasons["depth_order_share"]
        == "no ground truth"
    )


def test_true_regions_are_preferred_to_landmarks():
    predictions, ground_truth, _ = faces(12)
    depth, _ = bumps(ground_truth)
    regions = np.zeros((len(depth), 2, SIZE, SIZE))
    regions[:, 0, 12, 12] = regions[:, 1, 0] = 1
    known = dataclasses.replace(ground_truth, depth_regions=regions)
    scores = score.score(dataclasses.replace(predictions, view_depth=2 - depth), known)
    assert scores.metrics["depth_order_share"].value == 1.0


def test_the_label_map_line_knows_the_fit_only():
    predictions, ground_truth, fit = faces(0)
    same = ground_truth.parts[:1].repeat(len(ground_truth.parts), 0)
    alike = dataclasses.replace(ground_truth, parts=same)
    found = values(score.score(predictions, alike, fit._replace(label_map=same[0])))
    for name in ("nmi", "ari", "miou"):
        assert found[f"{name}_label_map"] == pytest.approx(1.0) and found[name] < 0.9
    other = values(score.score(predictions, ground_truth, fit._replace(label_map=same[0])))
    assert other["miou_label_map"] < 0.9 and other["miou"] == pytest.approx(1.0)
    assert "miou_label_map" not in values(score.score(predictions, ground_truth, fit))


def test_the_mean_depth_line_knows_the_fit_only():
    predictions, ground_truth, fit = faces(7)
    elsewhere = fit._replace(mean_depth=np.roll(fit.mean_depth, 6, axis=1))
    near, far = (
        values(score.score(predictions, ground_truth, f))[
            "depth_error_canonical_mean_depth_percent"
        ]
        for f in (fit, elsewhere)
    )
    assert near < far
    without = score.score(predictions, ground_truth, fit._replace(mean_depth=None))
    assert without.metrics["depth_error_canonical_mean_depth_percent"].is_absent
    assert not without.metrics["side_view_mean_depth_e2"].is_absent
    without = score.score(predictions, ground_truth, fit._replace(mean_view_depth=None))
    assert without.metrics["side_view_mean_depth_e2"].is_absent
    assert not without.metrics["side_view_constant_e2"].is_absent


def test_the_view_is_measured_where_both_are_rendered_with_their_own_cameras():
    predictions, ground_truth, fit = faces(10)
    covered = np.ones(ground_truth.depth.shape)
    covered[:, :, :8] = 0
    wrong = np.where(covered > 0, predictions.view_depth, 1.4)
    masked = dataclasses.replace(predictions, view_depth=wrong, view_mask=covered)
    scores = score.score(masked, ground_truth, fit)
    assert scores.metrics["side_view_e2"].value == pytest.approx(0.0, abs=1e-6)
    assert scores.per_image["mad_view_degrees"].shape == (24,)
    unmasked = score.score(dataclasses.replace(masked, view_mask=None), ground_truth, fit)
    assert unmasked.metrics["side_view_e2"].value > 1
    hidden = dataclasses.replace(ground_truth, view_mask=covered)
    scores = score.score(dataclasses.replace(masked, view_mask=None), hidden, fit)
    assert scores.metrics["side_view_e2"].value == pytest.approx(0.0, abs=1e-6)
    wide = score.score(dataclasses.replace(predictions, fov_degrees=20.0), ground_truth, fit)
    other = score.score(predictions, dataclasses.replace(ground_truth, fov_degrees=20.0), fit)
    for found in (wide, other):
        assert found.metrics["mad_view_degrees"].value > 1
        assert found.metrics["mad_canonical_unaligned_degrees"].value > 1
        # What is aligned to the ground truth lies in the ground truth's camera.
        assert found.metrics["mad_canonical_degrees"].value == pytest.approx(0.0, abs=1e-6)


def test_what_is_fitted_for_depth_needs_no_parts():
    predictions, ground_truth, fit = faces(12)
    whole = score.score(predictions, ground_truth, fit)
    found = score.score(predictions, ground_truth, fit._replace(centers=None))
    assert found.metrics["nme_percent"].is_absent
    for name in ("side_view_mean_depth_e2", "mad_canonical_mean_depth_degrees"):
        assert found.metrics[name] == whole.metrics[name]


def test_the_lines_stand_beside_both_views():
    scores = score.score(*faces(11))
    rows = {r.name: r for r in report.rows(report.section_metrics(scores, "geometry"))}
    for name in ("side_view_e2", "mad_view_degrees", "side_canonical_e2", "mad_canonical_degrees"):
        assert rows[name].direction == report.DOWN
        assert "constant" in rows[name].to_beat and "mean depth" in rows[name].to_beat
    assert list(rows)[:2] == ["side_view_e2", "mad_view_degrees"]
    assert not any("_mean_depth" in name or "_constant" in name for name in rows)


def test_rows_of_parts_and_descriptors():
    scores = score.score(*faces(8))
    header, *rows = report.part_rows(scores)
    assert header[0] == "part" and len(rows) == 6
    assert [row[4] for row in rows] == list(score.LABELS)
    assert rows[0][0] == "background" and rows[3][5] == "1.000"
    header, *rows = report.recognition_rows(scores)
    assert header == ["descriptor", "rank-1", "yaw 0-45", "AUC", "EER"]
    assert rows == [["object", "1.000", "1.000", "1.000", "0.0000 %"]]
    shown = report.section_metrics(scores, "segmentation")
    assert "miou" in shown and "exists_part_1" not in shown


def repeated(item, times):
    """Every array of a dataclass or tuple that is of the pictures, with each picture so many times."""
    if isinstance(item, np.ndarray):
        return item.repeat(times, 0)
    if isinstance(item, dict):
        return {name: repeated(value, times) for name, value in item.items()}
    if isinstance(item, Condition):
        return item._replace(distance=repeated(item.distance, times))
    if hasattr(item, "_fields"):
        return type(item)(*(repeated(value, times) for value in item))
    if dataclasses.is_dataclass(item):
        names = [field.name for field in dataclasses.fields(item)]
        return dataclasses.replace(item, **{n: repeated(getattr(item, n), times) for n in names})
    return item


def test_every_interval_draws_people():
    # One picture of each person, and wrong in everything; then each picture ten times.
    predictions, ground_truth, fit = faces(11, people=24, images=1)
    other, _, _ = faces(12, people=24, images=1)
    generator = np.random.default_rng(13)
    capsules = cycle.Capsules(
        1 + 0.1 * generator.random((24, 8, 8)),
        generator.random((24, 8, 8, 3)),
        generator.integers(0, 3, (24, 8, 8)),
        generator.normal(0, 20, 24),
        np.eye(3)[generator.integers(0, 3, 24)],
    )
    again = cycle.Capsules(*(a[::-1] for a in capsules))
    rerendered = cycle.Rerendered(
        capsules, again, capsules.yaw_degrees + 15, again, capsules.light_direction
    )
    found = dataclasses.replace(
        other,
        image=predictions.image,
        view_depth=1 + 0.1 * generator.random((24, SIZE, SIZE)),
        rerendered=rerendered,
    )
    fit = fit._replace(label_map=ground_truth.parts[0])
    view_depth = 1 + 0.1 * generator.random((24, SIZE, SIZE))
    ground_truth = dataclasses.replace(
        ground_truth, landmark_depth=generator.random((24, 5)), view_depth=view_depth
    )
    once = score.score(found, ground_truth, fit).metrics
    many = score.score(repeated(found, 10), repeated(ground_truth, 10), fit).metrics
    # What compares several images of one person has no interval of one image each; the next picture
    # is another face in the one set, and the same in the other.
    several = ("rank", "verification", "position_spread", "other_face")
    measured = [n for n, m in many.items() if not m.is_absent and not n.startswith(several)]
    assert len(measured) > 60 and {"nmi", "l1", "mad_canonical_degrees", "mad_view_degrees",
            "yaw_correlation", "exists_part_1", "iou_nose", "nmi_landmarks", "convex_share",
            "landmark_depth_correlation", "rotation_side_e2", "nme_no_bias_percent",
            "miou_label_map"} <= set(measured)  # fmt: skip
    for name in measured:
        a, b = once[name], many[name]
        if name.startswith("ari"):  # it counts pairs, so that ten times the points are not the same
            assert b.high - b.low == pytest.approx(a.high - a.low, rel=0.05), name
            continue
        assert (b.value, b.low, b.high) == pytest.approx((a.value, a.low, a.high), rel=1e-6), name
    for name, metric in many.items():
        if not metric.is_absent:
            assert (metric.resampled, metric.drawn) == ("people", 24), name
    unknown = dataclasses.replace(repeated(ground_truth, 10), identity=None)
    images = score.score(repeated(found, 10), unknown, fit).metrics
    assert (images["l1"].resampled, images["l1"].drawn) == ("images", 240)
    assert images["l1"].high - images["l1"].low < 0.5 * (many["l1"].high - many["l1"].low)


def test_landmarks_tell_how_well_parts_tell_them_apart():
    predictions, ground_truth, fit = faces(14)
    ground_truth.landmarks[:, 4, 0] -= 0.5  # into the mouth
    scores = score.score(predictions, ground_truth, fit)
    # Eyes as one, nose, mouth as one: what parts that are alike on both sides reach.
    assert scores.metrics["nmi_landmarks"].value == pytest.approx(0.792, abs=1e-3)
    assert 0.6 < scores.metrics["nmi_landmarks_mean_face"].value < 0.95
    still = ground_truth.landmarks[:1].repeat(24, 0)  # faces that all lie alike need no looking at
    alike = score.score(
        predictions,
        dataclasses.replace(ground_truth, landmarks=still),
        fit._replace(landmarks=still),
    )
    assert alike.metrics["nmi_landmarks_mean_face"].value == pytest.approx(1.0)
    pseudo = dataclasses.replace(ground_truth, pseudo=True)
    scores = score.score(predictions, pseudo, fit)
    assert scores.metrics["nmi_landmarks"].is_absent
    assert scores.metrics["pseudo_ari_landmarks"].n == 24
    row = next(
        row
        for row in report.rows(report.section_metrics(scores, "landmarks"), scores.reasons)
        if row.name == "pseudo_nmi_landmarks"
    )
    assert "mean face 0." in row.to_beat and row.images == "24 (6)"
    without = score.score(predictions, ground_truth)  # nothing is fitted for it
    assert without.metrics["ari_landmarks"].value == pytest.approx(0.615, abs=0.02)
    assert without.metrics["ari_landmarks_mean_face"].is_absent
    nothing = dataclasses.replace(predictions, labels=None, centers=None, parts=0)
    assert score.score(nothing, ground_truth, fit).reasons["nmi_landmarks"] == score.NOT_PREDICTED


def test_landmark_depth_of_photos():
    predictions, ground_truth, _ = faces(15)
    view = 1 + 0.1 * np.random.default_rng(16).random((24, SIZE, SIZE))
    at = score.landmark_depth.at_landmarks(view, ground_truth.landmarks)
    known = dataclasses.replace(ground_truth, landmark_depth=3 * at, pseudo=True)
    scores = score.score(dataclasses.replace(predictions, view_depth=view), known)
    assert scores.metrics["landmark_depth_correlation"].is_absent
    assert scores.metrics["pseudo_landmark_depth_correlation"].value == pytest.approx(1.0)
    assert scores.metrics["pseudo_landmark_depth_correlation_sum"].value == pytest.approx(5.0)
    unseen = score.score(dataclasses.replace(predictions, view_depth=None), known)
    assert unseen.reasons["landmark_depth_correlation"] == score.NOT_PREDICTED
    unknown = score.score(dataclasses.replace(predictions, view_depth=view), ground_truth)
    assert unknown.reasons["landmark_depth_correlation"] == "no ground truth"
