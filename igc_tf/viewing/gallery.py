"""A folder of results as one HTML page: photos, their parts, moving faces; no script, nothing loaded."""

from __future__ import annotations

import base64
import html
import io
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from igc_tf.disk import shown, written
from igc_tf.viewing import colors, result_folder, turntable
from igc_tf.viewing.canvas import fit
from igc_tf.viewing.result import PhotoResult

_TILE = 160  # side of a still picture, px
_MARK = '<meta name="generator" content="igc_tf gallery">'
_HEAD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{mark}
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title><style>
:root{{color-scheme:light dark}}
body{{margin:0 auto;max-width:1200px;padding:16px;font:15px/1.5 system-ui,sans-serif}}
ul{{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;padding:0}}
li i{{display:inline-block;width:.9em;height:.9em;border-radius:3px;margin-right:.4em}}
main{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,360px),1fr));gap:16px}}
figure{{margin:0;padding:10px;border:1px solid #8884;border-radius:10px}}
figcaption{{overflow-wrap:anywhere}}
figure div{{display:grid;grid-template-columns:1fr 1fr;gap:6px}}
img{{width:100%;display:block;border-radius:4px}}
</style></head><body><h1>{title}</h1><ul>{legend}</ul><main>
"""


def check(path: str | os.PathLike[str]) -> None:
    """Makes sure that a gallery written there overwrites no other file.

    Raises:
      FileExistsError: there is one that is no gallery.
    """
    path = pathlib.Path(path)
    if path.exists():
        with open(path, encoding="utf-8", errors="replace") as page:
            if _MARK not in page.read(1000):
                raise FileExistsError(f"{shown(path)} is there and is no gallery; move it away")


def write(
    path: str | os.PathLike[str],
    title: str,
    folders: Iterable[pathlib.Path],
    names: Sequence[str],
) -> None:
    """Writes the page, whole or not at all; a gallery that was there is replaced.

    It holds the photos: where those are of people, it is to be kept as they are.

    Args:
      path: of the page.
      title: of it.
      folders: results, from `result_folder.write`; each is shown with those animations that it has.
      names: of the parts, the background's first.

    Raises:
      FileExistsError: see `check`.
      FileNotFoundError, ValueError: a folder is no result.
    """
    check(path)
    legend = "".join(
        f"<li><i style=background:rgb({','.join(map(str, color))})></i>{html.escape(name)}</li>"
        for color, name in zip(colors.part_colors(len(names)), names, strict=True)
    )
    with written(path) as stream:
        head = _HEAD.format(mark=_MARK, title=html.escape(shown(title)), legend=legend)
        stream.write(head.encode())
        for folder in folders:
            stream.write(_card(folder).encode())
        stream.write(b"</main></body></html>\n")


def _card(folder: pathlib.Path) -> str:
    """A photo, its parts, and what moves."""
    result = PhotoResult.load(folder / result_folder.ARRAYS)
    labels = fit(result.segmentation, _TILE, labels=True)
    photo = fit(result.image, _TILE)
    pictures = [("photo", _webp(photo)), ("parts", _webp(colors.overlay(photo, labels)))]
    for motion in turntable.MOTIONS:
        animation = folder / f"{motion}.webp"
        if animation.is_file():
            pictures.append((motion, animation.read_bytes()))
    images = "".join(
        f'<img alt="{alt}" src="data:image/webp;base64,{base64.b64encode(content).decode()}">'
        for alt, content in pictures
    )
    name = html.escape(shown(folder.name.removesuffix(result_folder.RESULT_SUFFIX)))
    return f"<figure><figcaption>{name}</figcaption><div>{images}</div></figure>\n"


def _webp(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=90)
    return stream.getvalue()
