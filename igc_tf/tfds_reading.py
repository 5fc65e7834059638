"""Reads data sets as TFDS has written them; where one is damaged, its folder is named."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow_datasets as tfds

Builder = TypeVar("Builder", bound=tfds.core.DatasetBuilder)


def make_builder(
    make: Callable[..., Builder], name: str, data_dir: str | os.PathLike | None, **options: Any
) -> Builder:
    """`make(data_dir=data_dir, **options)`, the builder of the data set of that name.

    Raises:
      ValueError: it finds a damaged data set of its own.
    """
    from google.protobuf import json_format

    try:
        builder = make(data_dir=None if data_dir is None else str(data_dir), **options)
    except json_format.ParseError as error:
        folder = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR) / name
        raise _damaged(folder, f"dataset_info.json: {error}") from error
    if builder.data_path.exists() and not builder.info.splits:
        raise _damaged(builder.data_path, "dataset_info.json is missing")
    return builder


@contextlib.contextmanager
def reading(builder: tfds.core.DatasetBuilder) -> Iterator[None]:
    """While examples of a data set are read.

    Raises:
      ValueError: it is damaged.
    """
    from tensorflow import errors

    kinds = (
        errors.DataLossError,  # a cut or altered record
        errors.FailedPreconditionError,  # fewer records than there were
        errors.NotFoundError,  # a file is gone
        errors.InvalidArgumentError,  # a record of something else
    )
    try:
        yield
    except kinds as error:
        raise _damaged(builder.data_path, error.message.split("}} ")[-1]) from error


def _damaged(folder: os.PathLike, why: str) -> ValueError:
    reason = why.splitlines()[0]
    return ValueError(f"{folder} is damaged ({reason}). Delete it, and it is made again.")
