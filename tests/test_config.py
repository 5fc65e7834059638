"""The configuration: flags and fields are one, files round trip, mistakes are named."""

import dataclasses
import json
import pathlib
import re

import pytest
from absl import flags

from igc_tf import config
from igc_tf.graphics.rasterizers import rasterizer

FLAG_FILES = sorted((pathlib.Path(__file__).parents[1] / "flags").glob("*.flags"))
NAMES = sorted(config.Config().flat())


def parsed(*arguments):
    """The configuration of a command line."""
    values = flags.FlagValues()
    config.define_flags(values)
    values(["program", *arguments])
    return config.from_flags(values)


def another_value(name):
    """A valid value of a flag that is not its default, and what it needs beside it."""
    default = config.Config().flat()[name]
    special = {
        "image_size": 32,
        "map_size": 128,
        "decoder_channels": 8,
        "shape_dim": 96,
        "border_depth": 1.0,
        "background_relief": 0.25,
        "crop_scale": 0.5,
        "part_names": "a,b,c,d,e",
        "dataset": "photo_folder",
        "feature_network": "vgg16",
    }
    beside = {
        "dataset": {"data_dir": "photos"},
        "feature_network": {"vgg_weights": "vgg.h5"},
        "feature_clustering_weight": {"efficientnet_weights": "lite0.pth"},
        "part_feature_weight": {"feature_network": "vgg16", "vgg_weights": "vgg.h5"},
    }.get(name, {})
    choices = field_of(name).metadata["choices"]
    if name in special:
        value = special[name]
    elif isinstance(default, bool):
        value = not default
    elif choices:
        value = next(choice for choice in choices if choice != default)
    elif isinstance(default, str):
        value = "another"
    elif isinstance(default, int):
        value = default + 1
    else:
        value = default + 0.25 if default < 0.5 else default - 0.25
    return {name: value, **beside}


def field_of(name):
    sections = [getattr(config.Config(), f.name) for f in dataclasses.fields(config.Config)]
    return next(f for s in sections for f in dataclasses.fields(s) if f.name == name)


# ---- flags ---------------------------------------------------------------------------------------


def test_flags_left_alone_give_the_defaults():
    assert parsed() == config.Config()


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_reaches_its_field_and_its_file(name, tmp_path):
    values = another_value(name)
    arguments = [f"--{key}={value}" for key, value in values.items()]
    found = parsed(*arguments)
    assert found != config.Config()
    assert {key: found.flat()[key] for key in values} == values
    # No other field moved.
    assert {k: v for k, v in found.flat().items() if k not in values} == {
        k: v for k, v in config.Config().flat().items() if k not in values
    }
    config.save(found, tmp_path)
    assert config.load(tmp_path) == found


def test_names_are_unique_over_the_sections():
    counted = [
        field.name
        for section in dataclasses.fields(config.Config)
        for field in dataclasses.fields(getattr(config.Config(), section.name))
    ]
    assert sorted(counted) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_says_what_it_is(name):
    metadata = field_of(name).metadata
    assert metadata["help"].endswith(".") and len(metadata["help"]) > 10
    if metadata["choices"]:
        assert field_of(name).default in metadata["choices"]


def test_rasterizers_to_choose_from_are_those_there_are():
    assert set(field_of("rasterizer").metadata["choices"]) == set(rasterizer.BACKENDS)


def test_flags_out_of_their_choices_are_refused():
    with pytest.raises(flags.IllegalFlagValueError, match="crop"):
        parsed("--crop=circle")


def test_flags_are_checked_together():
    with pytest.raises(ValueError, match="--image_size=48"):
        parsed("--image_size=48")


# ---- flag files ----------------------------------------------------------------------------------


def test_there_are_flag_files():
    assert {"quickstart.flags", "photo_folder.flags"} <= {path.name for path in FLAG_FILES}


@pytest.mark.parametrize("path", FLAG_FILES, ids=lambda path: path.stem)
def test_flag_files_parse_and_fit_together(path):
    text = path.read_text()
    extra = [] if "--dataset=synthetic_faces" in text else ["--data_dir=photos"]
    extra += [
        "--squeezenet_weights=file.h5",
        "--efficientnet_weights=file.pth",
    ]  # no file knows them
    found = parsed(f"--flagfile={path}", *extra)
    assert found != parsed(*extra)
    # Every line took effect: none is overridden by a later one.
    lines = re.findall(r"^--(?!flagfile=)(\w+)(?:=(.*))?$", text, re.MULTILINE)
    names = [name for name, _ in lines]
    assert len(names) == len(set(names))
    for name, value in lines:
        expected = type(found.flat()[name])(value) if value else not name.startswith("no")
        assert found.flat()[name.removeprefix("no") if not value else name] == expected, name


