"""Gives the weights of a trained model to a wider one, which then computes the same [Net2Net].

Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016. Theirs
copies channels; here new channels begin at random and nothing old reads them [choice], so they
learn from the first step.
"""

from __future__ import annotations

import numpy as np

from igc_tf.capsules.layers import BOTTLENECK
from igc_tf.igc_net import IGCNet

#: Fields of `ModelConfig` in which the wider model may be larger.
WIDENABLE = ("encoder_channels", "decoder_channels", "shape_dim")


def widen(narrow: IGCNet, wide: IGCNet) -> None:
    """Gives `wide` the weights of `narrow`; its output becomes that of `narrow`, up to rounding.

    Args:
      narrow: trained.
      wide: new, built; the same but for `WIDENABLE`, in which it is as large or larger.

    Raises:
      ValueError: the models differ elsewhere.
    """
    # What a decoder's vector becomes, the channels of 4x4 places, lies in one axis.
    grids = {
        id(weight)
        for decoder in (wide.decoders.depth, wide.decoders.albedo)
        for weight in decoder.from_vector.weights
    }
    for old, new in zip(narrow.weights, wide.weights, strict=True):
        places = BOTTLENECK**2 if id(new) in grids else 1
        new.assign(_widened(old.numpy(), new.numpy(), places))


def _widened(old: np.ndarray, new: np.ndarray, places: int) -> np.ndarray:
    """`new` `[..., in, places * out]` with `old` in its corner; no old output reads a new input."""
    split = [array.reshape(*array.shape[:-1], places, -1) for array in (old, new)]
    before, after = split[0], split[1].copy()
    if any(a > b for a, b in zip(before.shape, after.shape, strict=True)):
        raise ValueError(f"Weights of shape {old.shape} do not fit into {new.shape}.")
    if old.ndim >= 2:
        after[..., before.shape[-3] :, :, : before.shape[-1]] = 0.0
    after[tuple(map(slice, before.shape))] = before
    return after.reshape(new.shape)
