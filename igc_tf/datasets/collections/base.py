"""What the builders of collections share: the examples, unreadable photos, finding files, splits."""

from __future__ import annotations

import abc
import functools
import hashlib
import io
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from igc_tf import parallel
from igc_tf.datasets import crops, labels, reading

#: Photos whose shorter side is longer than this are made smaller, px [choice]: nothing here learns from
#: pictures of more than 128 px, and Multi-PIE fills 305 GB.
SIDE = 512
#: Quality of the JPEGs that are written anew [choice].
QUALITY = 95
#: Key of the unreadable photos in a data set's metadata: `{split: {name: why}}`.
UNREADABLE = "unreadable"

Item = TypeVar("Item")


class Photo(NamedTuple):
    """A photo of a collection and what is known of it; px are of the photo, upright."""

    path: pathlib.Path  #: below the collection's folder
    identity: str = ""
    landmarks: np.ndarray | None = (
        None  #: [5, 2] image-left eye, image-right eye, nose, mouth corners
    )
    marks: crops.Marks = crops.Marks()  #: the anchors may be left out where there are landmarks
    labels: Mapping[str, Any] = {}  #: what the builder's own features hold


class PhotoCollection(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]
):
    """A collection of photos as a TFDS data set.

    Features of an example (conventions of `igc_tf`; NaN or '' where something is not known):

    * `image` uint8 [H, W, 3], upright, its shorter side at most `SIDE` px;
    * `name`, the file's path below the collection's folder;
    * `identity`, who it is;
    * `landmarks` float32 [5, 2], px of `image`: eyes, nose, corners of the mouth, image-left first;
    * `anchors` float32 [3, 2] and `box` float32 [4], px of `image`: see `igc_tf.datasets.crops.Marks`;
    * what the collection tells besides: `own_features`.

    A labels.csv in the collection's folder, as `igc_tf.datasets.labels` reads it, adds landmarks to
    photos that have none.
    """

    #: Of the collection; which further files and folders are looked for is said in docs/data.md.
    DESCRIPTION: str
    LICENSE: str
    CITATION: str
    HOMEPAGE: str
    MANUAL_DOWNLOAD_INSTRUCTIONS: str

    @abc.abstractmethod
    def photos(self, folder: pathlib.Path) -> dict[str, list[Photo]]:
        """The photos of each split.

        Raises:
          FileNotFoundError: the folder is not laid out as the collection ships; the message names the
            first path that was looked for and not found.
          ValueError: an annotation file is damaged.
        """

    def own_features(self) -> dict[str, Any]:
        """TFDS features beside those that all collections have."""
        return {}

    def _info(self) -> tfds.core.DatasetInfo:
        def numbers(*shape: int) -> tfds.features.Tensor:
            return tfds.features.Tensor(shape=shape, dtype=np.float32)

        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        return self.dataset_info_from_configs(
            description=self.DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": image,
                    "name": tfds.features.Text(),
                    "identity": tfds.features.Text(),
                    "landmarks": numbers(5, 2),
                    "anchors": numbers(3, 2),
                    "box": numbers(4),
                    **self.own_features(),
                }
            ),
            supervised_keys=None,
            homepage=self.HOMEPAGE,
            license=self.LICENSE,
            citation=self.CITATION,
            metadata=tfds.core.MetadataDict({UNREADABLE: {}}),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        folder = pathlib.Path(dl_manager.manual_dir)
        photos = self.photos(folder)
        extra = {}
        if (folder / labels.FILE_NAME).is_file():
            extra = labels.read_landmarks(folder)
        return {
            split: self._generate_examples(folder, split, found, extra)
            for split, found in photos.items()
        }

    def _generate_examples(
        self,
        folder: pathlib.Path,
        split: str,
        photos: Sequence[Photo],
        extra: Mapping[str, np.ndarray],
    ) -> Iterator[tuple[bytes, dict]]:
        calls = []
        for photo in photos:
            if photo.landmarks is None and photo.path.as_posix() in extra:
                photo = photo._replace(landmarks=extra[photo.path.as_posix()])
            calls.append((photo.path, functools.partial(_example, folder, photo)))
        for path, made in parallel.ahead(calls):
            if isinstance(made, str):
                unreadable = self.info.metadata[UNREADABLE].setdefault(split, {})
                unreadable[reading.shown(path.as_posix())] = made
            else:
                yield made["name"], made


