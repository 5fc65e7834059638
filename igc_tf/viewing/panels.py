"""One picture per photo: everything that was found in it, side by side, with captions.

All pictures are `[height, width, 3]` uint8 arrays, for files and for TensorBoard alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from igc_tf.disk import written
from igc_tf.viewing import colors, glyphs
from igc_tf.viewing.canvas import FAINT, INK, Canvas, fit
from igc_tf.viewing.result import PhotoResult

MARGIN = 16  #: white around the page
GUTTER = 20  #: for the captions at the left
GAP = 12  #: between tiles
CAPTION = 18  #: height of a line of captions
SECTION = 30  #: between the object's row and the parts

_UNSEEN = 236  # gray of what no part, or no pixel of the canvas, covers


def panel(result: PhotoResult, tile: int = 128, names: Sequence[str] = ()) -> np.ndarray:
    """Everything about one photo on one page.

    The first row is the object: input, reconstruction, parts laid over the input, and in the
    canonical view the image, albedo, depth, normals and shading. Under it a column for every part
    capsule, framed in its color: albedo, depth, and where it is visible in the canonical view,
    with its share of that view. At the right the light, as it falls on a white ball, and the pose.

    Args:
      result: what was found.
      tile: side of a tile.
      names: of the parts, the background's first; without, they are numbered.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: more parts than there are part colors.
    """
    overview = _overview(result, tile)
    columns = max(len(overview), result.parts + 2)
    left, top = MARGIN + GUTTER, MARGIN + CAPTION
    parts_top = top + tile + SECTION + CAPTION
    step = tile + GAP
    canvas = Canvas(left + columns * step - GAP + MARGIN, parts_top + 3 * step - GAP + MARGIN)
    middle = tile // 2

    canvas.side_caption("object", MARGIN + GUTTER // 3, top + middle)
    for column, (caption, picture) in enumerate(overview):
        x = left + column * step
        canvas.caption(caption, x + middle, top - CAPTION + 1)
        canvas.tile(picture, x, top)

    for row, caption in enumerate(("part albedo", "part depth", "visible")):
        canvas.side_caption(caption, MARGIN + GUTTER // 3, parts_top + row * step + middle)
    shares = result.canonical_visibility.mean((1, 2))
    names = names or [colors.part_name(part) for part in range(result.parts)]
    for part, (color, name) in enumerate(zip(colors.part_colors(result.parts), names, strict=True)):
        x = left + part * step
        canvas.caption(f"{name}, {100 * shares[part]:.0f} %", x + middle, parts_top - CAPTION - 2)
        canvas.frame(x, parts_top, tile, 3 * step - GAP, color)
        for row, picture in enumerate(_part_tiles(result, part, color)):
            canvas.tile(fit(picture, tile), x, parts_top + row * step)
    _draw_glyphs(canvas, result, left + (columns - 2) * step, parts_top, tile)
    return canvas.array


def hierarchy(result: PhotoResult, tile: int = 128, names: Sequence[str] = ()) -> np.ndarray:
    """The way of the data: input, part capsules, assembled object, reconstruction.

    Of each part, albedo and depth are shown where the part is visible; the rest is faded.

    Args:
      result: what was found.
      tile: side of the larger tiles.
      names: of the parts, the background's first, written beside them; none by default.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: more parts than there are part colors.
    """
    small = tile * 5 // 8
    arrow = 36
    rows = result.parts * (small + GAP) - GAP
    height = max(rows, 3 * (tile + CAPTION + GAP) - GAP)
    top = MARGIN + 2 * CAPTION
    center = top + height // 2
    width = 2 * MARGIN + 3 * tile + 2 * small + GAP + 3 * (arrow + 2 * GAP)
    canvas = Canvas(width, top + height + MARGIN)

    def column_title(text: str, x: int) -> None:
        canvas.caption(text, x, MARGIN - 4, size=13)

    x = MARGIN
    column_title("photo", x + tile // 2)
    canvas.tile(fit(result.image, tile), x, center - tile // 2)
    x += tile + GAP
    canvas.arrow(x, center, arrow)
    x += arrow + GAP

    column_title("part capsules", x + small + GAP // 2)
    for index, caption in enumerate(("albedo", "depth")):
        at = x + index * (small + GAP) + small // 2
        canvas.caption(caption, at, MARGIN + CAPTION - 4, color=FAINT)
    first = center - rows // 2
    for part, color in enumerate(colors.part_colors(result.parts)):
        y = first + part * (small + GAP)
        albedo, depth, _ = _part_tiles(result, part, color)
        seen = result.canonical_visibility[part]
        canvas.frame(x, y, 2 * small + GAP, small, color)
        if names:
            canvas.side_caption(names[part], x - GAP, y + small // 2)
        canvas.tile(fit(_faded(albedo, seen), small), x, y)
        canvas.tile(fit(_faded(depth, seen), small), x + small + GAP, y)
    x += 2 * small + 2 * GAP
    canvas.arrow(x, center, arrow)
    x += arrow + GAP

    column_title("assembled object", x + tile // 2)
    pictures = (
        ("albedo", result.albedo),
        ("depth", colors.depth_colors(result.depth)),
        ("lit", result.canonical_image),
    )
    step = tile + CAPTION + GAP
    first = center - (len(pictures) * step - GAP) // 2
    for index, (caption, picture) in enumerate(pictures):
        y = first + index * step
        canvas.caption(caption, x + tile // 2, y + 2, color=FAINT)
        canvas.tile(fit(picture, tile), x, y + CAPTION)
    x += tile + GAP
    canvas.arrow(x, center, arrow)
    x += arrow + GAP

    column_title("reconstruction", x + tile // 2)
    canvas.tile(fit(_rendered(result), tile), x, center - tile // 2)
    return canvas.array


def image_grid(images: Sequence[np.ndarray], columns: int, gap: int = GAP) -> np.ndarray:
    """Pictures in rows, each in a cell as large as the largest picture.

    Args:
      images: pictures `[H, W, 3]`, uint8 or float in [0, 1], of any sizes; one at least.
      columns: pictures in a row, one at least.
      gap: white between them and around the grid.

    Returns:
      `[height, width, 3]` uint8.

    Raises:
      ValueError: no image, or no column.
    """
    if not len(images) or columns < 1:
        raise ValueError(f"a grid needs an image and a column, got {len(images)} and {columns}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    page = np.full((gap + rows * (height + gap), gap + columns * (width + gap), 3), 255, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        y = gap + row * (height + gap) + (height - image.shape[0]) // 2
        x = gap + column * (width + gap) + (width - image.shape[1]) // 2
        page[y : y + image.shape[0], x : x + image.shape[1]] = colors.to_uint8(image)
    return page


def save_png(picture: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Writes a picture `[H, W, 3]`, uint8 or float in [0, 1], as a PNG file, whole or not at all.

    Raises:
      FileNotFoundError: the folder does not exist.
    """
    with written(path) as stream:
        Image.fromarray(colors.to_uint8(picture)).save(stream, format="PNG")


