"""A white page with tiles, captions, frames and arrows on it. Positions are (x, y), pixels."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from igc_tf.viewing.colors import to_uint8

INK = (45, 45, 45)
FAINT = (125, 125, 125)
_FINE = 4  # drawings are made this much larger and then reduced, for smooth edges


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def fit(image: np.ndarray, size: int, labels: bool = False) -> np.ndarray:
    """A picture scaled to fit a square tile, centered on white.

    Args:
      image: `[H, W, 3]` float in [0, 1] or uint8; or labels `[H, W]` uint8.
      size: side of the tile.
      labels: scale by nearest neighbor, which mixes no labels; else bicubic.

    Returns:
      `[size, size, 3]` uint8, or `[h, w]` uint8 labels without the white.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(to_uint8(image)).resize(target, method))
    if scaled.ndim == 2:
        return scaled
    tile = np.full((size, size, 3), 255, np.uint8)
    top, left = (size - scaled.shape[0]) // 2, (size - scaled.shape[1]) // 2
    tile[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return tile


class Canvas:
    """A page to draw on."""

    def __init__(self, width: int, height: int) -> None:
        """A white page of this size."""
        self._page = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self._page)

    @property
    def array(self) -> np.ndarray:
        """The page, `[height, width, 3]` uint8."""
        return np.array(self._page)

    def tile(self, picture: np.ndarray, x: int, y: int) -> None:
        """Puts a uint8 picture with its top left corner at (x, y)."""
        self._page.paste(Image.fromarray(picture), (x, y))

    def caption(
        self, text: str, x: int, y: int, size: int = 11, color=INK, anchor: str = "ma"
    ) -> None:
        """Writes text; the anchor is Pillow's, by default the middle of the text's top."""
        self._draw.text((x, y), text, fill=tuple(color), font=_font(size), anchor=anchor)

    def side_caption(self, text: str, x: int, y: int, size: int = 11, color=FAINT) -> None:
        """Writes text that reads upwards, centered on (x, y)."""
        left, top, right, bottom = _font(size).getbbox(text, anchor="ls")
        strip = Image.new("RGB", (int(right - left) + 4, size + 6), "white")
        middle = (strip.width / 2, strip.height / 2)
        ImageDraw.Draw(strip).text(middle, text, fill=color, font=_font(size), anchor="mm")
        strip = strip.rotate(90, expand=True)
        self._page.paste(strip, (x - strip.width // 2, y - strip.height // 2))

    def frame(self, x: int, y: int, width: int, height: int, color, line: int = 3) -> None:
        """Draws a frame around, and outside of, a box."""
        box = (x - line, y - line, x + width + line - 1, y + height + line - 1)
        self._draw.rectangle(box, outline=tuple(int(c) for c in color), width=line)

    def arrow(self, x: int, y: int, length: int) -> None:
        """Draws an arrow that points right, from (x, y), y its middle."""
        head = 8
        picture = Image.new("RGB", (length * _FINE, 2 * head * _FINE), "white")
        draw = ImageDraw.Draw(picture)
        end, middle, wing = length * _FINE, head * _FINE, head * _FINE * 3 // 4
        draw.line((0, middle, end - wing, middle), fill=FAINT, width=2 * _FINE)
        neck = end - head * _FINE
        draw.polygon(((end, middle), (neck, middle - wing), (neck, middle + wing)), fill=FAINT)
        picture = picture.resize((length, 2 * head), Image.Resampling.LANCZOS)
        self._page.paste(picture, (x, y - head))
