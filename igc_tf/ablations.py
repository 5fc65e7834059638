"""An ablation is a recipe with a few flags changed: those of its file, `flags/ablations/NAME.flags`."""

from __future__ import annotations

import pathlib
from typing import Any

from absl import flags

from igc_tf import config as config_lib
from igc_tf.config import Config


def changes(path: str | pathlib.Path) -> dict[str, Any]:
    """The values that an ablation's flag file changes, by the names of the flags.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it holds what is no flag of the configuration, or changes nothing.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.flags"))
        raise FileNotFoundError(
            f"{path}: no such ablation; there are {', '.join(known) or 'none'}. An ablation is a flag "
            "file with what it changes."
        )
    values = flags.FlagValues()
    config_lib.define_flags(values)
    try:
        rest = values(["", f"--flagfile={path}"])[1:]
    except flags.Error as error:
        raise ValueError(f"{path}: {error}") from error
    found = {name: values[name].value for name in Config().flat() if values[name].present}
    if rest or not found:
        raise ValueError(f"{path}: {f'not a flag: {rest[0]!r}' if rest else 'it changes nothing'}.")
    return found


def as_flags(config: Config) -> list[str]:
    """Flags that make a configuration again: those that are not the defaults."""
    defaults = Config().flat()
    return [f"--{name}={value}" for name, value in config.flat().items() if value != defaults[name]]
