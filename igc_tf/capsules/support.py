"""Which part supports which place of the canonical view: a departure from the paper, off by default.

With `part_recess` the depth decoder gives each foreground part a second map, its support, beside its raw
shape. Supports are shared out by a softmax; the raw shapes are blended by the shares to one surface, and
every part follows that surface, set back by `part_recess` for each nat of support that it lacks:

    p = softmax_m(s)        raw = sum_m p_m raw_m        d_m = bound(raw) - part_recess ln p_m

So the assembly stays the paper's (the nearest part is seen), the part with most support is the
nearest, a part's own shape is what is seen of it, and a boundary between two parts may move without
a bump in the object. Left alone, ownership and shape are one number, and every change of one disturbs
the other [choice].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from igc_tf.config import ModelConfig

#: Parts of the layout 'face', in the order of the capsules behind the background's.
FACE = ("eyes", "mouth", "forehead", "nose", "cheeks")


def face_layout(size: int, eye_line: float, mouth_line: float, eye_distance: float) -> np.ndarray:
    """Rough places of the five parts of an aligned face, in the canonical view [choice].

    Ellipses for eyes (a pair), mouth and nose, a half plane above the brows for forehead and hair, and
    all the rest for the cheeks; the same for every face. It breaks the symmetry of the capsules as a
    person would.

    Args:
      size: side of the maps, px.
      eye_line: height of the eyes over the side of the view, 0 top, 1 bottom.
      mouth_line: height of the mouth, likewise.
      eye_distance: distance of the eyes' centres over the side of the view.

    Returns:
      `[5, size, size]` float32 in [-1, 1], in the order of `FACE`; even in x.
    """
    axis = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(
        np.abs(axis - 0.5) / eye_distance, (axis - eye_line) / (mouth_line - eye_line)
    )

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        return 1.0 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2

    eyes, mouth = ellipse(0.5, 0.0, 0.42, 0.29), ellipse(0.0, 1.02, 0.42, 0.16)
    nose, forehead = ellipse(0.0, 0.4, 0.24, 0.44), np.tanh((-0.24 - y) / 0.08)
    layout = np.stack([eyes, mouth, forehead, nose, np.zeros_like(x)])
    return np.clip(layout, -1.0, 1.0).astype(np.float32)


def part_names(model: ModelConfig) -> list[str]:
    """What the M parts are called: as a person named them, as the layout does, else by number."""
    if model.part_names:
        return ["background", *model.part_names.split(",")]
    if model.part_layout == "face":
        return ["background", *FACE]
    return ["background", *(f"part {number}" for number in range(1, model.parts))]


def share_out(raw: tf.Tensor, support: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The common raw surface of the foreground parts, and how far each stays behind it.

    Args:
      raw: `[B, M-1, h, w]` raw shapes of the foreground parts.
      support: `[B, M-1, h, w]` unbounded.

    Returns:
      `[B, 1, h, w]` surface, and `[B, M-1, h, w]` -ln p_m >= 0, nats.
    """
    log_share = tf.nn.log_softmax(support, axis=1)
    surface = tf.reduce_sum(tf.exp(log_share) * raw, axis=1, keepdims=True)
    return surface, -log_share


def bounded(raw: tf.Tensor, freedom: float) -> tf.Tensor:
    """`raw` within +- freedom, softly; as it is if freedom is 0."""
    return freedom * tf.tanh(raw / freedom) if freedom else raw
