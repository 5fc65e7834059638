"""The TensorFlow Datasets builder of the synthetic faces, and readers of what it wrote.

    builder = SyntheticFaces(config="px64")
    builder.download_and_prepare()            # computes, downloads nothing
    for example in builder.as_dataset(split="train"): ...
    truth = load_truth(builder, "test")       # NumPy, depth and normals decoded

Files are TFRecords, TFDS' own default: the truth is read in whole splits and training keeps its own
store of the pictures, so the random access of `array_record` would buy nothing here. Who wants
`as_data_source` can pass `file_format="array_record"`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import joblib
import numpy as np
import tensorflow_datasets as tfds

from igc_tf.datasets.synthetic_faces import anatomy, encoding, population

#: Of all random streams; part of the data set's version.
SEED = 2303

_DESCRIPTION = """
Procedural 3D faces with exact truth: photographs of computed people in random pose, light and
expression before random backgrounds, each with depth, normals, albedo, part labels and landmarks in
the view of the photograph, and depth, normals and parts of the same head in the canonical (frontal)
view. Nothing in it comes from a photograph of a person. The pictures are computed, not downloaded,
and belong to whoever computes them.
"""


@dataclasses.dataclass
class SyntheticFacesConfig(tfds.core.BuilderConfig):
    """Image size, and how many people and pictures of each make up a split."""

    image_size: int = 64
    #: split -> (identities, images of each)
    splits: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)


_FULL = {"train": (1500, 4), "validation": (60, 5), "test": (200, 10)}
_TINY = {"train": (16, 4), "validation": (4, 4), "test": (4, 8)}


class SyntheticFaces(tfds.core.GeneratorBasedBuilder):
    """Synthetic faces with exact truth, as TFDS data set `synthetic_faces`.

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

    The maps hold the values at the pixels' centres, `image` and `albedo` means over the pixels.
    """

    name = "synthetic_faces"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        SyntheticFacesConfig(
            name="px64", description="64 px, 6,000 / 300 / 2,000.", image_size=64, splits=_FULL
        ),
        SyntheticFacesConfig(
            name="px32", description="32 px, the same people.", image_size=32, splits=_FULL
        ),
        SyntheticFacesConfig(
            name="px128", description="128 px, the same people.", image_size=128, splits=_FULL
        ),
        SyntheticFacesConfig(
            name="tiny", description="64 px, 64 / 16 / 32, for tests.", image_size=64, splits=_TINY
        ),
    ]

    #: Worker processes; None for all cores. What is made does not depend on it.
    workers: int | None = None

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.image_size

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
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
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
                }
            ),
            supervised_keys=None,
            license="Computed, not collected, so free of others' rights; licensed as the code.",
            citation="igc_tf: SyntheticFaces, procedural 3D faces with exact truth.",
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        generators, identity, index = {}, 0, 0
        for split, (people, images) in self.builder_config.splits.items():
            plan = [(identity + k // images, k % images, index + k) for k in range(people * images)]
            generators[split] = self._generate_examples(plan)
            identity, index = identity + people, index + people * images
        return generators

    def _generate_examples(self, plan: list[tuple[int, int, int]]) -> Iterator[tuple[int, dict]]:
        """Examples of a plan of (identity, image, index), in its order whatever the workers do."""
        size = self.builder_config.image_size
        workers = self.workers or joblib.cpu_count()
        batch = 16
        batches = [plan[k : k + batch] for k in range(0, len(plan), batch)]
        if workers == 1:
            for some in batches:
                yield from encoding.make_examples(SEED, some, size)
            return
        # loky's workers neither fork TensorFlow nor import the caller's main module again.
        wave = 8 * workers  # bounds what waits in memory
        with joblib.Parallel(n_jobs=workers, return_as="generator") as parallel:
            for start in range(0, len(batches), wave):
                jobs = batches[start : start + wave]
                make = joblib.delayed(encoding.make_examples)
                for made in parallel(make(SEED, some, size) for some in jobs):
                    yield from made


def load_truth(
    builder: SyntheticFaces, split: str, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Features of a whole split, stacked over its N examples, in the order of `as_dataset`.

    Args:
      builder: a prepared builder.
      split: 'train', 'validation' or 'test', or a TFDS slice such as 'test[:100]'.
      names: which features; None for all. All of px64's train split take 1.1 GB.

    Returns:
      Arrays [N, ...] by name: depths and normals float32, all else as the builder's features say.

    Raises:
      ValueError: there is no feature of that name.
    """
    features = builder.info.features
    unknown = sorted(set(names or ()) - set(features))
    if unknown:
        raise ValueError(f"No feature {', '.join(unknown)}; there are {', '.join(features)}.")
    chosen = tfds.decode.PartialDecoding({name: True for name in names or features})
    dataset = builder.as_dataset(split=split, decoders=chosen, shuffle_files=False)
    examples = list(tfds.as_numpy(dataset))
    return {
        name: encoding.decode(name, np.stack([example[name] for example in examples]))
        for name in names or features
    }
