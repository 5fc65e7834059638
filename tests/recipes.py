"""Configurations of flags, and when two of them are built of the same parts."""

import dataclasses
import pathlib

from absl import flags

from igc_tf import config as config_lib

FLAG_FILES = sorted(pathlib.Path(__file__).parents[1].glob("flags/*.flags"))


def read(*words):
    """The configuration of some flags."""
    values = flags.FlagValues()
    config_lib.define_flags(values)
    values(["", *map(str, words)])
    return config_lib.from_flags(values)


def parts(config):
    """What decides which graph a training builds, whatever its sizes, rates and weights.

    Options as they are; of numbers, and of names that are free, whether there are any.
    """
    found = {}
    for section in (config.model, config.loss, config.training):
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            chosen = isinstance(value, bool) or field.metadata["choices"]
            found[field.name] = value if chosen else bool(value)
    found.update(one_capsule=config.model.parts == 1, steps=None, flip=config.data.flip)
    for name in ("max_steps", "train_images"):
        del found[name]
    return frozenset(found.items())
