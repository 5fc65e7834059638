"""The one configuration: every value that makes a run, typed, with its default, reason and source.

Each field below *is* an absl flag of the same name; there is no second list. A program calls
`define_flags()` once, then `from_flags()`; a run keeps the result in `flags.json` (`save`), and every
other program reads that file back (`load`). No flag is ever retyped.

Values marked [choice] are this project's: the paper's own hyper-parameters are not published.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import typing
from collections.abc import Callable
from typing import Any, ClassVar

from absl import flags

from igc_tf import config_checks, disk, retired_flags

FILE_NAME = "flags.json"


def _field(default: Any, help_text: str, choices: tuple[str, ...] | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"help": help_text, "choices": choices})


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which photos, and how they are cut."""

    dataset: str = _field(
        "synthetic_faces",
        "Data set: the embedded synthetic faces, realistic heads of MakeHuman's material, any folder of "
        "photos, or one of the collections that docs/data.md describes.",
        (
            "synthetic_faces",
            "parametric_heads",
            "photo_folder",
            "celeb_a",
            "bp4d",
            "multi_pie",
            "cat_faces",
        ),
    )
    data_dir: str = _field(
        "",
        "The folder with the photos. synthetic_faces, parametric_heads: where TFDS keeps its data sets; "
        "empty for TFDS' own default. celeb_a: empty to let TFDS download it.",
    )
    data_config: str = _field(
        "px64",
        "The TFDS builder configuration. Of synthetic_faces and parametric_heads; of bp4d and multi_pie "
        "too, whose own default is used where this is px64.",
    )
    makehuman_dir: str = _field(
        "",
        "parametric_heads: folder with MakeHuman's two packages, needed to make the data set only; "
        "empty for $MAKEHUMAN_DIR, or ~/makehuman.",
    )
    crop: str = _field(
        "center",
        "How photos are cut: 'center', the square given by crop_scale and crop_center_y; 'none', the "
        "whole photo squeezed into the square; 'landmarks', aligned by eyes and mouth; 'box', the box "
        "that celeb_a or cat_faces tells; 'detect', the face that a detector finds (needs "
        "OpenCV, better with MediaPipe).",
        ("center", "none", "landmarks", "box", "detect"),
    )
    crop_scale: float = _field(1.0, "Side of the center crop over the photo's shorter side.")
    crop_center_y: float = _field(
        0.5, "Height of the crop's center over the photo's height, 0 top, 1 bottom."
    )
    align_eye_line: float = _field(
        0.46,
        "crop=landmarks: height of the eyes in the picture, 0 top, 1 bottom. The defaults put a face "
        "where flags/photo_folder.flags has CelebA's [choice].",
    )
    align_mouth_line: float = _field(0.73, "crop=landmarks: height of the mouth [choice].")
    align_eye_distance: float = _field(
        0.27, "crop=landmarks: distance of the eyes over the picture's side [choice]."
    )
    box_scale: float = _field(
        1.0,
        "crop=box or detect: side of the picture over the box's longer side. 1 is the box itself "
        "[unsup3d]; of detect it is OpenCV's.",
    )
    detector: str = _field(
        "face", "crop=detect: what to look for, faces of people or of cats.", ("face", "cat")
    )
    test_fraction: float = _field(
        0.1,
        "photo_folder: share of the photos, chosen by a hash of their path, kept for testing.",
    )
    flip: bool = _field(False, "Mirror every second training image at random [unsup3d: on].")
    jitter: float = _field(
        0.0,
        "Strength of random changes of each training image: at 1 it is shifted by up to 2.5 % of its "
        "side, turned by 6 degrees, scaled by 6 %, and its colors by 20 %. Against learning few photos "
        "by heart (docs/log.md, GP2); 0 is off [choice].",
    )


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The architecture of IGC-Net."""

    #: Nearest and farthest canonical depth [unsup3d].
    min_depth: ClassVar[float] = 0.9
    max_depth: ClassVar[float] = 1.1
    #: The camera's horizontal field of view, degrees [unsup3d].
    fov_degrees: ClassVar[float] = 10.0
    #: k of the assembly's softmax(-k depth) over the parts [group].
    assembly_sharpness: ClassVar[float] = 1000.0

    image_size: int = _field(64, "Side of the square image, px; a power of 2 from 32 to 128.")
    map_size: int = _field(
        64,
        "Side of the canonical depth and albedo maps, px; a power of 2 from 32 to 128 [group: 64].",
    )
    parts: int = _field(6, "M, the number of part capsules, the background's among them [paper].")
    part_names: str = _field(
        "",
        "What the foreground parts are called, in order, joined by commas, once a person has looked at "
        "them (tools.release --part_names): for captions and served labels, it changes nothing else.",
    )
    shape_dim: int = _field(
        384, "Length of the shape embedding f_s and of the albedo embedding f_a [group]."
    )
    view_gain: float = _field(
        1.0,
        "Factor on the view embeddings before the pose decoder. The GDM divides them by M twice, so at "
        "1 the pose learns M^2 times more slowly than the rest; M^2 undoes that [choice].",
    )
    view_dim: int = _field(48, "Length of the view embedding, decoded to the pose [group].")
    one_hot: bool = _field(
        True, "The GDM's one-hot operation (Eq. 6); off is the paper's ablation [paper]."
    )
    encoder_channels: int = _field(
        32,
        "Channels of the image encoder's first stage, doubled at each of the next three [unsup3d: 32]; "
        "the lighting network has half as many.",
    )
    encoder_blocks: int = _field(
        0,
        "Residual blocks after each of the image encoder's stages; 0 is [unsup3d]'s encoder. They find "
        "what its plain one misses (docs/log.md, GP0) [choice].",
    )
    decoder_channels: int = _field(
        32, "Channels of the last decoder stage, doubled towards the first, at most 8 times."
    )
    decoder_norm: str = _field(
        "group",
        "Normalization in the capsule decoders: group, after every growing stage [group]; inner, of all "
        "features but the largest, which cost as much as all others [choice]; or none.",
        ("group", "inner", "none"),
    )
    decoder_head: str = _field(
        "full",
        "Where the capsule decoders turn features into maps: at full size [group], or at half of it, "
        "whence depth is doubled bilinearly and albedo by a sub-pixel convolution; that is four times "
        "cheaper [choice].",
        ("full", "half"),
    )
    border_depth: float = _field(
        1.04,
        "Depth of the canonical map's outer columns, 0.7 max + 0.3 min [unsup3d]; 0 leaves them free.",
    )
    depth_bump: float = _field(
        0.0,
        "Height of a fixed convex bump on the raw depth: parts near at the center, background far "
        "there. Against the hollow face; 0 is off, as in the paper [choice].",
    )
    max_depth_deviation: float = _field(
        0.0,
        "If positive, the learned raw depth lies within +- this around depth_bump, so that with "
        "max_depth_deviation < depth_bump the face can never turn hollow; 0 leaves it unbounded, as in "
        "the paper [choice].",
    )
    background_relief: float = _field(
        1.0,
        "Share of the depth range that the background capsule may use, around border_depth; 1 is all of "
        "it, as in the paper. A flat background cannot take the face over [choice].",
    )
    static_background: bool = _field(
        False,
        "Render the object over the background capsule as a static layer, neither turned nor lit: a "
        "head turns before its background, not with it. In the paper, as in [unsup3d], the whole canvas "
        "turns [choice].",
    )
    symmetric_parts: bool = _field(
        False,
        "Make every foreground part's maps even in x, in the canonical view: then nothing but pose and "
        "light explains an uneven photo, and the mirrored branch may go (flip_weight=0). The paper, as "
        "[unsup3d], only asks for it by the mirrored branch [choice].",
    )
    rotation_range_degrees: float = _field(
        60.0, "Pitch, yaw and roll lie within +- this, degrees [unsup3d; group: 80]."
    )
    tilt_range_degrees: float = _field(
        0.0,
        "If positive, pitch and roll lie within +- this instead: heads turn further than they nod, and "
        "a face seen from above is a local minimum early in training [choice].",
    )
    translation_range_xy: float = _field(
        0.1, "x and y translation lie within +- this; the picture is 0.175 wide [unsup3d]."
    )
    translation_range_z: float = _field(
        0.0, "z translation lies within +- this [unsup3d: 0 for people, 0.1 for cats]."
    )
    visibility_sharpness: float = _field(
        100.0,
        "k of the soft visibility that carries the gradient of the losses on areas [choice].",
    )
    rasterizer: str = _field(
        "auto",
        "Rasterizer: TF Graphics' native kernel, our windowed pure-TensorFlow one, or the best that "
        "works here.",
        ("auto", "native", "tfg", "tensorflow"),
    )

    @property
    def albedo_dim(self) -> int:
        """Length of the albedo embedding f_a: that of f_s, whose one-hot it shares."""
        return self.shape_dim

    @property
    def confidence_channels(self) -> int:
        """Channels of the confidence network's first stage [choice; unsup3d: 64 at 64 px]."""
        return max(1, min(16, self.encoder_channels // 2))

    @property
    def capsule_names(self) -> list[str]:
        """What the M capsules are called: the background, then as a person named them, else by number."""
        if self.part_names:
            return ["background", *self.part_names.split(",")]
        return ["background", *(f"part {number}" for number in range(1, self.parts))]

    @property
    def rotation_limits(self) -> tuple[float, float, float]:
        """Pitch, yaw and roll lie within +- these, radians."""
        yaw = math.radians(self.rotation_range_degrees)
        tilt = math.radians(self.tilt_range_degrees) or yaw
        return tilt, yaw, tilt


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights and constants of the objective. All weights are [choice]: the paper gives none."""

    likelihood_weight: float = _field(
        1.0, "Confidence-weighted negative log-likelihood of the image [unsup3d]."
    )
    flip_weight: float = _field(
        0.5, "The same on the image of the mirrored object, relative to it [unsup3d]."
    )
    pyramid_weight: float = _field(
        0.0, "L1 plus image gradients over a three-level pyramid, direct and mirrored [choice]."
    )
    feature_network: str = _field(
        "none",
        "Network of the perceptual loss and of part_feature_weight: vgg16, relu3_3 [paper]; squeezenet, "
        "fire5, for CPUs [choice]; or none.",
        ("none", "vgg16", "squeezenet"),
    )
    squeezenet_weights: str = _field("", "SqueezeNet 1.1's ImageNet weights: a Keras HDF5 file.")
    vgg_weights: str = _field(
        "", "VGG16 weights: a Keras .h5 without top, or 'imagenet' to let Keras download them."
    )
    perceptual_weight: float = _field(1.0, "Perceptual loss [unsup3d: 1].")
    contrastive_weight: float = _field(0.05, "Semantic consistency, L_contra (Eq. 9) [paper].")
    contrastive_temperature: float = _field(0.1, "Its InfoNCE temperature [choice].")
    sparsity_weight: float = _field(1.0, "Spatial sparsity of the visible areas [paper].")
    sparsity_cap: float = _field(
        0.12, "Share of the image that a foreground part may cover before it costs [choice]."
    )
    sparsity_floor: float = _field(
        0.03, "Share below which a foreground part costs too, so that none vanishes [choice]."
    )
    background_weight: float = _field(1.0, "Background separation [paper].")
    part_feature_weight: float = _field(
        0.0,
        "Share of feature_network's variance over the face that the parts leave unexplained, as in "
        "SCOPS: a part is where the network sees the same thing; 0 is off, as in the paper [choice].",
    )
    part_feature_size: int = _field(
        128, "Side of the photos given to the network for those features, px [choice]."
    )
    part_place_weight: float = _field(
        0.5, "Weight of the place in the canonical view among those features [choice]."
    )
    feature_clustering_weight: float = _field(
        0.0,
        "Cross entropy between the parts and the clusters that the features of all training photos fall "
        "into, found once before the training: the same parts from every seed; 0 is off, as in the "
        "paper [choice].",
    )
    feature_place_weight: float = _field(
        0.5,
        "Weight of the place beside the features in those clusters. Lower: what looks alike is one part "
        "wherever it lies [choice].",
    )
    efficientnet_weights: str = _field(
        "",
        "EfficientNet-lite0's ImageNet weights, for those features: a PyTorch file. docs/training.md "
        "says where to get it.",
    )
    rerender_pose_weight: float = _field(
        0.0,
        "Squared error of the pose found in a picture that the model itself has rendered in a random "
        "pose, in units of the pose's limits; 0 is off, as in the paper [choice].",
    )
    rerender_yaw_degrees: float = _field(
        45.0, "Yaw of those pictures: uniform within +- this [choice]."
    )
    rerender_tilt_degrees: float = _field(
        15.0, "Pitch and roll of those pictures: uniform within +- this [choice]."
    )
    smoothness_weight: float = _field(
        0.0, "Mean squared slope of the parts' depth, in depth ranges per map side [choice]."
    )


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, with what."""

    batch_size: int = _field(64, "Images a step over all devices [unsup3d: 64].")
    train_images: int = _field(
        3_000_000, "Images to train on, counted with repetition, rounded up to whole steps."
    )
    max_steps: int = _field(0, "If positive, end after this many steps instead.")
    learning_rate: float = _field(1e-4, "Peak learning rate [unsup3d: 1e-4].")
    learning_rate_schedule: str = _field(
        "constant",
        "constant [unsup3d], or cosine to a hundredth of the peak.",
        ("constant", "cosine"),
    )
    warmup_steps: int = _field(0, "Steps of linear learning-rate warm-up [choice].")
    l2: float = _field(
        5e-4,
        "L2 added to the gradient of every weight that a loss reaches, norms' scales too [unsup3d: "
        "5e-4].",
    )
    clip_norm: float = _field(
        5.0,
        "Global gradient norm is clipped to this; 0 is off. Slivers' gradients reach 1e2 [choice].",
    )
    init_from: str = _field(
        "",
        "Start with the weights of these released weights (a name) or of this run directory, in place "
        "of random ones: to go on with a new schedule, or with other photos. The new run may be wider, "
        "by --encoder_channels, --decoder_channels and --shape_dim, and is otherwise the same.",
    )
    seed: int = _field(0, "Seed of weights, data order and augmentation.")
    precision: str = _field(
        "float32",
        "Compute type of the networks; graphics and losses stay float32. auto: mixed_bfloat16 where "
        "this machine has matrix units for it, else float32; the run keeps what was chosen.",
        ("float32", "mixed_bfloat16", "auto"),
    )
    deterministic: bool = _field(
        True,
        "On the CPU, bit-identical runs for a seed, at some cost. On a GPU, TensorFlow's deterministic "
        "kernels, of the same GPU and versions; not tested, and slow: it scatters on the host then, as "
        "the 'tensorflow' rasterizer does. --nodeterministic there where speed counts.",
    )
    summary_every_seconds: float = _field(30.0, "Seconds between TensorBoard scalars.")
    checkpoint_every_seconds: float = _field(120.0, "Seconds between checkpoints.")
    validate_every_steps: int = _field(1000, "Steps between passes over the validation split.")

    @property
    def steps(self) -> int:
        """How many steps the run takes from its beginning to its end."""
        return self.max_steps or -(-self.train_images // self.batch_size)


@dataclasses.dataclass(frozen=True)
class Config:
    """All of it, by subject. Flat names are unique over the sections."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        """Checks what no single flag can check."""
        config_checks.validate(self)

    def flat(self) -> dict[str, Any]:
        """`{flag name: value}` over all sections."""
        return {
            name: value
            for section in dataclasses.fields(self)
            for name, value in dataclasses.asdict(getattr(self, section.name)).items()
        }

    def replace(self, **values: Any) -> Config:
        """A copy with the named flags changed.

        Raises:
          ValueError: a name is no flag of this configuration, or the values do not fit together.
        """
        return from_flat({**self.flat(), **values})


_SECTIONS: dict[str, type] = {
    "data": DataConfig,
    "model": ModelConfig,
    "loss": LossConfig,
    "training": TrainingConfig,
}
_DEFINERS: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}
#: Values that may differ between a run's starts, beside the `places`: they bear on the machine and on how
#: long, not on what is learned step by step.
_FREE_ON_RESUME = frozenset(
    "train_images max_steps summary_every_seconds checkpoint_every_seconds rasterizer part_names".split()
)
#: Of these, what ends the learning rate's schedule: free while there is none.
_LENGTH = ("train_images", "max_steps")


def _fields() -> list[tuple[str, dataclasses.Field, type]]:
    """(section, field, type) of every value."""
    found = []
    for section, kind in _SECTIONS.items():
        types = typing.get_type_hints(kind)
        found += [(section, field, types[field.name]) for field in dataclasses.fields(kind)]
    return found


def places() -> list[str]:
    """The flags that say where folders and files of weights lie on a machine."""
    ends = ("_dir", "_weights")
    return [field.name for _, field, kind in _fields() if kind is str and field.name.endswith(ends)]


def choices(name: str) -> list[str]:
    """The values that a flag may have, for programs that define one of that name themselves."""
    return next(list(field.metadata["choices"]) for _, field, _ in _fields() if field.name == name)


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines one absl flag for every value; call once, before `app.run`."""
    for _, field, kind in _fields():
        choices = field.metadata["choices"]
        if choices:
            default: Any = field.default
            flags.DEFINE_enum(
                field.name, default, choices, field.metadata["help"], flag_values=flag_values
            )
        else:
            _DEFINERS[kind](
                field.name, field.default, field.metadata["help"], flag_values=flag_values
            )


def from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """The configuration the parsed flags describe.

    Raises:
      ValueError: values that do not fit together.
    """
    return from_flat({field.name: flag_values[field.name].value for _, field, _ in _fields()})


def from_flat(values: dict[str, Any]) -> Config:
    """The configuration of a flat `{flag name: value}`; names left out keep their defaults.

    Raises:
      ValueError: an unknown name, a value of the wrong type, or values that do not fit together.
    """
    known = {field.name: (section, field, kind) for section, field, kind in _fields()}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"Unknown configuration values {unknown}: another version wrote them?")
    sections: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for name, value in values.items():
        section, field, kind = known[name]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"--{name} is {value!r}; it must be of type {kind.__name__}.")
        choices = field.metadata["choices"]
        if choices and value not in choices:
            raise ValueError(f"--{name} is {value!r}; it must be one of {', '.join(choices)}.")
        sections[section][name] = value
    return Config(**{section: kind(**sections[section]) for section, kind in _SECTIONS.items()})


def save(config: Config, run_dir: str | pathlib.Path) -> None:
    """Writes the complete configuration to `run_dir/flags.json`."""
    disk.write_text(pathlib.Path(run_dir) / FILE_NAME, json.dumps(config.flat(), indent=2) + "\n")


def load(run_dir: str | pathlib.Path) -> Config:
    """Reads the configuration of a run.

    Raises:
      FileNotFoundError: `run_dir` holds no flags.json.
      ValueError: the file is damaged, or holds what this version cannot do (see `retired_flags`).
    """
    path = pathlib.Path(run_dir) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: {run_dir} is no run directory. Train one with tools.train "
            f"--run_dir={run_dir}."
        )
    try:
        values = json.loads(path.read_text())
        if not isinstance(values, dict):
            raise ValueError("it holds no names and values")
    except ValueError as error:  # Of the JSON or of the text's encoding, too.
        raise ValueError(f"{path} is damaged ({error}); restore it from another copy.") from error
    try:
        return from_flat(retired_flags.translated(values))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def differences(ours: Config, theirs: Config) -> list[str]:
    """What keeps a run of `theirs` from being continued as `ours`; empty if nothing does.

    Returns:
      Lines `--name: theirs in the run, ours now`.
    """
    old, new = theirs.flat(), ours.flat()
    if new["precision"] == "auto":
        new["precision"] = old["precision"]
    free = _FREE_ON_RESUME.union(places())
    schedule = ours.training.learning_rate_schedule
    why = {}
    if schedule != "constant" and ours.training.steps != theirs.training.steps:
        why = dict.fromkeys(
            _LENGTH,
            f" (the {schedule} learning rate is laid out for the whole length; to train longer, start a "
            "new run with --init_from, this run's directory)",
        )
    return [
        f"--{name}: {old[name]!r} in the run, {new[name]!r} now{why.get(name, '')}"
        for name in new
        if new[name] != old[name] and (name not in free or name in why)
    ]
