"""Requests that must be refused, each with what the refusal has to say."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image


class BadRequest(NamedTuple):
    name: str
    signature: str
    inputs: dict[str, Any]
    says: str  #: part of the message, wherever the request gets as far as the graph
    typed: bool = False  #: a server with type checks refuses it before, in words of its own


def _photo(height=48, width=48, channels=3, count=1, dtype=np.uint8):
    return np.full((count, height, width, channels), 99, dtype)


def encoded(kind: str, width=60, height=48) -> bytes:
    """A small picture as a file."""
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    return stream.getvalue()


def images() -> list[BadRequest]:
    """Of `images`."""
    cases = [
        ("float32", _photo(dtype=np.float32), ""),
        ("float64", _photo(dtype=np.float64), ""),
        ("int32", _photo(dtype=np.int32), ""),
        ("int64", _photo(dtype=np.int64), ""),
        ("bool", _photo(dtype=bool), ""),
        ("NaN", np.full((1, 48, 48, 3), np.nan, np.float32), ""),
        ("strings", np.array([b"photo"], object), ""),
        ("rank 0", np.uint8(1), "[batch, height, width, 3] is needed"),
        ("rank 1", np.zeros(9, np.uint8), "[batch, height, width, 3] is needed"),
        ("rank 2", np.zeros((48, 48), np.uint8), "[batch, height, width, 3] is needed"),
        ("rank 3", _photo()[0], "[batch, height, width, 3] is needed"),
        ("rank 5", _photo()[np.newaxis], "[batch, height, width, 3] is needed"),
        ("no channels", _photo(channels=0), "3 channels, RGB, are needed"),
        ("gray", _photo(channels=1), "3 channels, RGB, are needed"),
        ("2 channels", _photo(channels=2), "3 channels, RGB, are needed"),
        ("RGBA", _photo(channels=4), "3 channels, RGB, are needed"),
    ]
    found = [
        BadRequest(f"images {n}", "serving_default", {"images": v}, s, True) for n, v, s in cases
    ]
    sides = "sides must be 16 to 4096 px"
    for name, value, says in (
        ("empty batch", _photo(count=0), "must hold 1 to 256, not] [0]"),
        ("257 photos", _photo(16, 16, count=257), "must hold 1 to 256, not] [257]"),
        ("no rows", _photo(height=0), sides),
        ("no columns", _photo(width=0), sides),
        ("one pixel", _photo(1, 1), sides),
        ("15 rows", _photo(15, 64), sides),
        ("20,000 rows", _photo(20_000, 16), sides),
        ("20,000 columns", _photo(16, 20_000), sides),
        ("4,097 columns", _photo(16, 4_097), sides),
    ):
        found.append(BadRequest(f"images {name}", "serving_default", {"images": value}, says))
    for signature in ("parts", "parts_portable", "capsules", "reconstruct", "embed"):
        found += [
            BadRequest(f"{signature} side", signature, {"images": _photo(8, 8)}, sides),
            BadRequest(f"{signature} empty", signature, {"images": _photo(count=0)}, "not] [0]"),
        ]
    return found


def files() -> list[BadRequest]:
    """Of `image_bytes`."""
    jpeg, png = encoded("JPEG"), encoded("PNG")
    foreign, damaged = "neither JPEG nor PNG at index] [0]", "damaged or cut-off file at index] [0]"
    side = "sides must be 16 to 4096 px; others at index] [0]"
    broken = bytearray(png)
    broken[len(png) // 2] ^= 0xFF
    cases = [
        ("empty file", b"", foreign),
        ("GIF", encoded("GIF"), foreign),
        ("BMP", encoded("BMP"), foreign),
        ("TIFF", encoded("TIFF"), foreign),
        ("WebP", b"RIFF\x10\0\0\0WEBPVP8 " + bytes(40), foreign),
        ("HTML named .jpg", b"<!DOCTYPE html><html><body>Not found</body></html>", foreign),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", foreign),
        ("PDF", b"%PDF-1.7\n" + bytes(100), foreign),
        ("gzip", b"\x1f\x8b\x08" + bytes(60), foreign),
        ("zeros", bytes(1000), foreign),
        ("text", "kein Bild, nur Übermut".encode(), foreign),
        ("base64 of a JPEG", b"/9j/4AAQSkZJRgABAQAAAQABAAD", foreign),
        ("JPEG cut in half", jpeg[: len(jpeg) // 2], damaged),
        ("JPEG without its last byte but ten", jpeg[:-10], damaged),
        ("JPEG marker alone", jpeg[:3], damaged),
        ("JPEG header alone", jpeg[:200], damaged),
        ("JPEG marker and zeros", jpeg[:3] + bytes(500), damaged),
        ("PNG signature alone", png[:8], side),
        ("PNG header alone", png[:33], damaged),
        ("PNG cut in half", png[: len(png) // 2], damaged),
        ("PNG with a flipped byte", bytes(broken), damaged),
        ("PNG 20,000 px wide", encoded("PNG", 20_000, 16), side),
        ("PNG that claims 2 billion px", png[:16] + b"\x7f\xff\xff\xff" * 2 + png[24:], side),
        ("JPEG 20,000 px high", encoded("JPEG", 16, 20_000), side),
        ("JPEG of one pixel", encoded("JPEG", 1, 1), side),
        ("PNG of 15 px", encoded("PNG", 15, 15), side),
    ]

    def request(name, contents, says, typed=False):
        inputs = {"image_bytes": np.array(contents, object)}
        return BadRequest(f"image_bytes {name}", "serialized", inputs, says, typed)

    found = [request(name, [content], says) for name, content, says in cases]
    found += [
        request("one bad of four", [jpeg, png, jpeg[:300], png], "at index] [2]"),
        request(
            "two bad of four", [jpeg, b"no", png, b"no"], "neither JPEG nor PNG at index] [1 3]"
        ),
        request("one small of three", [png, encoded("PNG", 9, 9), jpeg], "others at index] [1]"),
        request("all cut off", [jpeg[:300]] * 3, "cut-off file at index] [0 1 2]"),
        request("empty batch", [], "must hold 1 to 256, not] [0]"),
        request("257 files", [png] * 257, "must hold 1 to 256, not] [257]"),
        request("rank 2", [[png], [png]], "[batch] strings are needed", True),
        BadRequest(
            "image_bytes uint8", "serialized", {"image_bytes": np.zeros(9, np.uint8)}, "", True
        ),
    ]
    return found


def capsules(good: dict[str, np.ndarray]) -> list[BadRequest]:
    """Of `render`, each with one value changed in two good faces."""

    def changed(name, index, value):
        array = np.array(good[name])
        array[index] = value
        return {**good, name: array}

    cases = [
        ("NaN depth", changed("part_depth", (1, 0, 3, 3), np.nan), "part_depth", 1),
        ("infinite albedo", changed("part_albedo", (0, 1, 2, 2, 0), np.inf), "part_albedo", 0),
        ("NaN albedo", changed("part_albedo", 1, np.nan), "part_albedo", 1),
        ("albedo in 0 to 255", changed("part_albedo", 0, 200.0), "part_albedo", 0),
        ("depth 0", changed("part_depth", 1, 0.0), "part_depth", 1),
        ("depth behind the camera", changed("part_depth", (0, 0, 0, 0), -1.0), "part_depth", 0),
        ("depth 1e30", changed("part_depth", (1, 1, 1, 1), 1e30), "part_depth", 1),
        ("turned by 100", changed("rotation_degrees", (0, 1), 100.0), "rotation_degrees", 0),
        ("NaN rotation", changed("rotation_degrees", (1, 0), np.nan), "rotation_degrees", 1),
        ("moved by 1", changed("translation", (1, 0), 1.0), "translation", 1),
        ("ambient 2", changed("light", (0, 0), 2.0), "light", 0),
        ("negative diffuse", changed("light", (1, 1), -0.5), "light", 1),
        ("NaN light", changed("light", (1, 4), np.nan), "light", 1),
    ]
    found = [
        BadRequest(f"render {name}", "render", inputs, f"{what}: a value is NaN or not in")
        for name, inputs, what, _ in cases
    ]
    found += [
        BadRequest(f"render {name}, index", "render", inputs, f"at index] [{index}]")
        for name, inputs, _, index in cases[:2]
    ]
    dark = changed("light", (1, slice(2, 5)), 0.0)
    single = {**good, "light": good["light"][:1]}
    empty = {name: value[:0] for name, value in good.items()}
    fewer = {**good, "part_depth": good["part_depth"][:, 1:]}
    smaller = {**good, "part_albedo": good["part_albedo"][:, :, 1:]}
    flat = {**good, "translation": good["translation"][:, 0]}
    double = {**good, "part_depth": good["part_depth"].astype(np.float64)}
    found += [
        BadRequest(
            "render without direction", "render", dark, "direction of length 0 at index] [1]"
        ),
        BadRequest("render, one light for two", "render", single, "as many faces in each"),
        BadRequest("render nothing", "render", empty, "must hold 1 to 256"),
        BadRequest("render, a part short", "render", fewer, "part_depth: [batch, 4", True),
        BadRequest("render, a row short", "render", smaller, "part_albedo: [batch, 4", True),
        BadRequest("render, flat", "render", flat, "translation: [batch, 3] is needed", True),
        BadRequest("render, double", "render", double, "", True),
    ]
    return found


def every(good: dict[str, np.ndarray]) -> list[BadRequest]:
    """All of them; `good` are the inputs of `render` of two faces."""
    return [*images(), *files(), *capsules(good)]
