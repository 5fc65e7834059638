"""The TensorFlow Datasets builder of the parametric heads; see `rendered_heads.HeadsBuilder`.

    builder = ParametricHeads(config="px64", makehuman_dir="makehuman")
    builder.download_and_prepare()            # reads the two packages there, downloads nothing

Train and evaluate on it with --dataset=parametric_heads; docs/parametric_heads.md says how to begin.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from igc_tf.synthesis.parametric_heads import material, population, protocols, scene, sources
from igc_tf.synthesis.rendered_heads import HeadsBuilder
from igc_tf.synthesis.synthetic_faces import encoding

#: Of all random streams; part of the data set's version.
SEED = 2304

_DESCRIPTION = """
Realistic 3D heads with exact ground truth, shaped and painted out of MakeHuman's public-domain base mesh,
targets, skins, irises, brows and hair: people of both sexes, all ages of adults and mixed ancestry,
each picture with depth, normals, albedo, part labels and landmarks in its own view, and depth, normals
and parts of the same head in the canonical (frontal) view. Three protocols: `px*` in the wild (random
pose, light, expression and background), `grid_*` after Multi-PIE (13 yaws by 5 lights, neutral),
`sequences_*` after BP4D (eight emotions that rise and fall). No person is in two splits, whatever the
protocol.
"""

_CITATION = """
@misc{makehuman, title={MakeHuman: open source tool for making 3D characters},
  author={{The MakeHuman team}}, note={Assets released as CC0 in 2020}}
"""

_LICENSE = (
    "Pictures made of MakeHuman's base mesh, targets and looks, which its team released as CC0 in 2020; "
    "files inside the npm package still carry their older AGPL3 marks. The material itself is not part "
    "of this data set."
)


@dataclasses.dataclass
class ParametricHeadsConfig(tfds.core.BuilderConfig):
    """Image size, protocol, and how many people a split has."""

    image_size: int = 64
    protocol: str = "wild"
    #: split -> people
    people: dict[str, int] = dataclasses.field(default_factory=dict)
    #: split -> pictures of each person, in the wild
    images: dict[str, int] = dataclasses.field(default_factory=dict)


def _config(name: str, size: int, protocol: str, *people: int) -> ParametricHeadsConfig:
    counts = dict(zip(protocols.FIRST_PERSON, people, strict=True))
    images = {"train": 4, "validation": 5, "test": 10}
    pictures = {
        split: len(protocols.plan(protocol, split, number, images[split], 0))
        for split, number in counts.items()
    }
    return ParametricHeadsConfig(
        name=name,
        description=f"{size} px, {protocol}, "
        + " / ".join(f"{n:,}" for n in pictures.values())
        + ".",
        image_size=size,
        protocol=protocol,
        people=counts,
        images=images,
    )


class ParametricHeads(HeadsBuilder):
    """Realistic heads with exact ground truth, as TFDS data set `parametric_heads`.

    The features of `rendered_heads.HeadsBuilder`, and int64 `view` and `lighting` (places in
    `protocols.YAWS` and `LIGHTS`), `sequence` and `frame` (place in `protocols.TASKS`, number), each
    -1 where the protocol knows no such thing.
    """

    name = "parametric_heads"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        _config("px64", 64, "wild", 1500, 60, 200),
        _config("px128", 128, "wild", 1500, 60, 200),
        _config("grid_px64", 64, "grid", 40, 5, 25),
        _config("grid_px128", 128, "grid", 40, 5, 25),
        _config("sequences_px64", 64, "sequences", 41, 5, 20),
        _config("sequences_px128", 128, "sequences", 41, 5, 20),
        _config("tiny", 32, "wild", 4, 1, 1),
        _config("grid_tiny", 32, "grid", 1, 1, 1),
        _config("sequences_tiny", 32, "sequences", 1, 1, 1),
    ]

    def __init__(self, *, makehuman_dir: str | pathlib.Path | None = None, **kwargs: Any):
        """Builds nothing yet.

        Args:
          makehuman_dir: folder with the two packages (see `sources`), needed to prepare only; by
            default `sources.default_dir()`.
          **kwargs: TFDS' own.
        """
        self._makehuman_dir = makehuman_dir or sources.default_dir()
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        numbers = {name: np.int64 for name in ("view", "lighting", "sequence", "frame")}
        return self.dataset_info_from_configs(
            description=_DESCRIPTION,
            features=self.features(self.builder_config.image_size, numbers),
            supervised_keys=None,
            homepage="http://www.makehumancommunity.org",
            license=_LICENSE,
            citation=_CITATION,
        )

    def plans(self) -> dict[str, list[protocols.Shot]]:
        """The shots of every split."""
        config, plans, index = self.builder_config, {}, 0
        for split, people in config.people.items():
            images = config.images[split]
            plans[split] = protocols.plan(config.protocol, split, people, images, index)
            index += len(plans[split])
        return plans

    def maker(self) -> Callable[[Sequence[protocols.Shot]], list]:
        """See `HeadsBuilder`; reads the material.

        Raises:
          FileNotFoundError, ValueError: the material is missing or damaged.
        """
        return functools.partial(
            make_examples,
            material.cached_file(self._makehuman_dir),
            SEED,
            size=self.builder_config.image_size,
        )


def make_examples(
    path: pathlib.Path, seed: int, plan: Sequence[protocols.Shot], size: int
) -> list[tuple[int, dict]]:
    """(index, stored example) of each shot; what one worker does at a time."""
    found = material.load_cached(path)
    made = []
    for shot in plan:
        person = population.sample_person(seed, shot.identity, found)
        example = scene.photograph(found, person, *protocols.conditions(seed, shot), size)
        numbers = {name: getattr(shot, name) for name in shot._fields if name != "image"}
        made.append((shot.index, {**encoding.encode(example), **numbers}))
    return made
