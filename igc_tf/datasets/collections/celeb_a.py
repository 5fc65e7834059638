"""CelebA: 202,599 photos of 10,177 celebrities, with 5 landmarks, identity and the official splits."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import download_manager, util

from igc_tf import tfds_reading
from igc_tf.datasets import crops
from igc_tf.datasets.collections import base

_DESCRIPTION = """
CelebFaces Attributes: 202,599 photos of 10,177 celebrities, aligned by their eyes and cut to 178 x
218 px, with five landmarks and the identity. The splits are the collection's own.
"""
_LICENSE = """
For non-commercial research only; the photos are not the collection's property. See the terms at
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html.
"""
_CITATION = """
@inproceedings{liu2015deep,
  title={Deep Learning Face Attributes in the Wild},
  author={Liu, Ziwei and Luo, Ping and Wang, Xiaogang and Tang, Xiaoou},
  booktitle={International Conference on Computer Vision (ICCV)},
  year={2015}
}
"""
_SPLITS = ("train", "validation", "test")  # 0, 1, 2 in the collection's files
_TFDS_LANDMARKS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


@dataclasses.dataclass
class CelebAConfig(tfds.core.BuilderConfig):
    """Which form of the collection."""

    #: Of `TFDS_CONFIG`: the directory that TFDS keeps its own celeb_a in; None for TFDS' default.
    source_dir: str | None = None


#: Name of the configuration that reads TFDS' own celeb_a. It is none of `BUILDER_CONFIGS`, as TFDS
#: asks of one with values of its user's.
TFDS_CONFIG = "tfds"


class CelebAFaces(base.PhotoCollection):
    """CelebA with landmarks, identity and boxes; see `base.PhotoCollection` for the features.

    * `aligned`: the folder img_align_celeba with its annotation files;
    * `in_the_wild`: img_celeba with Unsup3D's celeba_crop_bbox.txt, which tells split and box
      [unsup3d];
    * `TFDS_CONFIG`: TFDS' own celeb_a, downloaded by TFDS; it does not tell the identity.
    """

    name = "celeb_a_faces"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    DESCRIPTION, LICENSE, CITATION = _DESCRIPTION, _LICENSE, _CITATION
    HOMEPAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    BUILDER_CONFIGS = [
        CelebAConfig(name="aligned", description="img_align_celeba and its annotation files."),
        CelebAConfig(name="in_the_wild", description="img_celeba and celeba_crop_bbox.txt."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    From https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: img_align_celeba/ (unpacked),
    list_landmarks_align_celeba.txt, list_eval_partition.txt and identity_CelebA.txt.
    """

    def photos(self, folder: pathlib.Path) -> dict[str, list[base.Photo]]:
        """See `base.PhotoCollection.photos`."""
        return _aligned(folder) if self.builder_config.name == "aligned" else _in_the_wild(folder)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        if self.builder_config.name != TFDS_CONFIG:
            return super()._split_generators(dl_manager)
        make, name = functools.partial(tfds.builder, "celeb_a"), "celeb_a"
        source = tfds_reading.make_builder(make, name, self.builder_config.source_dir)
        try:
            source.download_and_prepare()
        except (
            OSError,
            util.DownloadError,
            download_manager.NonMatchingChecksumError,
        ) as error:
            raise ValueError(
                f"TFDS could not download CelebA ({type(error).__name__}: {error}). Fetch it "
                f"yourself and "
                "give its folder as --data_dir; docs/data.md says what must be in it."
            ) from error
        return {split: _from_tfds(source, split) for split in _SPLITS}


def _aligned(folder: pathlib.Path) -> dict[str, list[base.Photo]]:
    images = base.first(
        folder,
        "CelebA's aligned photos",
        *("img_align_celeba", "Img/img_align_celeba"),
    )
    if (images / "img_align_celeba").is_dir():  # as some archives unpack
        images = images / "img_align_celeba"
    find = functools.partial(base.first, folder)
    marks_file = find(
        "CelebA's landmarks",
        *("list_landmarks_align_celeba.txt", "Anno/list_landmarks_align_celeba.txt"),
    )
    split_file = find(
        "CelebA's splits", *("list_eval_partition.txt", "Eval/list_eval_partition.txt")
    )
    identity_file = find("CelebA's identities", "identity_CelebA.txt", "Anno/identity_CelebA.txt")
    splits, people = base.table(split_file, 1), base.table(identity_file, 1)
    landmarks = base.table(marks_file, 10)
    found: dict[str, list[base.Photo]] = {split: [] for split in _SPLITS}
    for name, (split,) in splits.items():
        marks = None
        if name in landmarks:
            marks = base.numbers(marks_file, landmarks[name]).reshape(5, 2)
        found[_split(split_file, split)].append(
            base.Photo(
                (images / name).relative_to(folder), people.get(name, [""])[0], landmarks=marks
            )
        )
    return found


def _in_the_wild(folder: pathlib.Path) -> dict[str, list[base.Photo]]:
    images = base.first(folder, "CelebA's original photos", "img_celeba", "Img/img_celeba")
    boxes = base.first(folder, "Unsup3D's boxes", "celeba_crop_bbox.txt")
    found: dict[str, list[base.Photo]] = {split: [] for split in _SPLITS}
    for name, (split, *words) in base.table(boxes, 5).items():
        left, top, width, height = base.numbers(boxes, words)
        box = np.array([left, top, left + width, top + height])
        found[_split(boxes, split)].append(
            base.Photo((images / name).relative_to(folder), marks=crops.Marks(box=box))
        )
    return found


def _split(path: pathlib.Path, number: str) -> str:
    if number not in ("0", "1", "2"):
        raise ValueError(f"{path} is damaged: a split is {number!r}, not 0, 1 or 2.")
    return _SPLITS[int(number)]


def _from_tfds(source: tfds.core.DatasetBuilder, split: str) -> Iterator[tuple[bytes, dict]]:
    """Examples of TFDS' celeb_a as ours: named by their place, its photos as they are."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    examples = tfds.as_numpy(source.as_dataset(split=split, decoders=decoders))
    with tfds_reading.reading(source):
        for number, example in enumerate(examples):
            marks = example["landmarks"]
            landmarks = np.array([[marks[f"{m}_{axis}"] for axis in "xy"] for m in _TFDS_LANDMARKS])
            name = os.fsencode(f"{split}/{number:06d}.jpg")
            yield (
                name,
                {
                    "image": io.BytesIO(example["image"]),
                    "name": name,
                    "identity": "",
                    "landmarks": landmarks.astype(np.float32),
                    "anchors": crops.anchors(landmarks).astype(np.float32),
                    "box": np.full(4, np.nan, np.float32),
                },
            )
