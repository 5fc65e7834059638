"""Predictions of any method, from a file."""

import numpy as np
import pytest

from igc_tf.evaluation import files, score
from igc_tf.metrics import geometry, landmarks

LABELS = np.array([[[0, 1], [2, 2]], [[0, 0], [1, 2]]])


def saved(tmp_path, **arrays):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    return path


def test_labels_alone_are_enough(tmp_path):
    found = files.read(saved(tmp_path, labels=LABELS))
    assert found.names == ["0", "1"] and found.predictions.parts == 3 and found.fit is None
    np.testing.assert_allclose(found.predictions.centers.parts[0], [[1.5, 0.5], [1.0, 1.5]])
    assert found.ground_truth.parts is None and found.predictions.image is None


def test_soft_maps_give_labels_and_centers(tmp_path):
    maps = np.zeros((1, 3, 2, 2))
    maps[0, 0], maps[0, 1, 0] = 0.4, [0.5, 0.25]
    maps[0, 2, 1, 1] = 0.6
    found = files.read(saved(tmp_path, part_maps=maps))
    np.testing.assert_array_equal(found.predictions.labels, [[[1, 0], [0, 2]]])
    # x = (0.5 * 0.5 + 0.25 * 1.5) / 0.75, of the soft map and not of the labels.
    np.testing.assert_allclose(found.predictions.centers.parts[0, 0], [0.625 / 0.75, 0.5])


@pytest.mark.parametrize("ground_truth_parts", [{}, {"true_parts": np.zeros((6, 32, 32), int)}])
def test_centers_without_labels_are_scored(tmp_path, ground_truth_parts):
    # Centers that are the landmarks predict them without error, and have no dispersion.
    generator = np.random.default_rng(0)
    marks = generator.uniform(8, 24, (6, 5, 2))
    fit_marks = generator.uniform(8, 24, (40, 5, 2))
    path = saved(
        tmp_path,
        part_centers=marks,
        whole_center=marks.mean(1, keepdims=True),
        fit_part_centers=fit_marks,
        fit_whole_center=fit_marks.mean(1, keepdims=True),
        fit_landmarks=fit_marks,
        true_landmarks=marks,
        true_identity=[0, 0, 0, 1, 1, 1],
        **ground_truth_parts,
    )
    found = files.read(path)
    assert found.predictions.labels is None and found.predictions.parts == 0
    scores = score.score(found.predictions, found.ground_truth, found.fit)
    assert scores.metrics["nme_percent"].value < 5
    assert scores.metrics["position_spread_percent"].value is not None
    assert scores.metrics["miou"].is_absent and scores.reasons["miou"] == score.NOT_PREDICTED
    known = not scores.metrics["position_spread_fixed_point_percent"].is_absent
    assert known == bool(ground_truth_parts)  # without any map nothing tells the picture's middle


