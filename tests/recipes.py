"""Configurations of flag files, and what they read."""

import pathlib

import numpy as np
from absl import flags

from igc_tf import config as config_lib
from igc_tf.features.clusters import Clusters

FLAG_FILES = sorted(pathlib.Path(__file__).parents[1].glob("flags/*.flags"))


#: Weight files of other networks, which no flag file can know.
NETWORKS = ("--squeezenet_weights=FILE", "--efficientnet_weights=FILE")


def random_clusters(config, count):
    """Clusters of random numbers, in the shapes of real ones: what a step does with them is the same."""
    random = np.random.default_rng(0)
    part = np.repeat(np.arange(config.model.parts, dtype=np.int32), 2)
    return Clusters(
        distances=random.uniform(0, 2, [count, 14, 14, len(part)]).astype(np.float16),
        places=random.uniform(0, 0.5, [len(part), 2]).astype(np.float32),
        place_scale=2.0,
        part=part,
        border=np.ones(len(part), np.float32),
        unexplained=0.5,
    )


def read(*words):
    """The configuration of some flags."""
    values = flags.FlagValues()
    config_lib.define_flags(values)
    values(["", *map(str, words)])
    return config_lib.from_flags(values)
