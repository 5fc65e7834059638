"""What the builders of rendered heads share: features, generation by several processes, reading back.

Files are TFRecords, TFDS' own default: the ground truth is read in whole splits and training keeps its
own store of the pictures, so the random access of `array_record` would buy nothing here. Who wants
`as_data_source` can pass `file_format="array_record"`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import tensorflow_datasets as tfds

from igc_tf import tfds_reading
from igc_tf.synthesis.synthetic_faces import anatomy, encoding, population


class HeadsBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]
):
    """Rendered heads with exact ground truth; a subclass says which, by `plans` and `maker`.

    Features of an example (S the image size; conventions of `igc_tf`):

    * `image` uint8 [S, S, 3], the photograph;
    * `identity` int64, `index` int64, unique over all splits;
    * `rotation_degrees` float32 [3] (pitch, yaw, roll), `translation` float32 [3];
    * `light_ambient`, `light_diffuse` float32, `light_direction` float32 [3], unit;
    * `expression` float32 [8], see `population.EXPRESSION_NAMES`;
    * `landmarks` float32 [5, 2], (x, y) in pixels, see `anatomy.LANDMARK_NAMES`;
      `landmarks_visible` bool [5]: not hidden by the head itself, and inside the picture;
    * in the photograph's view: `depth` uint16 [S, S] (`encoding.decode_depth`; 1.1 on the
      background), `normals` float16 [S, S, 3] (0, 0, 1 on the background),
      `albedo` uint8 [S, S, 3], `parts` uint8 [S, S], see `anatomy.PART_NAMES`;
    * in the canonical view: `canonical_depth`, `canonical_normals`, `canonical_parts`.

    The maps hold the values at the pixels' centers, `image` and `albedo` means over the pixels.
    """

    #: Worker processes; None for all cores. What is made does not depend on it.
    workers: int | None = None

    @abc.abstractmethod
    def plans(self) -> dict[str, list[Any]]:
        """What to make of each split, an entry a picture, in order."""

    @abc.abstractmethod
    def maker(self) -> Callable[[Sequence[Any]], list[tuple[int, dict[str, np.ndarray]]]]:
        """Makes the (index, stored example) of some entries of a plan; is sent to the workers."""

    def features(self, size: int, more: Mapping[str, Any] | None = None) -> Any:
        """The features of the class, and `more`."""

        def zipped(shape: tuple[int, ...], dtype: type) -> tfds.features.Tensor:
            return tfds.features.Tensor(
                shape=shape, dtype=dtype, encoding=tfds.features.Encoding.ZLIB
            )

        def vector(*shape: int) -> tfds.features.Tensor:
            return tfds.features.Tensor(shape=shape, dtype=np.float32)

        def picture() -> tfds.features.Image:
            return tfds.features.Image(shape=(size, size, 3), dtype=np.uint8, encoding_format="png")

        views = {}
        for view in ("", "canonical_"):
            views[view + "depth"] = zipped((size, size), np.uint16)
            views[view + "normals"] = zipped((size, size, 3), np.float16)
            views[view + "parts"] = zipped((size, size), np.uint8)
        return tfds.features.FeaturesDict(
            {
                "image": picture(),
                "albedo": picture(),
                "identity": np.int64,
                "index": np.int64,
                "rotation_degrees": vector(3),
                "translation": vector(3),
                "light_ambient": np.float32,
                "light_diffuse": np.float32,
                "light_direction": vector(3),
                "expression": vector(len(population.EXPRESSION_NAMES)),
                "landmarks": vector(len(anatomy.LANDMARK_NAMES), 2),
                "landmarks_visible": tfds.features.Tensor(
                    shape=(len(anatomy.LANDMARK_NAMES),), dtype=np.bool_
                ),
                **views,
                **(more or {}),
            }
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        make = self.maker()  # raises now if anything is missing
        return {split: self._generate_examples(plan, make) for split, plan in self.plans().items()}

    def _generate_examples(self, plan: list[Any], make: Callable) -> Iterator[tuple[int, dict]]:
        """Examples of a plan, in its order whatever the workers do."""
        workers = self.workers or joblib.cpu_count()
        batch = 16
        batches = [plan[k : k + batch] for k in range(0, len(plan), batch)]
        if workers == 1:
            for some in batches:
                yield from make(some)
            return
        # loky's workers neither fork TensorFlow nor import the caller's main module again.
        wave = 8 * workers  # bounds what waits in memory
        with joblib.Parallel(n_jobs=workers, return_as="generator") as parallel:
            for start in range(0, len(batches), wave):
                jobs = batches[start : start + wave]
                for made in parallel(joblib.delayed(make)(some) for some in jobs):
                    yield from made


def load_ground_truth(
    builder: HeadsBuilder, split: str, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Features of a whole split, stacked over its N examples, in the order of `as_dataset`.

    Args:
      builder: a prepared builder.
      split: 'train', 'validation' or 'test', or a TFDS slice such as 'test[:100]'.
      names: which features; None for all. All of px64's train split take 1.1 GB.

    Returns:
      Arrays [N, ...] by name: depths and normals float32, all else as the builder's features say.

    Raises:
      ValueError: there is no feature of that name, or the data set is damaged.
    """
    features = builder.info.features
    unknown = sorted(set(names or ()) - set(features))
    if unknown:
        raise ValueError(f"No feature {', '.join(unknown)}; there are {', '.join(features)}.")
    chosen = tfds.decode.PartialDecoding({name: True for name in names or features})
    dataset = builder.as_dataset(split=split, decoders=chosen, shuffle_files=False)
    with tfds_reading.reading(builder):
        examples = list(tfds.as_numpy(dataset))
    return {
        name: encoding.decode(name, np.stack([example[name] for example in examples]))
        for name in names or features
    }
