"""Cat faces: the CAT data set, the cats of the Oxford-IIIT pets, or any folder of cats' heads."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import tensorflow_datasets as tfds

from igc_tf.datasets import crops, photo_folder, reading
from igc_tf.datasets.collections import base

_DESCRIPTION = """
Photos of cats' faces, from one of: the CAT data set, 9,997 photos with nine landmarks; the cats of
the Oxford-IIIT Pet data set, 2,371 photos, half of them with a box of the head; or any folder of
photos of cats' heads. The splits are made by a hash of the photos' paths: a tenth test, a hundredth
validation.
"""
_LICENSE = """
CAT: photos from Flickr, collected for research, no license stated. Oxford-IIIT Pet: CC BY-SA 4.0,
the photos' own copyrights apart. A folder of your own: yours to know.
"""
_CITATION = """
@inproceedings{zhang2008cat,
  title={Cat Head Detection - How to Effectively Exploit Shape and Texture Features},
  author={Zhang, Weiwei and Sun, Jian and Tang, Xiaoou},
  booktitle={European Conference on Computer Vision (ECCV)},
  year={2008}
}
@inproceedings{parkhi2012cats,
  title={Cats and Dogs},
  author={Parkhi, Omkar M. and Vedaldi, Andrea and Zisserman, Andrew and Jawahar, C. V.},
  booktitle={Computer Vision and Pattern Recognition (CVPR)},
  year={2012}
}
"""
_TEST_FRACTION = 0.1  # as photo_folder's own default


class CatFaces(base.PhotoCollection):
    """Cats; see `base.PhotoCollection` for the features. no `landmarks`: cats have three
    anchors.
    """

    name = "cat_faces"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    DESCRIPTION, LICENSE, CITATION = _DESCRIPTION, _LICENSE, _CITATION
    HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/pets/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The CAT data set (folders CAT_00 to CAT_06), the Oxford-IIIT Pet data set (folders images/ and
    annotations/), or any folder of photos of cats' heads.
    """

    def photos(self, folder: pathlib.Path) -> dict[str, list[base.Photo]]:
        """See `base.PhotoCollection.photos`."""
        if (folder / "annotations" / "list.txt").is_file():
            found = _oxford(folder)
        else:
            found = (_with_marks(folder, path) for path in reading.find(folder))
        splits: dict[str, list[base.Photo]] = {split: [] for split in photo_folder.SPLITS}
        for photo in found:
            splits[photo_folder.split_of(photo.path, _TEST_FRACTION)].append(photo)
        for split, photos in splits.items():
            if not photos:
                raise ValueError(
                    f"{folder} has too few photos of cats: none fell into its {split} split."
                )
        return splits


def _with_marks(folder: pathlib.Path, path: pathlib.Path) -> base.Photo:
    """A photo with the eyes and mouth of its .cat file, if it has one."""
    marks = folder / path.with_name(path.name + ".cat")
    if not marks.is_file():
        return base.Photo(path)
    values = base.numbers(marks, marks.read_text().split())
    if len(values) < 7 or len(values) < 1 + 2 * values[0]:
        raise ValueError(
            f"{marks} is damaged: a count and that many x, y, at least 3, are expected."
        )
    points = values[1:7].reshape(3, 2)  # eyes and mouth; the ears follow
    eyes = points[:2][
        np.argsort(points[:2, 0])
    ]  # which is left in the picture, a tilted head hides
    return base.Photo(path, marks=crops.Marks(np.concatenate([eyes, points[2:]])))


def _oxford(folder: pathlib.Path) -> Iterator[base.Photo]:
    """The cats of annotations/list.txt, with the boxes of annotations/xmls."""
    base.first(folder, "The pets' photos", "images")
    listed = base.table(folder / "annotations" / "list.txt", 3)
    for name, (_, species, _) in listed.items():
        if species != "1":  # 2 is a dog
            continue
        breed = name.rsplit("_", 1)[0]
        box = _head(folder / "annotations" / "xmls" / f"{name}.xml")
        yield base.Photo(
            pathlib.Path("images") / f"{name}.jpg", identity=breed, marks=crops.Marks(box=box)
        )


def _head(path: pathlib.Path) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        found = ElementTree.parse(path).find(".//bndbox")
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    if found is None:
        raise ValueError(f"{path} is damaged: it has no bndbox.")
    words = [found.findtext(side, "") for side in ("xmin", "ymin", "xmax", "ymax")]
    return base.numbers(path, words)