def test_everything_is_read(tmp_path):
    path = saved(
        tmp_path,
        names=["a", "b"],
        labels=LABELS,
        parts=4,
        image=np.full((2, 2, 2, 3), 51, np.uint8),
        descriptor_object=np.eye(2),
        descriptor_mine=np.eye(2),
        fit_labels=np.concatenate([LABELS, LABELS]),
        fit_landmarks=np.zeros((4, 5, 2)),
        true_parts=LABELS,
        true_label_names=["wall", "skin", "hair"],
        true_landmark_depth=np.arange(10).reshape(2, 5),
        true_identity=[3, 3],
        true_condition=[0.0, 20.0],
        true_is_pseudo=True,
    )
    found = files.read(path)
    assert found.names == ["a", "b"] and found.predictions.parts == 4
    np.testing.assert_allclose(found.predictions.image, 0.2)
    assert list(found.predictions.descriptors) == ["object", "mine"]
    assert found.fit.centers.parts.shape == (4, 3, 2) and found.fit.mean_depth is None
    assert found.ground_truth.label_names == ("wall", "skin", "hair") and found.ground_truth.pseudo
    np.testing.assert_array_equal(found.ground_truth.condition.distance, [0, 20])
    np.testing.assert_array_equal(
        found.ground_truth.landmark_depth, [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    )
    metrics = score.score(found.predictions, found.ground_truth, found.fit).metrics
    assert metrics["miou"].resampled == "images"  # of one person alone
    assert metrics["miou"].value == 1.0 and metrics["iou_skin"].value == 1.0


def test_people_are_resampled_where_the_file_knows_them(tmp_path):
    pictures = {"image": np.random.default_rng(0).random((6, 12, 12, 3)),
                "reconstruction": np.zeros((6, 12, 12, 3))}  # fmt: skip
    found = files.read(saved(tmp_path, **pictures, true_identity=[4, 4, 4, 2, 2, -1]))
    metric = score.score(found.predictions, found.ground_truth).metrics["l1"]
    assert (metric.resampled, metric.drawn, metric.n) == ("people", 3, 6)
    found = files.read(saved(tmp_path, **pictures))
    assert score.score(found.predictions, found.ground_truth).metrics["l1"].resampled == "images"


def test_frontal_is_told_by_the_true_yaw(tmp_path):
    found = files.read(
        saved(tmp_path, labels=LABELS, true_rotation_degrees=[[1.0, -20, 3], [0, 40, 0]])
    )
    np.testing.assert_array_equal(found.ground_truth.condition.distance, [20, 40])
    assert found.ground_truth.condition.bins[1] == ("yaw_15_30", 15.0, 30.0)


def test_labels_without_names_are_numbered(tmp_path):
    assert files.read(saved(tmp_path, labels=LABELS, true_parts=LABELS)).ground_truth.label_names == (
        "label_0", "label_1", "label_2",
    )  # fmt: skip


def test_what_is_written_comes_back(tmp_path):
    generator = np.random.default_rng(0)
    centers = landmarks.part_centers(generator.random((2, 3, 2, 2)))
    predictions = score.Predictions(
        labels=LABELS.astype(np.uint8),
        parts=3,
        centers=centers,
        image=generator.random((2, 2, 2, 3)).astype(np.float32),
        depth=1 + generator.random((2, 2, 2)),
        view_depth=1 + generator.random((2, 2, 2)),
        view_mask=np.ones((2, 2, 2), np.uint8),
        view_normals=generator.random((2, 2, 2, 3)),
        fov_degrees=12.5,
        descriptors={"object": generator.random((2, 4))},
    )
    fit = score.Fit(
        centers,
        generator.random((2, 5, 2)),
        generator.random((2, 2)),
        LABELS[0],
        generator.random((2, 2)),
    )
    files.write(tmp_path / "a.npz", ["x", "y"], predictions, fit)
    found = files.read(tmp_path / "a.npz")
    assert found.names == ["x", "y"]
    np.testing.assert_array_equal(found.predictions.centers.parts, centers.parts)
    np.testing.assert_array_equal(found.predictions.image, predictions.image)
    np.testing.assert_array_equal(found.predictions.descriptors["object"],
                                  predictions.descriptors["object"])  # fmt: skip
    np.testing.assert_array_equal(found.predictions.depth, predictions.depth)
    for name in ("view_depth", "view_mask", "view_normals"):
        np.testing.assert_array_equal(getattr(found.predictions, name), getattr(predictions, name))
    assert found.predictions.fov_degrees == 12.5 and found.ground_truth.fov_degrees == 10.0
    np.testing.assert_array_equal(found.fit.mean_view_depth, fit.mean_view_depth)
    np.testing.assert_array_equal(found.fit.landmarks, fit.landmarks)
    np.testing.assert_array_equal(found.fit.mean_depth, fit.mean_depth)
    np.testing.assert_array_equal(found.fit.label_map, fit.label_map)
    assert found.predictions.reconstruction is None


def test_a_method_without_parts(tmp_path):
    pictures = np.random.default_rng(0).random((4, 12, 12, 3))
    predictions = score.Predictions(
        labels=None,
        parts=0,
        centers=None,
        image=pictures,
        reconstruction=np.clip(pictures + 0.1, 0, 1),
        descriptors={"object": np.eye(4)[[0, 0, 1, 1]]},
    )
    files.write(tmp_path / "a.npz", list("abcd"), predictions)
    found = files.read(tmp_path / "a.npz")
    assert found.names == list("abcd") and found.predictions.labels is None and found.fit is None
    ground_truth = score.GroundTruth(
        parts=np.zeros((4, 12, 12), int),
        landmarks=np.zeros((4, 5, 2)),
        identity=np.array([0, 0, 1, 1]),
    )
    scores = score.score(found.predictions, ground_truth, found.fit)
    assert scores.metrics["rank1"].value == 1.0 and 0 < scores.metrics["l1"].value < 0.1
    for name in (
        "nmi", "miou", "nme_percent", "yaw_correlation", "mad_view_degrees",
        "mad_canonical_degrees",
    ):  # fmt: skip
        assert scores.metrics[name].is_absent and scores.reasons[name] == score.NOT_PREDICTED
    assert not any(name.startswith("exists") for name in scores.metrics)


def test_depth_in_the_photos_view_alone_is_enough(tmp_path):
    x, y = np.meshgrid(np.arange(16) + 0.5, np.arange(16) + 0.5)
    depth = 1 + 0.01 * np.hypot(x - 8, y - 9)
    marks = np.array([[5, 6], [11, 6], [8, 9], [6, 12], [10, 12.0]])
    path = saved(
        tmp_path, view_depth=[depth, 2 - depth], true_landmarks=[marks, marks], true_is_pseudo=True
    )
    found = files.read(path)
    assert found.predictions.depth is None and found.predictions.labels is None
    scores = score.score(found.predictions, found.ground_truth, found.fit)
    np.testing.assert_array_equal(scores.per_image["pseudo_depth_order_share"], [1, 0])
    assert (
        scores.reasons["convex_share"] == scores.reasons["side_canonical_e2"] == score.NOT_PREDICTED
    )
    assert scores.reasons["depth_order_share"] == "no ground truth"


def test_depth_and_normals_of_another_method_are_measured_in_the_photos_view(tmp_path):
    axis = (np.arange(64) + 0.5) / 32 - 1
    true = 1.0 - 0.05 * np.exp(-(axis**2 + axis[:, None] ** 2) / 0.3)
    true = np.stack([true, np.roll(true, 6, axis=1)])
    path = saved(
        tmp_path,
        view_depth=1.3 * true,
        view_normals=geometry.normals(true, 10.0),
        fov_degrees=30.0,  # of no account beside normals
        true_view_depth=true,
        true_view_mask=true < 0.99,
        true_fov_degrees=10.0,
        fit_mean_view_depth=true.mean(0),
    )
    found = files.read(path)
    metrics = score.score(*found[1:]).metrics
    assert metrics["side_view_e2"].value == pytest.approx(0.0, abs=1e-6)
    assert metrics["mad_view_degrees"].value == pytest.approx(0.0, abs=1e-6)
    assert 0 < metrics["side_view_mean_depth_e2"].value < metrics["side_view_constant_e2"].value


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"label": LABELS}, "no array is called label"),
        ({"image": np.zeros((2, 2, 2, 3))}, "predicts nothing"),
        ({"labels": LABELS, "depth": np.ones((3, 2, 2))}, r"depth has shape \(3, 2, 2\), but .* 2"),
        ({"labels": LABELS, "view_depth": np.ones((2, 4, 4))},
         r"S x S alike, got labels \(2, 2, 2\), view_depth \(2, 4, 4\)"),
        ({"labels": LABELS, "view_mask": LABELS}, "view_mask needs view_depth beside it"),
        ({"view_depth": np.ones((2, 4, 4)), "view_normals": np.ones((2, 4, 3))},
         r"view_normals must be \(2, 4, 4, 3\), got \(2, 4, 3\)"),
        ({"view_depth": np.ones(2)}, r"S x S alike, got view_depth \(2,\)"),
        ({"labels": LABELS, "true_identity": 3}, "true_identity has shape"),
        ({"labels": LABELS, "fit_labels": LABELS, "fit_landmarks": np.zeros((3, 5, 2))},
         "fit_labels has shape"),
        ({"labels": np.array([{}], object)}, "no NPZ file of plain arrays"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        files.read(saved(tmp_path, **arrays))


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        files.read(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match="no NPZ file"):
        files.read(tmp_path / "text.npz")
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        files.write(tmp_path / "a.txt", [], None)
