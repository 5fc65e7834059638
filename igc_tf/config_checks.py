"""What no single flag can check: that the values of a configuration fit together."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from igc_tf.config import Config, DataConfig


def validate(config: Config) -> None:
    """Checks an `igc_tf.config.Config`.

    Raises:
      ValueError: names the flag, its value and what it must be.
    """
    model, data, training, loss = config.model, config.data, config.training, config.loss
    for name, size in (("image_size", model.image_size), ("map_size", model.map_size)):
        _require(size in (32, 64, 128), f"--{name}={size}: it must be 32, 64 or 128.")
    _require(model.parts >= 1, f"--parts={model.parts}: at least 1 capsule is needed.")
    for name in ("shape_dim", "view_dim", "encoder_channels"):
        value = getattr(model, name)
        _require(value >= 1, f"--{name}={value}: it must be positive.")
    _require(
        model.decoder_channels >= 4 and model.decoder_channels % 4 == 0,
        f"--decoder_channels={model.decoder_channels}: a positive multiple of 4 is needed.",
    )
    _require(
        model.border_depth == 0 or model.min_depth <= model.border_depth <= model.max_depth,
        f"--border_depth={model.border_depth}: 0, or within [{model.min_depth}, {model.max_depth}].",
    )
    _require(
        0 <= model.background_relief <= 1,
        f"--background_relief={model.background_relief}: within [0, 1].",
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
    names = model.part_names.split(",") if model.part_names else []
    _require(
        not names or len({name for name in names if name}) == len(names) == model.parts - 1,
        f"--part_names={model.part_names}: it must give {model.parts - 1} different names, one for "
        "each part but the background.",
    )
    _require(
        0 <= model.rotation_range_degrees <= 90,
        f"--rotation_range_degrees={model.rotation_range_degrees}: within [0, 90].",
    )
    _require(
        0 <= model.tilt_range_degrees <= 90,
        f"--tilt_range_degrees={model.tilt_range_degrees}: within [0, 90]; 0 is off.",
    )
    values = config.flat()
    for name in (
        "visibility_sharpness contrastive_temperature learning_rate view_gain validate_every_steps"
    ).split():
        _require(values[name] > 0, f"--{name}={values[name]}: it must be positive.")
    for name in "max_depth_deviation max_steps warmup_steps l2 clip_norm seed".split():
        _require(values[name] >= 0, f"--{name}={values[name]}: it must not be negative.")
    _require(training.batch_size >= 1, f"--batch_size={training.batch_size}: at least 1.")
    _require(
        training.train_images >= 1 or training.max_steps >= 1,
        f"--train_images={training.train_images}: at least 1.",
    )
    _require(0 < data.test_fraction < 1, f"--test_fraction={data.test_fraction}: within (0, 1).")
    _require(0 < data.crop_scale <= 1, f"--crop_scale={data.crop_scale}: within (0, 1].")
    _require(0 <= data.crop_center_y <= 1, f"--crop_center_y={data.crop_center_y}: within [0, 1].")
    _require_photos(data)
    for field in dataclasses.fields(config.loss):
        value = getattr(loss, field.name)
        _require(
            not field.name.endswith("_weight") or value >= 0,
            f"--{field.name}={value}: weights are not negative; 0 switches a loss off.",
        )
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
        loss.part_feature_size >= 32,
        f"--part_feature_size={loss.part_feature_size}: at least 32 px, or there are no features.",
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
    _require(0 < data.box_scale <= 5, f"--box_scale={data.box_scale}: within (0, 5].")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ValueError(message)
