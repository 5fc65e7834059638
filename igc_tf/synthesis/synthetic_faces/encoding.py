"""How examples are stored: depth as uint16, normals as float16, and back to float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igc_tf.synthesis.synthetic_faces import scene

#: Depths that codes 0 and 65535 stand for; one step is 6.1e-6, the packing error half of it.
DEPTH_RANGE = (0.8, 1.2)


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """Depths in `DEPTH_RANGE` as uint16 codes.

    Raises:
      ValueError: a depth lies outside of the range.
    """
    low, high = DEPTH_RANGE
    if depth.size and not (low - 1e-6 <= depth.min() and depth.max() <= high + 1e-6):
        raise ValueError(
            f"Depth spans [{depth.min():.4f}, {depth.max():.4f}], uint16 codes hold {DEPTH_RANGE}."
        )
    share = np.clip((depth.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    return np.round(65535.0 * share).astype(np.uint16)


def decode_depth(code: np.ndarray) -> np.ndarray:
    """float32 depths of uint16 codes."""
    low, high = DEPTH_RANGE
    return (low + code.astype(np.float64) * ((high - low) / 65535.0)).astype(np.float32)


def decode_normals(stored: np.ndarray) -> np.ndarray:
    """float32 unit normals [..., 3] of stored float16 ones."""
    normals = stored.astype(np.float32)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def decode(name: str, stored: np.ndarray) -> np.ndarray:
    """A stored feature as `scene.photograph` made it: depths and normals become float32."""
    if name.endswith("depth"):
        return decode_depth(stored)
    if name.endswith("normals"):
        return decode_normals(stored)
    return stored


def encode(example: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An example of `scene.photograph` as it is stored."""
    stored = dict(example)
    for view in ("", "canonical_"):
        stored[view + "depth"] = encode_depth(example[view + "depth"])
        stored[view + "normals"] = example[view + "normals"].astype(np.float16)
    return stored


def make_examples(
    seed: int, plan: Sequence[tuple[int, int, int]], size: int
) -> list[tuple[int, dict[str, np.ndarray]]]:
    """(index, stored example) of each (identity, image, index); what one worker does at a time."""
    return [
        (
            index,
            {**encode(scene.sample(seed, identity, image, size)),
             "identity": np.array(identity), "index": np.array(index)},
        )
        for identity, image, index in plan
    ]  # fmt: skip