# ---- values that do not fit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, message",
    [
        ({"image_size": 48}, "--image_size=48"),
        ({"image_size": 256}, "--image_size=256"),
        ({"map_size": 16}, "--map_size=16"),
        ({"parts": 0}, "--parts=0"),
        ({"shape_dim": 0}, "--shape_dim=0"),
        ({"view_dim": 0}, "--view_dim=0"),
        ({"encoder_channels": 0}, "--encoder_channels=0"),
        ({"decoder_channels": 6}, "--decoder_channels=6"),
        ({"decoder_channels": 0}, "--decoder_channels=0"),
        ({"border_depth": 1.2}, "--border_depth=1.2"),
        ({"border_depth": 0.8}, "--border_depth=0.8"),
        ({"background_relief": 1.5}, "--background_relief=1.5"),
        ({"background_relief": -0.5}, "--background_relief=-0.5"),
        ({"background_relief": 0.5, "border_depth": 0.0}, "--background_relief=0.5"),
        ({"background_relief": 0.75}, "--background_relief=0.75 takes the background beyond"),
        ({"rotation_range_degrees": -1.0}, "--rotation_range_degrees=-1.0"),
        ({"rotation_range_degrees": 91.0}, "--rotation_range_degrees=91.0"),
        ({"batch_size": 0}, "--batch_size=0"),
        ({"train_images": 0}, "--train_images=0"),
        ({"test_fraction": 0.0}, "--test_fraction=0.0"),
        ({"test_fraction": 1.0}, "--test_fraction=1.0"),
        ({"crop_scale": 0.0}, "--crop_scale=0.0"),
        ({"crop_scale": 1.1}, "--crop_scale=1.1"),
        ({"part_names": "eyes,nose"}, "--part_names=eyes,nose: it must give 5 different names"),
        ({"parts": 3, "part_names": "eyes,eyes"}, "it must give 2 different names"),
        ({"crop": "landmarks"}, "--crop=landmarks: synthetic_faces is cut by --crop=center alone"),
        ({"crop_center_y": -0.1}, "--crop_center_y=-0.1"),
        ({"dataset": "photo_folder"}, "--dataset=photo_folder needs --data_dir"),
        ({"likelihood_weight": 0.0}, "--likelihood_weight and --pyramid_weight are both 0"),
        ({"feature_network": "vgg16"}, "--feature_network=vgg16 needs --vgg_weights"),
        (
            {"feature_network": "squeezenet"},
            "--feature_network=squeezenet needs --squeezenet_weights",
        ),
        ({"part_feature_size": 16}, "--part_feature_size=16: it must be within [32, inf)"),
        ({"part_feature_weight": 1.0}, "--part_feature_weight needs features"),
        (
            {"parts": 1, "static_background": True},
            "--static_background and --part_feature_weight need",
        ),
        (
            {"rerender_pose_weight": 1.0, "rerender_yaw_degrees": 60.0},
            "--rerender_yaw_degrees=60.0",
        ),
        (
            {
                "rerender_pose_weight": 1.0,
                "rerender_tilt_degrees": 15.0,
                "tilt_range_degrees": 10.0,
            },
            "limits, 60 and 10 degrees",
        ),
        *[
            ({name: number}, f"--{name}={number}: it must be positive")
            for name, number in [
                ("visibility_sharpness", -1.0),
                ("contrastive_temperature", 0.0),
                ("learning_rate", 0.0),
                ("view_gain", 0.0),
                ("learning_rate", float("nan")),
                ("validate_every_steps", 0),
            ]
        ],
        *[
            ({name: number}, f"--{name}={number}: it must be at least 0")
            for name, number in [
                ("max_depth_deviation", -0.1),
                ("max_steps", -1),
                ("warmup_steps", -1),
                ("l2", -1e-4),
                ("clip_norm", -1.0),
                ("seed", -1),
            ]
        ],
        *[
            ({name: -0.1}, f"--{name}=-0.1: it must be at least 0")
            for name in NAMES
            if name.endswith("_weight")
        ],
    ],
    ids=lambda v: " ".join(f"{k}={x}" for k, x in v.items()) if isinstance(v, dict) else "",
)
def test_values_that_do_not_fit_are_named(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        config.Config().replace(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"border_depth": 0.0},
        {"train_images": 0, "max_steps": 1},
        {"likelihood_weight": 0.0, "pyramid_weight": 1.0},
        {"parts": 1},
        {"crop_scale": 1.0, "crop_center_y": 0.0},
    ],
)
def test_values_at_the_edge_fit(values):
    found = config.Config().replace(**values).flat()
    assert {name: found[name] for name in values} == values


def test_sections_made_by_hand_are_checked_too():
    with pytest.raises(ValueError, match="--parts=0"):
        config.Config(model=config.ModelConfig(parts=0))


# ---- flat values ---------------------------------------------------------------------------------


