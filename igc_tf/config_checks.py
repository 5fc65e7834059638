"""What no single flag can check: that the values of a configuration fit together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from igc_tf.config import Config, DataConfig


#: In which interval the values of flags must lie, beside the weights of losses.
_WITHIN = {
    "(0, inf)": "shape_dim view_dim encoder_channels view_gain visibility_sharpness learning_rate "
    "contrastive_temperature validate_every_steps",
    "[0, inf)": "encoder_blocks max_depth_deviation max_steps warmup_steps l2 clip_norm seed",
    "[1, inf)": "parts batch_size",
    "[32, inf)": "part_feature_size",
    "[0, 1]": "jitter crop_center_y background_relief",
    "(0, 1]": "crop_scale",
    "(0, 1)": "test_fraction",
    "(0, 5]": "box_scale",
    "[0, 90]": "rotation_range_degrees tilt_range_degrees",
}


def validate(config: Config) -> None:
    """Checks an `igc_tf.config.Config`.

    Raises:
      ValueError: names the flag, its value and what it must be.
    """
    model, data, training, loss = config.model, config.data, config.training, config.loss
    values = config.flat()
    for within, names in _WITHIN.items():
        for name in names.split():
            _require_within(name, values[name], within)
    for name in values:
        if name.endswith("_weight"):
            _require_within(name, values[name], "[0, inf)")
    for name, size in (("image_size", model.image_size), ("map_size", model.map_size)):
        _require(size in (32, 64, 128), f"--{name}={size}: it must be 32, 64 or 128.")
    _require(
        model.decoder_channels >= 4 and model.decoder_channels % 4 == 0,
        f"--decoder_channels={model.decoder_channels}: a positive multiple of 4 is needed.",
    )
    _require(
        model.border_depth == 0 or model.min_depth <= model.border_depth <= model.max_depth,
        f"--border_depth={model.border_depth}: 0, or within [{model.min_depth}, {model.max_depth}].",
    )
    _require(
        model.background_relief == 1 or model.border_depth > 0,
        f"--background_relief={model.background_relief} lays the background around --border_depth, "
        "which is 0.",
    )
    reach = model.background_relief * (model.max_depth - model.min_depth) / 2
    _require(
        model.background_relief == 1
        or model.min_depth <= model.border_depth - reach
        and model.border_depth + reach <= model.max_depth,
        f"--background_relief={model.background_relief} takes the background beyond the depth range; "
        "lower it, or move --border_depth to the middle.",
    )
    called = model.part_names.split(",") if model.part_names else []
    _require(
        not called or len({name for name in called if name}) == len(called) == model.parts - 1,
        f"--part_names={model.part_names}: it must give {model.parts - 1} different names, one for "
        "each part but the background.",
    )
    _require(
        training.train_images >= 1 or training.max_steps >= 1,
        f"--train_images={training.train_images}: at least 1.",
    )
    _require_photos(data)
    _require(
        loss.likelihood_weight > 0 or loss.pyramid_weight > 0,
        "--likelihood_weight and --pyramid_weight are both 0: nothing would ask the model to "
        "reproduce its input.",
    )
    _require(
        loss.feature_network != "vgg16" or loss.vgg_weights,
        "--feature_network=vgg16 needs --vgg_weights=FILE.h5, or --vgg_weights=imagenet to download.",
    )
    _require(
        loss.feature_network != "squeezenet" or loss.squeezenet_weights,
        "--feature_network=squeezenet needs --squeezenet_weights=FILE.h5.",
    )
    _require(
        loss.feature_clustering_weight == 0 or loss.efficientnet_weights,
        "--feature_clustering_weight needs --efficientnet_weights=FILE.pth.",
    )
    _require(
        loss.feature_clustering_weight == 0 or config.model.parts > 2,
        f"--feature_clustering_weight needs --parts=3 or more, not {config.model.parts}.",
    )
    _require(
        loss.part_feature_weight == 0 or loss.feature_network != "none",
        "--part_feature_weight needs features: --feature_network=squeezenet or vgg16.",
    )
    _require(
        config.model.parts > 1 or not (config.model.static_background or loss.part_feature_weight),
        "--static_background and --part_feature_weight need a background capsule and others: "
        "--parts=2 or more.",
    )
    tilt, yaw, _ = (math.degrees(limit) for limit in config.model.rotation_limits)
    _require(
        loss.rerender_pose_weight == 0
        or (loss.rerender_yaw_degrees < yaw and loss.rerender_tilt_degrees < tilt),
        f"--rerender_yaw_degrees={loss.rerender_yaw_degrees} and --rerender_tilt_degrees="
        f"{loss.rerender_tilt_degrees} must lie within the pose's limits, {yaw:g} and {tilt:g} degrees "
        "(--rotation_range_degrees, --tilt_range_degrees): no other pose can be found.",
    )


def _require_within(name: str, value: float, within: str) -> None:
    """Checks a value against an interval; NaN lies in none."""
    low, high = map(float, within[1:-1].split(", "))
    inside = low <= value <= high
    inside &= value != low or within[0] == "["
    inside &= value != high or within[-1] == "]"
    words = {"(0, inf)": "positive", "[0, inf)": "at least 0"}.get(within, f"within {within}")
    _require(inside, f"--{name}={value}: it must be {words}.")


def _require_photos(data: DataConfig) -> None:
    """Checks what tells where photos are and how they are cut."""
    _require(
        data.data_dir or data.dataset in ("synthetic_faces", "parametric_heads", "celeb_a"),
        f"--dataset={data.dataset} needs --data_dir=FOLDER.",
    )
    _require(
        data.crop in ("center", "none")
        or data.dataset not in ("synthetic_faces", "parametric_heads"),
        f"--crop={data.crop}: {data.dataset} is cut by --crop=center alone.",
    )
    _require(
        data.crop != "box" or data.dataset in ("celeb_a", "cat_faces"),
        f"--crop=box: {data.dataset} tells no boxes; celeb_a and cat_faces do.",
    )
    _require(
        0 < data.align_eye_line < data.align_mouth_line < 1 and 0 < data.align_eye_distance < 1,
        f"--align_eye_line={data.align_eye_line} must lie above "
        f"--align_mouth_line={data.align_mouth_line}, and both and "
        f"--align_eye_distance={data.align_eye_distance} within (0, 1).",
    )


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ValueError(message)
