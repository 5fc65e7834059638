"""Data sets by name: pictures to train on, and the ground truth to measure against where there is one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from igc_tf import tfds_reading
from igc_tf.config import DataConfig
from igc_tf.datasets import crops, image_store, labels, photo_collections, photo_folder
from igc_tf.synthesis import rendered_heads
from igc_tf.synthesis.parametric_heads import builder as parametric_heads
from igc_tf.synthesis.synthetic_faces import builder as synthetic_faces
from igc_tf.synthesis.synthetic_faces import render

SPLITS = photo_folder.SPLITS
#: Data sets of photos: `read_labels` tells what is known of them, not `ground_truth`.
PHOTOS = ("photo_folder", *photo_collections.BUILDERS)
#: The ground truths that `igc_tf.evaluation.eval_set` reads.
EVALUATED = (
    "identity", "parts", "landmarks", "rotation_degrees", "depth", "canonical_depth",
    "canonical_parts",
)  # fmt: skip


def open_split(data: DataConfig, image_size: int, split: str) -> image_store.ImageStore:
    """The pictures of one split, `[N, image_size, image_size, 3]` uint8.

    Args:
      data: which data set.
      image_size: px.
      split: 'train', 'validation' or 'test'.

    Returns:
      The store; making it prepares the data set if that was not done.

    Raises:
      FileNotFoundError, ValueError: the data set is missing, empty or unreadable.
    """
    if data.dataset == "photo_folder":
        return photo_folder.open_split(data, image_size, split)
    if data.dataset in photo_collections.BUILDERS:
        return photo_collections.open_split(data, image_size, split)
    builder = prepare_heads(data)
    count = builder.info.splits[split].num_examples
    return image_store.open_or_build(
        f"{builder.info.full_name.replace('/', '-')}-{split}-{image_size}-{_fingerprint(builder, data)}",
        image_size,
        count,
        lambda: _rendered_pictures(builder, split, image_size, data),
    )


def ground_truth(
    data: DataConfig, split: str, pictures: Sequence[str], features: Sequence[str] = EVALUATED
) -> dict[str, np.ndarray]:
    """What is known of some pictures of a split of rendered heads.

    Args:
      data: which data set.
      split: 'train', 'validation' or 'test'.
      pictures: their names, from `ImageStore.names`.
      features: which ground truths.

    Returns:
      The features of `igc_tf.synthesis.rendered_heads.HeadsBuilder`, in the order of `pictures`. Maps
      and landmarks are cut as the pictures are and otherwise at the data set's own size: `[S, S]` with
      S the side of the crop, px.
    """
    builder = prepare_heads(data)
    known = rendered_heads.load_ground_truth(builder, split, ["index", *features])
    row = {str(index): row for row, index in enumerate(known["index"])}
    rows = [row[name] for name in pictures]  # by name: TFDS' order may change with how it is read
    return {
        name: _cut(name, known[name][rows], builder.builder_config.image_size, data)
        for name in features
    }


def field_of_view_degrees(data: DataConfig) -> float:
    """Horizontal field of view of rendered heads' pictures, as `data` cuts them.

    A cut that is not about the middle is seen by a camera that looks past its middle; that is left
    out of account.
    """
    whole = math.radians(render.FIELD_OF_VIEW_DEGREES)
    left, _, right, _ = crops.crop_box(1, 1, data)
    return math.degrees(2.0 * math.atan((right - left) * math.tan(whole / 2.0)))


def read_labels(
    data: DataConfig, split: str, store: image_store.ImageStore, source: str = ""
) -> labels.Labels | None:
    """What is known of pictures of photos, in the order of `store`.

    Args:
      data: one of `PHOTOS`.
      split: the split that `store` is of, whole or in part.
      store: the pictures.
      source: of a folder of photos, see `labels.read`.

    Returns:
      The labels; None where there are none.

    Raises:
      FileNotFoundError, ValueError: see `labels.read`.
    """
    if data.dataset == "photo_folder":
        return labels.read(data, store.names, store.transforms, source)
    return photo_collections.read_labels(data, split, store)


def prepare_heads(data: DataConfig) -> rendered_heads.HeadsBuilder:
    """The TFDS builder of rendered heads, its data generated if they were not yet.

    Raises:
      FileNotFoundError, ValueError: it, or what it is made of, is missing or damaged.
    """
    kind, options = synthetic_faces.SyntheticFaces, {"config": data.data_config}
    if data.dataset == "parametric_heads":
        kind, options["makehuman_dir"] = parametric_heads.ParametricHeads, data.makehuman_dir
    builder = tfds_reading.make_builder(kind, kind.name, data.data_dir or None, **options)
    builder.download_and_prepare()
    return builder


def _rendered_pictures(
    builder: rendered_heads.HeadsBuilder, split: str, size: int, data: DataConfig
) -> Iterator[tuple[str, np.ndarray]]:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding({"image": True, "index": True}),
        shuffle_files=False,
    )
    with tfds_reading.reading(builder):
        for example in dataset:
            image = example["image"]
            if _is_cut(data):
                image = tf.constant(crops.crop(Image.fromarray(image.numpy()), data, size).image)
            elif image.shape[0] != size:
                image = tf.image.resize(tf.cast(image, tf.float32), [size, size], antialias=True)
                image = tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)
            yield f"{int(example['index'])}", image.numpy()


def _is_cut(data: DataConfig) -> bool:
    return data.crop == "center" and data.crop_scale < 1


def _cut(name: str, values: np.ndarray, size: int, data: DataConfig) -> np.ndarray:
    """Ground truth of `size` px as `data` cuts the pictures; maps are looked up at the pixel centers."""
    is_map = values.ndim >= 3 and values.shape[1:3] == (size, size)
    if not _is_cut(data) or not (is_map or name == "landmarks"):
        return values
    left, top, right, _ = crops.crop_box(size, size, data)
    side = max(1, round(right - left))
    scale = (right - left) / side
    if name == "landmarks":
        return ((values - [left, top]) / scale).astype(values.dtype)
    columns, rows = ((first + (np.arange(side) + 0.5) * scale).astype(int) for first in (left, top))
    return values[:, rows][:, :, columns]


def _fingerprint(builder: rendered_heads.HeadsBuilder, data: DataConfig) -> str:
    """Changes when the data set is generated anew, lies elsewhere, or is cut in another way."""
    written = (builder.data_path / "dataset_info.json").stat().mtime
    key = f"{builder.data_path}\0{written}"
    if _is_cut(data):
        key = f"{key}\0{crops.fingerprint(data)}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]
