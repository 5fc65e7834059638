"""Several methods' parts of the same photos, a method a row or a column, in colors of one meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from igc_tf.metrics import segmentation
from igc_tf.viewing import colors
from igc_tf.viewing.canvas import Canvas, fit

MARGIN = 16  #: white around the page
GAP = 6  #: between pictures
TITLES = 150  #: width of the rows' titles
LINE = 14  #: height of a line of the columns' titles


def matched(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Parts renumbered as what they have most in common with.

    Args:
      labels: `[N, H, W]` integers, a method's parts.
      reference: `[N, S, S]` integers, true parts or another method's.

    Returns:
      `[N, H, W]`: for each part the label that it is matched with one-to-one (Hungarian), over all N
      pictures; parts without a partner are numbered beyond the reference's.
    """
    count, parts = int(reference.max()) + 1, int(labels.max()) + 1
    small = resized(reference, labels.shape[1:])
    table = segmentation.contingency(labels, small, parts, count).sum(0)
    number = np.full(parts, -1)
    for label, part in enumerate(segmentation.match(table)):
        if part >= 0:
            number[part] = label
    number[number < 0] = count + np.arange((number < 0).sum())
    return number[labels]


def resized(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels `[N, S, S]` to `[N, *size]` by their nearest."""
    return np.stack(
        [
            np.asarray(
                Image.fromarray(one.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
            )
            for one in labels
        ]
    )


def rows(
    photos: Sequence[np.ndarray], parts: Mapping[str, np.ndarray], tile: int = 96
) -> np.ndarray:
    """The page: the photos, and under them each method's parts.

    Args:
      photos: N pictures `[H, W, 3]`.
      parts: `[N, h, w]` integers by title, see `matched`.
      tile: side of a picture.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: a row of another length, or more parts than there are colors.
    """
    step = tile + GAP
    width = 2 * MARGIN + TITLES + len(photos) * step - GAP
    canvas = Canvas(width, 2 * MARGIN + (len(parts) + 1) * step - GAP)
    lines = {"photo": [fit(photo, tile) for photo in photos]}
    for title, labels in parts.items():
        if len(labels) != len(photos):
            raise ValueError(f"{title}: {len(labels)} pictures of parts for {len(photos)} photos")
        large = [fit(one.astype(np.uint8), tile, labels=True) for one in labels]
        lines[title] = [colors.color_parts(one) for one in large]
    for row, (title, pictures) in enumerate(lines.items()):
        y = MARGIN + row * step
        canvas.caption(title, MARGIN, y + tile // 2, size=13, anchor="lm")
        for column, picture in enumerate(pictures):
            canvas.tile(picture, MARGIN + TITLES + column * step, y)
    return canvas.array


def columns(
    photos: Sequence[np.ndarray], parts: Mapping[str, np.ndarray], tile: int = 96
) -> np.ndarray:
    """The paper's comparison figure: a photo a row, and beside it each method's parts laid over it.

    Args:
      photos: N pictures `[H, W, 3]`, float in [0, 1] or uint8.
      parts: `[N, h, w]` integers by title, see `matched`; a title may have two lines.
      tile: side of a picture.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: as of `rows`.
    """
    step, top = tile + GAP, MARGIN + 2 * LINE
    canvas = Canvas(
        2 * MARGIN + (len(parts) + 1) * step - GAP, top + len(photos) * step - GAP + MARGIN
    )
    large = [fit(photo, tile) for photo in photos]
    shown = {"photo": large}
    for title, labels in parts.items():
        if len(labels) != len(photos):
            raise ValueError(f"{title}: {len(labels)} pictures of parts for {len(photos)} photos")
        shown[title] = [
            colors.overlay(photo, fit(one.astype(np.uint8), tile, labels=True), opacity=0.6)
            for photo, one in zip(large, labels, strict=True)
        ]
    for column, (title, pictures) in enumerate(shown.items()):
        x = MARGIN + column * step
        for line, text in enumerate(reversed(title.split("\n"))):
            canvas.caption(text, x + tile // 2, top - (line + 1) * LINE - 2)
        for row, picture in enumerate(pictures):
            canvas.tile(picture, x, top + row * step)
    return canvas.array
