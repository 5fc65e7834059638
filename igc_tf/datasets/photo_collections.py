"""The collections of photos by name: their TFDS data sets, pictures cut from them, and labels."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from rich.progress import track

from igc_tf import tfds_reading
from igc_tf.cache import cache_dir
from igc_tf.config import DataConfig
from igc_tf.datasets import crops, image_store, labels, photo_folder, reading
from igc_tf.datasets.collections import base, bp4d, cat_faces, celeb_a, multi_pie

#: `--dataset` to TFDS builder.
BUILDERS: dict[str, type[base.PhotoCollection]] = {
    "celeb_a": celeb_a.CelebAFaces,
    "bp4d": bp4d.BP4D,
    "multi_pie": multi_pie.MultiPIE,
    "cat_faces": cat_faces.CatFaces,
}


def prepare(data: DataConfig) -> base.PhotoCollection:
    """The TFDS builder of a collection, its data set made if it was not yet.

    It is kept in the cache, under the names of the files that the folder holds: a changed folder
    makes a new one.

    Raises:
      FileNotFoundError: the folder is not laid out as the collection ships.
      ValueError: an unknown configuration, or a damaged annotation file.
    """
    kind = BUILDERS[data.dataset]
    folder = pathlib.Path(data.data_dir).resolve() if data.data_dir else None
    config = _config(kind, data)
    if folder is None or _is_tfds(config):
        kept = cache_dir() / "tfds" / hashlib.sha256(os.fsencode(folder or "")).hexdigest()[:16]
    else:
        if not folder.is_dir():
            raise FileNotFoundError(f"--data_dir={data.data_dir}: no such folder.")
        kept = cache_dir() / "tfds" / _listing(folder)
    builder = tfds_reading.make_builder(kind, kind.name, kept, config=config)
    if not builder.data_path.exists():
        if folder is not None and not _is_tfds(config):
            builder.photos(folder)  # says what is missing before TFDS begins
        manual = tfds.download.DownloadConfig(manual_dir=str(folder) if folder else None)
        builder.download_and_prepare(download_config=manual)
    return builder


def open_split(data: DataConfig, image_size: int, split: str) -> image_store.ImageStore:
    """The photos of one split, cropped and resized; made once, kept in the cache.

    Photos that cannot be read or cut are left out, counted and named in the log.

    Raises:
      FileNotFoundError, ValueError: see `prepare`; or no photo can be cut.
    """
    crops.require(data)
    builder = prepare(data)
    written = os.stat(builder.data_path / "dataset_info.json").st_mtime_ns
    key = (str(builder.data_path), written, split, image_size, crops.fingerprint(data))
    store = image_store.open_or_build(
        f"{data.dataset}-{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}",
        image_size,
        builder.info.splits[split].num_examples,
        lambda: _pictures(builder, split, data, image_size),
    )
    unreadable = builder.info.metadata.get(base.UNREADABLE, {}).get(split, {})
    store = store._replace(skipped={**unreadable, **store.skipped})
    if store.skipped:
        logging.warning("%s", photo_folder.left_out(store, split))
    return store


def read_labels(data: DataConfig, split: str, store: image_store.ImageStore) -> labels.Labels:
    """What a collection tells of a split's pictures, in their order."""
    builder = prepare(data)
    numbers = [name for name in labels.GROUPS if name in builder.info.features]
    wanted = ["name", "landmarks", *dict.fromkeys(["identity", *numbers])]
    found: dict[str, list] = {name: [] for name in wanted}
    decoders = tfds.decode.PartialDecoding(dict.fromkeys(wanted, True))
    with tfds_reading.reading(builder):
        for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)):
            for name in wanted:
                found[name].append(example[name])
    row = {os.fsdecode(name): row for row, name in enumerate(found["name"])}
    rows = [row[name] for name in store.names]
    columns = {name: [values[row] for row in rows] for name, values in found.items()}
    return labels.assemble(
        [identity.decode() for identity in columns["identity"]],
        {name: np.array(columns[name]) for name in numbers if name != "identity"},
        np.array(columns["landmarks"], float),
        store.transforms,
    )


def _config(kind: type[base.PhotoCollection], data: DataConfig) -> str | None:
    """The builder's configuration that the flags ask for; None for its own default."""
    if kind is celeb_a.CelebAFaces:
        if data.crop == "box":
            return "in_the_wild"
        if not data.data_dir or (pathlib.Path(data.data_dir) / "celeb_a").is_dir():
            return celeb_a.CelebAConfig(name=celeb_a.TFDS_CONFIG, source_dir=data.data_dir or None)
        return "aligned"
    if data.data_config == DataConfig.data_config:  # which is of the synthetic faces
        return None
    names = list(kind.builder_configs)
    if data.data_config not in names:
        raise ValueError(
            f"--data_config={data.data_config}: {data.dataset} has {', '.join(names) or 'none'}."
        )
    return data.data_config


def _is_tfds(config: object) -> bool:
    return isinstance(config, celeb_a.CelebAConfig)


def _listing(folder: pathlib.Path) -> str:
    """A name that changes with the folder and with the names of the files below it."""
    digest = hashlib.sha256(os.fsencode(folder))
    for root, folders, files in os.walk(folder):
        folders.sort()
        digest.update(b"\0".join([os.fsencode(root), *map(os.fsencode, sorted(files)), b"\n"]))
    return digest.hexdigest()[:16]


def _pictures(
    builder: base.PhotoCollection, split: str, data: DataConfig, size: int
) -> Iterator[tuple[str, image_store.Source]]:
    wanted = dict.fromkeys(("name", "anchors", "box", "image"), True)
    decoders = tfds.decode.PartialDecoding(wanted, {"image": tfds.decode.SkipDecoding()})
    examples = tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders))
    count = builder.info.splits[split].num_examples
    title = f"Cutting {count:,} photos"
    with tfds_reading.reading(builder):
        for example in track(examples, title, total=count, transient=True):
            yield (
                os.fsdecode(example["name"]),
                functools.partial(_picture, example, data, size),
            )


def _picture(example: dict, data: DataConfig, size: int) -> image_store.Crop | str:
    marks = crops.Marks(example["anchors"].astype(float), example["box"].astype(float))
    try:
        photo = reading.decode(io.BytesIO(example["image"]))
        return crops.crop(photo, data, size, marks)
    except ValueError as error:
        return str(error)
