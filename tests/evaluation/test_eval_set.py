"""What is measured on, what is fitted on, and that the two do not mix."""

import numpy as np
import pytest
from PIL import Image

from igc_tf.config import DataConfig
from igc_tf.datasets import catalog, labels, photo_folder
from igc_tf.evaluation import eval_set

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def photos(tmp_path):
    """80 photos of 8 people, with labels of everything."""
    folder = tmp_path / "photos"
    folder.mkdir()
    generator = np.random.default_rng(0)
    lines = [f"file,identity,score,yaw_deg,{','.join(labels._LANDMARKS)}"]
    for number in range(80):
        Image.fromarray(generator.integers(0, 255, (20, 20, 3), np.uint8)).save(
            folder / f"{number:02d}.png"
        )
        marks = ",".join(f"{value:.2f}" for value in generator.uniform(5, 15, 10))
        lines.append(f"{number:02d}.png,person{number // 10},1,{number % 10 * 5},{marks}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return DataConfig(dataset="photo_folder", data_dir=str(folder), test_fraction=0.3)


def splits(measured):
    import pathlib

    return [photo_folder.split_of(pathlib.PurePosixPath(name), 0.3) for name in measured.names]


def test_the_test_split_is_measured_and_the_train_split_fitted_on(photos):
    measured = eval_set.load_eval_set(photos, 16)
    assert set(splits(measured)) == {"test"} and len(measured.images) == len(measured.names)
    assert (
        len(measured.fit_images) == len(measured.fit_landmarks) and measured.fit_mean_depth is None
    )
    store = catalog.open_split(photos, 16, "test")
    known = labels.read(photos, store.names, store.transforms)
    np.testing.assert_array_equal(measured.ground_truth.landmarks, known.landmarks)
    assert measured.ground_truth.pseudo and measured.ground_truth.parts is None
    assert "pseudo-pose and landmarks (predicted by a network)" in measured.description
    assert "identity" in measured.description


def test_depth_of_landmarks_is_read_where_a_file_gives_it(photos, tmp_path):
    assert eval_set.load_eval_set(photos, 16).ground_truth.landmark_depth is None
    path = tmp_path / "photos" / "labels.csv"
    head, *rows = path.read_text().splitlines()
    rows = [f"{row},1,2,3,4,{number}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{head},{','.join(labels._LANDMARK_DEPTHS)}", *rows]))
    measured = eval_set.load_eval_set(photos, 16)
    numbers = [int(name[:2]) for name in measured.names]
    np.testing.assert_allclose(
        measured.ground_truth.landmark_depth[:, 4], np.array(numbers) * 16 / 20
    )
    assert "pseudo-pose and landmarks with depth (predicted by a network)" in measured.description
    chosen = eval_set.ground_truth_of(measured, measured.names[3:5])
    np.testing.assert_array_equal(chosen.landmark_depth, measured.ground_truth.landmark_depth[3:5])


def test_a_whole_folder_scores_landmarks_on_its_test_split_only(photos):
    measured = eval_set.load_eval_set(photos, 16, whole=True)
    assert len(measured.names) == 80 and set(splits(measured)) == set(photo_folder.SPLITS)
    known = ~np.isnan(measured.ground_truth.landmarks).any((1, 2))
    np.testing.assert_array_equal(known, np.array(splits(measured)) == "test")
    assert (measured.ground_truth.identity >= 0).all() and not np.isnan(
        measured.ground_truth.condition.distance
    ).any()
    assert "every photo" in measured.description


def test_another_folder_to_fit_on_leaves_every_photo_to_be_scored(photos, tmp_path):
    other = tmp_path / "others"
    other.mkdir()
    lines = (tmp_path / "photos" / "labels.csv").read_text().splitlines()
    (other / "labels.csv").write_text("\n".join([lines[0], *lines[41:]]))
    for number in range(40, 80):
        (tmp_path / "photos" / f"{number:02d}.png").rename(other / f"{number:02d}.png")
    measured = eval_set.load_eval_set(photos, 16, whole=True, fit_dir=str(other))
    assert len(measured.names) == 40 and not np.isnan(measured.ground_truth.landmarks).any()
    assert len(measured.fit_images) == len(measured.fit_landmarks) == 40
    assert measured.description.endswith(f"fitted on 40 photos of {other}")
    marks = np.array([line.split(",")[4:] for line in lines[41:]], float).reshape(40, 5, 2)
    np.testing.assert_allclose(measured.fit_landmarks, marks * 16 / 20, atol=1e-4)
    with pytest.raises(ValueError, match="is the folder that is measured"):
        eval_set.load_eval_set(photos, 16, whole=True, fit_dir=photos.data_dir)


def test_photos_and_labels_stay_together(photos):
    measured = eval_set.load_eval_set(photos, 16, whole=True, images=30)
    assert len(measured.images) == len(measured.names) == len(measured.ground_truth.identity) == 30
    for name, yaw, person in zip(
        measured.names,
        measured.ground_truth.rotation_degrees[:, 1],
        measured.ground_truth.identity,
        strict=True,
    ):
        number = int(name[:2])
        assert yaw == number % 10 * 5 and person == number // 10


