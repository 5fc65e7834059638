"""Users' files: written whole or not at all, and never taken for something else."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
from collections.abc import Iterator
from typing import BinaryIO

#: What the name of a photo's result folder ends in: `a.jpg` has `a.jpg.igc`. Such folders hold no photos.
RESULT_SUFFIX = ".igc"


@contextlib.contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file to write that takes its name only when all of it is on the disk.

    Until then, and after any error or Ctrl-C, the name is what it was: absent, or the old file.

    Args:
      path: of the file; its folder must exist.

    Yields:
      A binary stream, to read and write.

    Raises:
      OSError: no folder, no permission, no space.
    """
    path = pathlib.Path(path)
    # A short name of its own: the file's may be as long as a name can be.
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(aside, "x+b") as stream:
            yield stream
            stream.flush()
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file of UTF-8 text, whole or not at all; bytes of names that are no text as \\xNN.

    Raises:
      OSError: see `written`.
    """
    with written(path) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


def shown(name: str | os.PathLike[str]) -> str:
    """A file's name as text that any terminal, log and page takes, on one line."""

    def plain(character: str) -> str:
        if character.isprintable():
            return character
        if "\udc80" <= character <= "\udcff":  # a byte of a name that is no UTF-8
            return f"\\x{ord(character) - 0xDC00:02x}"
        return character.encode("unicode_escape").decode()

    return "".join(map(plain, os.fspath(name)))