def test_unknown_names_are_named():
    with pytest.raises(ValueError, match=r"\['chanels', 'sise'\]"):
        config.from_flat({"sise": 3, "chanels": 4, "parts": 6})


@pytest.mark.parametrize(
    "name, value, kind",
    [
        ("parts", 6.0, "int"),
        ("parts", True, "int"),
        ("parts", "6", "int"),
        ("flip", 1, "bool"),
        ("learning_rate", "1e-3", "float"),
        ("learning_rate", True, "float"),
        ("dataset", None, "str"),
    ],
)
def test_values_of_the_wrong_type_are_refused(name, value, kind):
    with pytest.raises(ValueError, match=rf"--{name} is {value!r}; it must be of type {kind}"):
        config.from_flat({name: value})


def test_whole_numbers_do_for_floats():
    found = config.from_flat({"learning_rate": 1}).training.learning_rate
    assert found == 1.0 and type(found) is float


def test_values_out_of_their_choices_are_refused():
    with pytest.raises(
        ValueError, match="--precision is 'float16'; it must be one of float32, mixed"
    ):
        config.from_flat({"precision": "float16"})


def test_replace_changes_only_what_it_names():
    base = config.Config()
    changed = base.replace(parts=4, seed=7)
    assert (changed.model.parts, changed.training.seed) == (4, 7)
    assert changed.replace(parts=base.model.parts, seed=base.training.seed) == base
    assert base == config.Config()
    with pytest.raises(ValueError, match="nonsense"):
        base.replace(nonsense=1)


def test_configurations_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.Config().model.parts = 4


# ---- files ---------------------------------------------------------------------------------------


def test_the_file_is_complete_readable_json(tmp_path):
    config.save(config.Config(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["flags.json"]
    assert json.loads((tmp_path / "flags.json").read_text()) == config.Config().flat()


def test_save_replaces_an_older_file(tmp_path):
    config.save(config.Config(), tmp_path)
    config.save(config.Config().replace(parts=3), tmp_path)
    assert config.load(tmp_path).model.parts == 3


def test_a_directory_without_the_file_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="flags.json is missing.*is no run directory"):
        config.load(tmp_path)


@pytest.mark.parametrize("text", ['{"parts": 6, ', "", "[1, 2", "3", '[{"parts": 6}]', "null"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "flags.json").write_text(text)
    with pytest.raises(ValueError, match="flags.json is damaged"):
        config.load(tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "flags.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="flags.json is damaged"):
        config.load(tmp_path)


def test_a_file_of_another_version_says_so(tmp_path):
    (tmp_path / "flags.json").write_text('{"warp_drive": 9}')
    with pytest.raises(ValueError, match="warp_drive.*another version"):
        config.load(tmp_path)


# ---- resuming ------------------------------------------------------------------------------------


def test_differences_names_both_values():
    run, now = config.Config(), config.Config().replace(parts=4, learning_rate=0.5)
    assert config.differences(now, run) == [
        "--parts: 6 in the run, 4 now",
        "--learning_rate: 0.0001 in the run, 0.5 now",
    ]
    assert config.differences(run, run) == []


def test_places_are_folders_and_files_of_weights():
    found = set(config.places())
    assert {"data_dir", "makehuman_dir", "squeezenet_weights", "vgg_weights"} <= found
    assert all(type(config.Config().flat()[name]) is str for name in found)
    assert not [name for name in found if name.endswith("_weight")]  # of a loss


@pytest.mark.parametrize("name", NAMES)
def test_differences_forgives_only_what_is_not_learned(name):
    free = {
        *config.places(),
        "strategy",
        "train_images",
        "max_steps",
        "summary_every_seconds",
        "checkpoint_every_seconds",
        "rasterizer",
        "part_names",
    }
    # What the other value needs beside it differs too; only this flag's own line is looked at.
    found = config.differences(config.Config().replace(**another_value(name)), config.Config())
    assert any(line.startswith(f"--{name}:") for line in found) == (name not in free)


@pytest.mark.parametrize("change", [{"train_images": 900}, {"max_steps": 8}])
def test_a_schedule_binds_a_run_to_its_length(change):
    run = config.Config().replace(train_images=600, batch_size=60, learning_rate_schedule="cosine")
    (line,) = config.differences(run.replace(**change), run)
    ((name, value),) = change.items()
    assert line.startswith(f"--{name}: {run.flat()[name]} in the run, {value} now")
    assert "--init_from" in line and "cosine" in line
    # The same number of steps, given in another way, is no other length.
    assert config.differences(run.replace(max_steps=10), run) == []
    constant = run.replace(learning_rate_schedule="constant")
    assert config.differences(constant.replace(**change), constant) == []


def test_steps_are_rounded_up():
    assert config.Config().replace(train_images=5, batch_size=2).training.steps == 3
    assert config.Config().replace(train_images=5, max_steps=9).training.steps == 9
