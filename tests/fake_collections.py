"""Small folders laid out as the collections ship, filled with pictures of synthetic faces; bad photos."""

from __future__ import annotations

import functools
import io
import pathlib

import numpy as np
from PIL import Image

from igc_tf.synthesis.synthetic_faces import scene

#: Different computed people; the others are told apart by a mark in a corner.
_PEOPLE = 6


@functools.cache
def _person(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    sample = scene.sample(2303, number, 0, size)
    return sample["image"], sample["landmarks"]


def face(number: int, size: int = 96) -> tuple[Image.Image, np.ndarray]:
    """A picture of a computed person and its [5, 2] landmarks, px; no two numbers' are alike."""
    image, landmarks = _person(number % _PEOPLE, size)
    image = image.copy()
    image[:16, :16] = np.array([number // 36, number // 6 % 6, number % 6], np.uint8) * 40
    return Image.fromarray(image), landmarks


def _save(folder: pathlib.Path, name: str, number: int, **options) -> np.ndarray:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    photo, landmarks = face(number)
    photo.save(path, **options)
    return landmarks


def _write(path: pathlib.Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def celeb_a(folder: pathlib.Path, train: int = 6, other: int = 2) -> dict[str, int]:
    """img_align_celeba, its annotation files, and Unsup3D's img_celeba with its boxes."""
    splits = [0] * train + [1] * other + [2] * other
    names = [f"{number + 1:06d}.jpg" for number in range(len(splits))]
    marks = [_save(folder / "img_align_celeba", name, n) for n, name in enumerate(names)]
    boxes = []
    for number, name in enumerate(names):
        _save(folder / "img_celeba", name, number)
        boxes.append(f"{name} {splits[number]} {10 + number} 12 70 70")
    _write(
        folder / "list_landmarks_align_celeba.txt",
        [
            str(len(names)),
            "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
            "rightmouth_x rightmouth_y",
            *(
                f"{name}  " + "  ".join(f"{value:4.0f}" for value in mark.ravel())
                for name, mark in zip(names, marks, strict=True)
            ),
        ],
    )
    lines = [f"{name} {split}" for name, split in zip(names, splits, strict=True)]
    _write(folder / "list_eval_partition.txt", lines)
    people = [f"{name} {2880 + number // 2}" for number, name in enumerate(names)]
    _write(folder / "identity_CelebA.txt", people)
    _write(folder / "celeba_crop_bbox.txt", boxes)
    return {"train": train, "validation": other, "test": other}


def bp4d(folder: pathlib.Path, people: int = 5, frames: int = 20) -> dict[str, int]:
    """F001/T1/0001.jpg and so on: two tasks each; counts are of one frame in ten."""
    for person in range(people):
        sex, number = ("F", person + 1) if person % 2 else ("M", person + 1)
        for task in ("T1", "T8"):
            for frame in range(frames):
                name = f"{sex}{number:03d}/{task}/{frame + 1:04d}.jpg"
                _save(folder, name, person * 2 + frame % 2)
    each = 2 * len(range(0, frames, 10))
    return {"train": (people - 2) * each, "validation": each, "test": each}


def multi_pie(
    folder: pathlib.Path, people: tuple[int, ...] = (1, 2, 191, 201), lights: int = 2
) -> dict[str, int]:
    """session01 of some people, all 15 cameras, lights 06 and 07."""
    from igc_tf.datasets.collections.multi_pie import CAMERAS

    for person in people:
        for index, camera in enumerate(CAMERAS):
            for light in range(8 - lights, 8):
                code = camera.replace("_", "")
                name = f"{person:03d}_01_01_{code}_{light:02d}.png"
                path = f"session01/multiview/{person:03d}/01/{camera}/{name}"
                _save(folder, path, 15 * person + index)
    each = len(CAMERAS) * lights
    return {"train": each * (len(people) - 2), "validation": each, "test": each}


def cats(folder: pathlib.Path, count: int = 200) -> None:
    """CAT_00 and CAT_01 with .cat files."""
    for number in range(count):
        path = f"CAT_0{number % 2}/{number:08d}_000.jpg"
        marks = _save(folder, path, number)
        eyes_and_mouth = [*marks[:2], marks[3:].mean(axis=0)]
        ears = [[20, 20], [25, 5], [40, 20], [60, 20], [70, 5], [80, 20]]
        points = np.array([*eyes_and_mouth, *ears]).round().astype(int).ravel()
        (folder / f"{path}.cat").write_text(f"9 {' '.join(map(str, points))} ")


def oxford_pets(folder: pathlib.Path, count: int = 250) -> None:
    """images/ and annotations/: every third animal is a dog; half of the cats have a head box."""
    lines = ["#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids"]
    for number in range(count):
        dog = number % 3 == 2
        name = f"{'beagle' if dog else 'Persian'}_{number}"
        lines.append(f"{name} 1 {2 if dog else 1} 1")
        _save(folder, f"images/{name}.jpg", number)
        if number % 2 == 0:
            box = "<xmin>10</xmin><ymin>8</ymin><xmax>80</xmax><ymax>78</ymax>"
            _write(
                folder / f"annotations/xmls/{name}.xml",
                [f"<annotation><object><bndbox>{box}</bndbox></object></annotation>"],
            )
    _write(folder / "annotations/list.txt", lines)


def photos(folder: pathlib.Path, count: int = 240) -> None:
    """A folder of photos with a labels.csv."""
    marks = [
        f"{m}_{a}" for m in "left_eye right_eye nose left_mouth right_mouth".split() for a in "xy"
    ]
    lines = [f"file,identity,{','.join(marks)}"]
    for number in range(count):
        landmarks = _save(folder, f"{number:03d}.jpg", number)
        values = ",".join(f"{value:.1f}" for value in landmarks.ravel())
        lines.append(f"{number:03d}.jpg,person{number // 4},{values}")
    _write(folder / "labels.csv", lines)


def _jpeg_bytes() -> bytes:
    y, x = np.mgrid[0:64, 0:64]
    smooth = np.stack([3 * x, 3 * y, 0 * x + 40], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG")
    return buffer.getvalue()


def jpeg_of_bad_exif() -> bytes:
    """Good pixels to be turned (orientation 6) whose EXIF gives their width as text."""
    entries = b"\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" + b"\0\x01\x02\0\x02\0\0\0xx\0\0"
    block = b"Exif\0\0" + b"II*\0\x08\0\0\0" + entries + b"\0\0\0\0"
    whole = _jpeg_bytes()
    return whole[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + whole[2:]


#: What makes a photo unreadable, by the name of a file of it.
BAD = {
    "empty.jpg": b"",
    "text.jpg": b"I only look like a photo.",
    "cut.jpg": _jpeg_bytes()[:400],
    "late.jpg": _jpeg_bytes()[:-40],
    "head.png": b"\x89PNG\r\n\x1a\n",
    "noise.png": bytes(range(256)) * 4,
    "zeros.jpg": bytes(2000),
    "page.jpg": b"<html><body>404 Not Found</body></html>",
    "phone.jpg": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),  # HEIC by another name
    "webp.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
}