def _overview(result: PhotoResult, tile: int) -> list[tuple[str, np.ndarray]]:
    """Caption and tile of each picture of the object's row."""
    # Laid over after scaling, so that the lines along the parts are thin.
    labels = fit(result.segmentation, tile, labels=True)
    photo = np.asarray(
        Image.fromarray(colors.to_uint8(result.image)).resize(
            labels.shape[::-1], Image.Resampling.BICUBIC
        )
    )
    pictures = [
        ("input", result.image),
        ("reconstruction", _rendered(result)),
        ("parts", colors.overlay(photo, labels)),
        ("canonical image", result.canonical_image),
        ("albedo", result.albedo),
        ("depth", colors.depth_colors(result.depth)),
        ("normals", colors.normal_colors(result.normals)),
        ("shading", colors.shading_gray(result.shading)),
    ]
    return [(caption, fit(picture, tile)) for caption, picture in pictures]


def _rendered(result: PhotoResult) -> np.ndarray:
    """The reconstruction; light gray where nothing was rendered, which is not the same as black."""
    return np.where(result.mask[..., np.newaxis] > 0.5, result.reconstruction, _UNSEEN / 255.0)


def _part_tiles(result: PhotoResult, part: int, color: np.ndarray) -> tuple[np.ndarray, ...]:
    """A part's albedo, depth and visibility, `[h, w, 3]` uint8 each."""
    seen = result.canonical_visibility[part][..., np.newaxis]
    visibility = seen * color + (1.0 - seen) * _UNSEEN
    return (
        colors.to_uint8(result.part_albedo[part]),
        colors.depth_colors(result.part_depth[part]),
        np.rint(np.clip(visibility, 0, 255)).astype(np.uint8),
    )


def _faded(picture: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Nearly white where the part is not visible."""
    share = 0.12 + 0.88 * np.clip(seen, 0.0, 1.0)[..., np.newaxis]
    return np.rint(share * picture + (1.0 - share) * 255.0).astype(np.uint8)


def _draw_glyphs(canvas: Canvas, result: PhotoResult, x: int, y: int, tile: int) -> None:
    """The light and the pose, as glyphs and in numbers, in two columns from (x, y) on."""
    half = min(tile, 88) // 2  # of the lines' width
    pitch, yaw, roll = result.rotation_degrees
    ambient, diffuse, dx, dy, _ = result.light
    tx, ty, tz = result.translation
    columns = (
        (
            "light",
            glyphs.light_ball(result.light, tile),
            (
                ("ambient", f"{ambient:.2f}"),
                ("diffuse", f"{diffuse:.2f}"),
                ("right", f"{dx:+.2f}"),
                ("up", f"{dy:+.2f}"),
            ),
        ),
        (
            "pose",
            glyphs.pose_plate(result.rotation_degrees, tile),
            (
                ("pitch", f"{pitch:+.1f}°"),
                ("yaw", f"{yaw:+.1f}°"),
                ("roll", f"{roll:+.1f}°"),
                ("x", f"{tx:+.3f}"),
                ("y", f"{ty:+.3f}"),
                ("z", f"{tz:+.3f}"),
            ),
        ),
    )
    for index, (title, picture, lines) in enumerate(columns):
        left = x + index * (tile + GAP)
        canvas.caption(title, left + tile // 2, y - CAPTION - 2)
        canvas.tile(picture, left, y)
        for line, (name, value) in enumerate(lines):
            at = y + tile + GAP + line * CAPTION
            canvas.caption(name, left + tile // 2 - half, at, color=FAINT, anchor="la")
            canvas.caption(value, left + tile // 2 + half, at, color=INK, anchor="ra")
