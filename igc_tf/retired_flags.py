"""Flags that are gone: what a flags.json that still names them means today.

A run or released weights of an older igc_tf name every flag there was. Whoever deletes a flag, or gives
it another name, enters it here, so that they go on loading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Stands for every value: the flag decided nothing that the weights depend on, or nothing by itself.
ANY = ()

#: Deleted flags: the values that stand for what igc_tf does without them.
DELETED: dict[str, tuple[Any, ...]] = {
    "adam_beta_1": (0.9,),
    "adam_beta_2": (0.999,),
    "albedo_assembly": ("hard",),
    "assembly_sharpness": (1000.0,),
    "background_pixel_weight": (1.0,),
    "background_sigma": (2.0,),
    "background_threshold": (0.3,),
    "color_jitter": (0.0,),
    "confidence_channels": (16,),
    "decoder_upsampling": ("bilinear",),
    "depth_prior_rim": (1.0,),
    "encoder_norm": ("none",),
    "fov_degrees": (10.0,),
    "layout_eye_distance": ANY,  # of part_layout
    "layout_eye_line": ANY,
    "layout_mouth_line": ANY,
    "layout_strength": ANY,
    "max_depth": (1.1,),
    "min_depth": (0.9,),
    "optimizer": ("adam",),
    "part_feature_background": (False,),
    "part_layout": ("none",),
    "part_recess": (0.0,),
    "pictures_every_seconds": ANY,  # of TensorBoard
    "pose_centre_weight": (0.0,),
    "pyramid_images": (0,),
    "retake_embedding_weight": (0.0,),
    "strategy": ANY,  # of the machine
    "support_freedom": ANY,  # of part_recess
    "validation_images": ANY,
}
#: Deleted flags that must have the value of another one, which stands for both.
SAME_AS: dict[str, str] = {"albedo_dim": "shape_dim"}
#: Flags of another name today; their values mean what they meant.
RENAMED: dict[str, str] = {
    "backdrop": "static_background",
    "depth_freedom": "max_depth_deviation",
    "depth_prior": "depth_bump",
    "perceptual": "feature_network",
    "retake_tilt_degrees": "rerender_tilt_degrees",
    "retake_weight": "rerender_pose_weight",
    "retake_yaw_degrees": "rerender_yaw_degrees",
}


def translated(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{flag name: value}` of any version of igc_tf, in the names of this one.

    Raises:
      ValueError: a deleted flag has a value that nothing stands for any more, or a flag is there under
        its old and its new name.
    """
    found = {}
    for name, value in values.items():
        if name in DELETED:
            if DELETED[name] != ANY and value not in DELETED[name]:
                accepted = " or ".join(map(repr, DELETED[name]))
                raise ValueError(
                    f"--{name} is {value!r}; this version of igc_tf has no such flag and can stand for "
                    f"{accepted} alone. Use the version that wrote it."
                )
            continue
        if name in SAME_AS:
            if value != values.get(SAME_AS[name], value):
                raise ValueError(
                    f"--{name} is {value!r}; this version of igc_tf has no such flag and takes the value "
                    f"of --{SAME_AS[name]}, {values[SAME_AS[name]]!r}. Use the version that wrote it."
                )
            continue
        today = RENAMED.get(name, name)
        if today in found or (today != name and today in values):
            raise ValueError(f"--{name} is --{today} today, and both are there.")
        found[today] = value
    return found
