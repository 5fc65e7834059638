"""The TensorFlow Datasets builder of the synthetic faces; see `rendered_heads.HeadsBuilder`.

    builder = SyntheticFaces(config="px64")
    builder.download_and_prepare()            # computes, downloads nothing
    for example in builder.as_dataset(split="train"): ...
    ground_truth = load_ground_truth(builder, "test")     # NumPy, depth and normals decoded

`make train` trains on it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import tensorflow_datasets as tfds

from igc_tf.synthesis.rendered_heads import HeadsBuilder, load_ground_truth
from igc_tf.synthesis.synthetic_faces import encoding

__all__ = ["SEED", "SyntheticFaces", "SyntheticFacesConfig", "load_ground_truth"]

#: Of all random streams; part of the data set's version.
SEED = 2303

_DESCRIPTION = """
Procedural 3D faces with exact ground truth: photographs of computed people in random pose, light and
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


class SyntheticFaces(HeadsBuilder):
    """Synthetic faces with exact ground truth, as TFDS data set `synthetic_faces`."""

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

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=self.features(self.builder_config.image_size),
            supervised_keys=None,
            license="Computed, not collected, so free of others' rights; licensed as the code.",
            citation="igc_tf: SyntheticFaces, procedural 3D faces with exact ground truth.",
        )

    def plans(self) -> dict[str, list[tuple[int, int, int]]]:
        """(identity, image, index) of every picture."""
        plans, identity, index = {}, 0, 0
        for split, (people, images) in self.builder_config.splits.items():
            plans[split] = [
                (identity + k // images, k % images, index + k) for k in range(people * images)
            ]
            identity, index = identity + people, index + people * images
        return plans

    def maker(self) -> Callable[[Sequence[tuple[int, int, int]]], list]:
        """See `HeadsBuilder`."""
        return functools.partial(encoding.make_examples, SEED, size=self.builder_config.image_size)
