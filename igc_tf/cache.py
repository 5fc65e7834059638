"""Where igc_tf keeps what it can make again: compiled kernels, resized photos."""

from __future__ import annotations

import os
import pathlib


def cache_dir() -> pathlib.Path:
    """`$XDG_CACHE_HOME/igc_tf`, by default `~/.cache/igc_tf`. Safe to delete at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "igc_tf"
