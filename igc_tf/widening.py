"""Gives the weights of a trained model to a wider or deeper one, which then computes the same [Net2Net].

Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016. Theirs
copies channels; here new channels begin at random and nothing old reads them [choice], so they
learn from the first step. New residual blocks begin as the identity.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from igc_tf.capsules.layers import BOTTLENECK
from igc_tf.igc_net import IGCNet

#: Fields of `ModelConfig` in which the wider model may be larger.
WIDENABLE = ("encoder_channels", "encoder_blocks", "decoder_channels", "shape_dim")


def widen(narrow: IGCNet, wide: IGCNet) -> None:
    """Gives `wide` the weights of `narrow`; its output becomes that of `narrow`, up to rounding.

    Args:
      narrow: trained.
      wide: new, built; the same but for `WIDENABLE`, in which it is as large or larger.

    Raises:
      ValueError: the models differ elsewhere.
    """
    growing = [wide.decoders.depth, wide.decoders.albedo]
    growing += [wide.confidence] if wide.confidence else []
    # What a vector becomes, the channels of 4x4 places, lies in one axis.
    grids = {id(weight) for network in growing for weight in network.from_vector.weights}
    kernels = {
        id(stage.convolution.kernel)
        for network in growing
        for stage in network.grow
        if isinstance(stage.convolution, tf.keras.layers.Conv2DTranspose)
    }
    stacks = zip(narrow.encoder.stack.blocks, wide.encoder.stack.blocks, strict=True)
    more = {
        id(weight)
        for before, after in stacks
        for block in after[len(before) :]
        for weight in block.weights
    }
    kept = [weight for weight in wide.weights if id(weight) not in more]
    for old, new in zip(narrow.weights, kept, strict=True):
        axes = [0, 1, 3, 2] if id(new) in kernels else list(range(len(old.shape)))  # in before out
        before, after = (weight.numpy().transpose(axes) for weight in (old, new))
        places = BOTTLENECK**2 if id(new) in grids else 1
        new.assign(_widened(before, after, places).transpose(axes))


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
