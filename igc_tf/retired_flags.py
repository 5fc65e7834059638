"""Flags that are gone: what a flags.json that still names them means today.

A run or released weights of an older igc_tf name every flag there was. Whoever deletes a flag, or gives
it another name, enters it here, so that they go on loading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Deleted flags: the values that stand for what igc_tf does without them.
DELETED: dict[str, tuple[Any, ...]] = {
    "depth_prior_rim": (1.0,),
    "encoder_norm": ("none",),
    "part_feature_background": (False,),
    "pose_centre_weight": (0.0,),
    "retake_embedding_weight": (0.0,),
}
#: Flags of another name today; their values mean what they meant.
RENAMED: dict[str, str] = {}


def translated(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{flag name: value}` of any version of igc_tf, in the names of this one.

    Raises:
      ValueError: a deleted flag has a value that nothing stands for any more, or a flag is there under
        its old and its new name.
    """
    found = {}
    for name, value in values.items():
        if name in DELETED:
            if value not in DELETED[name]:
                accepted = " or ".join(map(repr, DELETED[name]))
                raise ValueError(
                    f"--{name} is {value!r}; this version of igc_tf has no such flag and can stand for "
                    f"{accepted} alone. Use the version that wrote it."
                )
            continue
        today = RENAMED.get(name, name)
        if today in found or (today != name and today in values):
            raise ValueError(f"--{name} is --{today} today, and both are there.")
        found[today] = value
    return found
