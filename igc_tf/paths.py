"""Paths that TensorFlow takes for patterns of other paths."""

from __future__ import annotations

import os


def is_pattern(path: str | os.PathLike) -> bool:
    """Whether TensorFlow looks for files that match a path in place of the path itself.

    It does so where it reads checkpoints and saved models, and where it removes checkpoints.
    """
    return bool(set("[]*?\\") & set(str(path)))
