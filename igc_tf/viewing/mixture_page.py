"""Mixtures of faces on a page: rows of pictures with captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igc_tf.viewing.canvas import Canvas, fit
from igc_tf.viewing.panels import CAPTION, GAP, MARGIN


def page(
    captions: Sequence[str], rows: Sequence[Sequence[np.ndarray | None]], tile: int = 160
) -> np.ndarray:
    """A table of pictures.

    Args:
      captions: of the columns.
      rows: pictures `[H, W, 3]`, uint8 or float in [0, 1], of any sizes; None leaves a place empty.
      tile: side of a picture.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: a row that is longer or shorter than the captions.
    """
    step, top = tile + GAP, MARGIN + CAPTION
    canvas = Canvas(2 * MARGIN + len(captions) * step - GAP, top + len(rows) * step - GAP + MARGIN)
    for column, caption in enumerate(captions):
        canvas.caption(caption, MARGIN + column * step + tile // 2, MARGIN - 2, size=12)
    for row, pictures in enumerate(rows):
        if len(pictures) != len(captions):
            raise ValueError(f"row {row}: {len(pictures)} pictures for {len(captions)} captions")
        for column, picture in enumerate(pictures):
            if picture is not None:
                canvas.tile(fit(picture, tile), MARGIN + column * step, top + row * step)
    return canvas.array
