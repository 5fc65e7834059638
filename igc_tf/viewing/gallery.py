"""A folder of results as one HTML page: photos, their parts, faces to turn; it loads nothing."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from igc_tf.disk import shown, written
from igc_tf.metrics.geometry import FOV_DEGREES
from igc_tf.structures import BACKGROUND
from igc_tf.viewing import colors, meshes, result_folder, textures, turntable
from igc_tf.viewing.canvas import fit
from igc_tf.viewing.result import PhotoResult

_TILE = 192  # side of a still picture, px
_VIEWER = pathlib.Path(__file__).with_name("viewer.js")
_LARGEST_MAP = 128  # side of the depth that is shown, px: 16-bit indices reach twice as far
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
img,canvas{{width:100%;display:block;border-radius:4px}}
.view{{grid-column:1/-1;grid-template-columns:auto auto 1fr;align-items:center}}
.view[hidden]{{display:none}}
canvas{{grid-column:1/-1;aspect-ratio:1;touch-action:pan-y;cursor:grab;background:#8881}}
canvas:active{{cursor:grabbing}}
button{{font:inherit;padding:6px 14px;border:1px solid #8888;border-radius:8px}}
button{{background:none;color:inherit}}
button[aria-pressed=true]{{background:#07c;color:#fff}}
small{{grid-column:1/-1}}
</style></head><body><h1>{title}</h1>
<p>Drag a face to turn it, or use the arrow keys; with <em>light</em> (L) it is the light that moves;
<em>back</em> (Home) is as it was.</p><ul>{legend}</ul><main>
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
    fov_degrees: float = FOV_DEGREES,
    texture: str = "albedo",
) -> None:
    """Writes the page, whole or not at all; a gallery that was there is replaced.

    It holds the photos: where those are of people, it is to be kept as they are.

    Args:
      path: of the page.
      title: of it.
      folders: results, from `result_folder.write`; each is shown with those animations that it has.
      names: of the parts, the background's first.
      fov_degrees: horizontal field of view of the camera.
      texture: of the faces that can be turned, of `textures.KINDS`.

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
            stream.write(_card(folder, fov_degrees, texture).encode())
        stream.write(b"</main><script>\n" + _VIEWER.read_bytes() + b"</script></body></html>\n")


def _card(folder: pathlib.Path, fov_degrees: float, texture: str) -> str:
    """A photo, its parts, the face to turn, and what moves."""
    result = PhotoResult.load(folder / result_folder.ARRAYS)
    labels = fit(result.segmentation, _TILE, labels=True)
    photo = fit(result.image if result.photo is None else result.photo, _TILE)
    pictures = [("photo", _webp(photo)), ("parts", _webp(colors.overlay(photo, labels)))]
    for motion in turntable.MOTIONS:
        animation = folder / f"{motion}.webp"
        if animation.is_file():
            pictures.append((motion, animation.read_bytes()))
    images = [f'<img alt="{alt}" src="{_webp_uri(content)}">' for alt, content in pictures]
    name = html.escape(shown(folder.name.removesuffix(result_folder.RESULT_SUFFIX)))
    view = _view(result, name, fov_degrees, texture)
    inner = "".join([*images[:2], view, f"<small>{_in_words(result)}</small>", *images[2:]])
    return f"<figure><figcaption>{name}</figcaption><div>{inner}</div></figure>\n"


def _view(result: PhotoResult, name: str, fov_degrees: float, texture: str) -> str:
    """What viewer.js shows; hidden where it cannot."""
    size = min(_LARGEST_MAP, len(result.depth))
    depth = textures.enlarged(textures.smoothed(result.depth), size)
    keep = np.ones_like(result.depth, bool)
    if result.parts > 1 and (result.canonical_visibility[BACKGROUND] < 0.5).any():
        keep = result.canonical_visibility[BACKGROUND] < 0.5
    inside = np.ones_like(depth) if keep.all() else textures.enlarged(meshes.inside(keep), size)
    low, high = float(depth.min()), float(depth.max())
    levels = np.rint((depth - low) / max(high - low, 1e-6) * 65535).astype("<u2")
    away = np.where(inside > 0, np.ceil(127 * inside), np.floor(127 * inside))  # 0 is the outline
    face = {
        "size": size,
        "depth": _base64(levels.tobytes()),
        "low": low,
        "high": high,
        "inside": _base64(np.clip(away, -127, 127).astype(np.int8).tobytes()),
        "fov": fov_degrees,
        "rotation": [round(float(angle), 2) for angle in result.rotation_degrees],
        "light": [round(float(value), 4) for value in result.light],
    }
    found = textures.of(result, texture, fov_degrees)
    picture = colors.to_uint8(textures.spread(found, keep))
    return (
        f'<div class="view" hidden><canvas tabindex="0" role="slider" aria-label="turn {name}" '
        f'aria-valuemin="-80" aria-valuemax="80" data-face="{html.escape(json.dumps(face))}" '
        f'data-texture="{_webp_uri(_webp(picture))}"></canvas>'
        '<button type="button" aria-pressed="false">light</button>'
        '<button type="button">back</button></div>'
    )


def _in_words(result: PhotoResult) -> str:
    """Pose and light."""
    pitch, yaw, roll = (round(float(angle)) for angle in result.rotation_degrees)
    x, y, z = (float(value) for value in result.light[2:])
    across, up = (
        round(math.degrees(math.atan2(x, z))),
        round(math.degrees(math.asin(max(-1.0, min(1.0, y))))),
    )
    return (
        f"pitch {pitch}°, yaw {yaw}°, roll {roll}°; light {abs(across)}° from the "
        f"{'left' if across < 0 else 'right'}, {abs(up)}° from {'below' if up < 0 else 'above'}"
    )


def _webp_uri(content: bytes) -> str:
    return f"data:image/webp;base64,{_base64(content)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _webp(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", quality=90)
    return stream.getvalue()