def test_without_labels_only_the_pictures_are_known(photos, tmp_path):
    (tmp_path / "photos" / "labels.csv").unlink()
    measured = eval_set.load_eval_set(photos, 16)
    assert measured.ground_truth.identity is None and measured.fit_landmarks is None
    assert "no labels" in measured.description


def test_conditions_by_hand():
    light = eval_set.light_condition(np.array([[0, 0], [60, 0], [0, -45], [60, 60]]))
    np.testing.assert_allclose(light.distance, [0, 60, 45, np.degrees(np.arccos(0.25))], atol=1e-5)
    assert [name for name, *_ in light.bins][-1] == "light_77_up"
    view = eval_set.view_condition(np.array([1.0, 19, 10, np.nan]))
    np.testing.assert_array_equal(view.distance, [18, 0, 9, np.nan])
    assert eval_set.view_condition(np.array([1.0, 4]), 1.0).distance[1] == 3
    yaw = eval_set.yaw_condition(np.array([[5.0, -30, 0]]))
    assert yaw.distance[0] == 30 and yaw.bins[2] == ("yaw_30_45", 30.0, 45.0)


def test_the_ground_truth_of_some_pictures(photos):
    measured = eval_set.load_eval_set(photos, 16)
    chosen = [measured.names[3], measured.names[0]]
    ground_truth = eval_set.ground_truth_of(measured, chosen)
    np.testing.assert_array_equal(ground_truth.landmarks, measured.ground_truth.landmarks[[3, 0]])
    np.testing.assert_array_equal(
        ground_truth.condition.distance, measured.ground_truth.condition.distance[[3, 0]]
    )
    with pytest.raises(ValueError, match=r"1 of 2 predicted pictures .* 'elsewhere.png'"):
        eval_set.ground_truth_of(measured, ["elsewhere.png", measured.names[0]])


def test_the_true_head_posed_and_rendered_is_the_ground_truth_of_the_photos_view(tmp_path):
    """Frames, signs, masks and cameras of data set, renderer and measurement agree."""
    import tensorflow as tf

    from igc_tf.graphics.renderer import Renderer
    from igc_tf.metrics import geometry
    from igc_tf.structures import Pose

    data = DataConfig(data_config="tiny", data_dir=str(tmp_path))
    measured = eval_set.load_eval_set(data, 64)
    ground_truth = measured.ground_truth
    known = catalog.ground_truth(data, "test", measured.names, ("depth", "parts", "translation"))
    np.testing.assert_array_equal(ground_truth.view_depth, known["depth"])
    np.testing.assert_array_equal(ground_truth.view_mask, known["parts"] > 0)
    assert ground_truth.fov_degrees == pytest.approx(10.0)
    fit = catalog.ground_truth(
        data, "train", catalog.open_split(data, 64, "train").names, ("depth",)
    )
    rows, columns = slice(28, 36), slice(28, 36)  # always the head
    np.testing.assert_allclose(
        measured.fit_mean_view_depth[rows, columns], fit["depth"].mean(0)[rows, columns], atol=1e-6
    )

    def rendered(rotation):
        render = Renderer((64, 64), ground_truth.fov_degrees).render
        depth = tf.constant(ground_truth.depth)
        pose = Pose(tf.constant(rotation, tf.float32), tf.constant(known["translation"]))
        maps, mask = render(depth, pose, tf.zeros([*depth.shape, 3]))
        return geometry.View(
            maps[..., 3].numpy(), mask.numpy(), fov_degrees=ground_truth.fov_degrees
        )

    def errors_of(view):
        errors = geometry.view_errors(
            view,
            geometry.View(
                ground_truth.view_depth,
                ground_truth.view_mask,
                fov_degrees=ground_truth.fov_degrees,
            ),
            measured.fit_mean_view_depth,
        )
        return {name: values.mean() for name, values in errors.items()}

    rotation = np.radians(ground_truth.rotation_degrees)
    right = errors_of(rendered(rotation))
    assert right["side_view_e2"] < 0.5 * right["side_view_mean_depth_e2"]
    assert right["mad_view_degrees"] < 0.5 * right["mad_view_mean_depth_degrees"]
    for axis in range(3):  # every sign matters
        wrong = errors_of(rendered(rotation * np.where(np.arange(3) == axis, -1.0, 1.0)))
        assert wrong["mad_view_degrees"] > right["mad_view_degrees"] + 0.2, axis
    with_wall = np.where(
        ground_truth.view_mask, ground_truth.view_depth, np.nan
    )  # the wall is not looked at
    perfect = errors_of(geometry.View(with_wall, ground_truth.view_mask))
    assert perfect["side_view_e2"] == perfect["mad_view_degrees"] == 0.0


def test_a_cut_picture_has_a_narrower_field_of_view():
    whole = DataConfig(crop="center", crop_scale=1.0)
    assert catalog.field_of_view_degrees(whole) == pytest.approx(10.0)
    half = catalog.field_of_view_degrees(DataConfig(crop="center", crop_scale=0.5))
    assert np.tan(np.radians(half / 2)) == pytest.approx(np.tan(np.radians(5.0)) / 2)


def test_photo_flags_with_synthetic_faces_are_refused():
    with pytest.raises(ValueError, match="--fit_data_dir are for --dataset=photo_folder"):
        eval_set.load_eval_set(DataConfig(), 32, whole=True)