def _example(folder: pathlib.Path, photo: Photo) -> dict | str:
    """An example, or why the photo cannot be read."""
    try:
        upright = reading.read_photo(folder / photo.path)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    stored, scale = _stored(folder / photo.path, upright)
    landmarks = np.full((5, 2), np.nan) if photo.landmarks is None else photo.landmarks
    anchors, box = photo.marks
    if anchors is None:
        anchors = crops.anchors(landmarks)
    if box is None:
        box = np.full(4, np.nan)
    return {
        "image": io.BytesIO(stored),
        "name": os.fsencode(photo.path.as_posix()),
        "identity": photo.identity,
        "landmarks": np.asarray(landmarks * scale, np.float32),
        "anchors": np.asarray(anchors * scale, np.float32),
        "box": np.asarray(box * scale, np.float32),
        **photo.labels,
    }


def _stored(path: pathlib.Path, upright: Image.Image) -> tuple[bytes, float]:
    """The photo as JPEG, its shorter side at most `SIDE`, and the factor it was made smaller by."""
    scale = min(1.0, SIDE / min(upright.size))
    with Image.open(path) as photo:
        as_it_is = photo.format == "JPEG" and photo.mode == "RGB" and photo.size == upright.size
        turned = reading.orientation(photo) != 1
    if as_it_is and not turned and scale == 1.0:
        return path.read_bytes(), 1.0
    if scale < 1.0:
        width, height = (max(round(side * scale), 1) for side in upright.size)
        upright = upright.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = io.BytesIO()
    upright.save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue(), scale


def first(folder: pathlib.Path, what: str, *candidates: str) -> pathlib.Path:
    """The first of some paths below a collection's folder that is there.

    Raises:
      FileNotFoundError: none is; the message names the first.
    """
    for candidate in candidates:
        if (folder / candidate).exists():
            return folder / candidate
    others = f" (nor {', '.join(candidates[1:])} below it)" if len(candidates) > 1 else ""
    raise FileNotFoundError(
        f"{what}: looked for {folder / candidates[0]}, which is not there{others}. docs/data.md says "
        "how the folder must be laid out."
    )


def table(path: pathlib.Path, columns: int) -> dict[str, list[str]]:
    """`{first word: the words after it}` of the lines of an annotation file with so many words after it.

    Lines of other lengths, such as a count or a header, are passed over.

    Raises:
      ValueError: no line has that many.
    """
    rows = {}
    for line in path.read_text().splitlines():
        name, *words = line.split()[: columns + 2] or [""]
        if len(words) == columns:
            rows[name] = words
    if not rows:
        raise ValueError(f"{path} is damaged: no line has {columns + 1} words.")
    return rows


def numbers(path: pathlib.Path, words: Iterable[str]) -> np.ndarray:
    """Words as float64.

    Raises:
      ValueError: one is no number.
    """
    words = list(words)
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error


def by_people(items: Iterable[Item], who: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Splits so that nobody is in two of them: a fifth of the people test, a tenth validation [choice].

    Which, a hash of their names says.

    Raises:
      ValueError: there are fewer than three people.
    """
    items = list(items)
    people = sorted(
        {who(item) for item in items}, key=lambda name: hashlib.sha256(name.encode()).digest()
    )
    if len(people) < 3:
        raise ValueError(
            f"Photos of {len(people)} people cannot be split by people: at least 3 are needed."
        )
    tests = max(1, len(people) // 5)
    validations = max(1, len(people) // 10)
    split = dict.fromkeys(people, "train")
    split.update(dict.fromkeys(people[:tests], "test"))
    split.update(dict.fromkeys(people[tests : tests + validations], "validation"))
    found: dict[str, list[Item]] = {"train": [], "validation": [], "test": []}
    for item in items:
        found[split[who(item)]].append(item)
    return found
