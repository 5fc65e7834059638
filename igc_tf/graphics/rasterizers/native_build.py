"""Compiles C++ TensorFlow ops on first use and keeps the libraries in the user's cache.

A library is named after all that its bytes depend on (TensorFlow's version and ABI flags, the
sources, the compiler's flags), so an upgrade builds anew and nothing stale is ever loaded. It ends in
the SHA-256 of all before, which a loader does not look at: one that was cut short, and would end the
process that loads it, is compiled again. The code is generic (`-O3`, no `-march=native`): one cache
serves every CPU of an architecture, such as a home directory shared by a cluster.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import types
from collections.abc import Sequence

import tensorflow as tf
from absl import logging

from igc_tf.cache import cache_dir

_FLAGS = ("-O3", "-shared", "-fPIC")
_COMPILERS = ("g++", "c++", "clang++")
_TIMEOUT_SECONDS = 300
_DIGEST = hashlib.sha256().digest_size
#: What this process has loaded, by the name of its file, which names all that it depends on.
_LOADED: dict[str, types.ModuleType] = {}


class BuildError(RuntimeError):
    """A kernel could not be compiled or loaded; the message says why and what to do."""


def load(
    name: str,
    sources: Sequence[pathlib.Path],
    headers: Sequence[pathlib.Path] = (),
    extra_flags: Sequence[str] = (),
) -> types.ModuleType:
    """Returns the ops of C++ `sources`, compiled now unless the cache has them.

    Args:
        name: what to call the library.
        sources: the .cc files.
        headers: files that `sources` include from their own folder; they only enter the cache's
        key.
        extra_flags: further compiler flags.

    Returns:
        The module made by `tf.load_op_library`.

    Raises:
        BuildError: if there is no compiler, it fails, or the library does not load.
    """
    return _load(
        name,
        tuple(map(pathlib.Path, sources)),
        tuple(map(pathlib.Path, headers)),
        tuple(extra_flags),
        cache_dir(),
    )


@functools.cache  # Failures are not cached: a compiler may be installed meanwhile.
def _load(
    name: str,
    sources: tuple[pathlib.Path, ...],
    headers: tuple[pathlib.Path, ...],
    extra_flags: tuple[str, ...],
    cache: pathlib.Path,
) -> types.ModuleType:
    compile_flags = [*_FLAGS, *extra_flags, *tf.sysconfig.get_compile_flags()]
    library = cache / f"{name}-tf{tf.__version__}-{_key((*sources, *headers), compile_flags)}.so"
    if library.name in _LOADED:  # from another cache; TensorFlow takes a kernel once in a process
        return _LOADED[library.name]
    if not _is_whole(library):
        _compile(library, sources, compile_flags)
    try:
        # TensorFlow gives the operations once for each path: a link must not look like another.
        _LOADED[library.name] = tf.load_op_library(str(library.resolve()))
        return _LOADED[library.name]
    except (tf.errors.OpError, OSError) as error:
        raise BuildError(
            f"the compiled kernel {library} does not load ({error}); delete it, and it "
            "is compiled again"
        ) from error


def _is_whole(library: pathlib.Path) -> bool:
    """Whether a library is in the cache as it was compiled."""
    if not library.is_file():
        return False
    content = library.read_bytes()
    return content[-_DIGEST:] == hashlib.sha256(content[:-_DIGEST]).digest()


def _key(files: Sequence[pathlib.Path], flags: Sequence[str]) -> str:
    digest = hashlib.sha256()
    # Flags that name a folder are left out: two environments of one TensorFlow share a library.
    portable = [flag for flag in flags if not flag.startswith(("-I", "-L"))]
    digest.update(" ".join([platform.machine(), *portable]).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def find_compiler() -> str:
    """Returns the C++ compiler: `$CXX`, else the first of g++, c++, clang++ on the PATH.

    Raises:
        BuildError: if there is none, or `$CXX` names none.
    """
    wanted = os.environ.get("CXX")
    for candidate in (wanted,) if wanted else _COMPILERS:
        path = shutil.which(candidate)
        if path:
            return path
    missing = (
        f"$CXX is {wanted!r}, which is no program"
        if wanted
        else (f"no C++ compiler ({', '.join(_COMPILERS)}) on the PATH")
    )
    raise BuildError(f"{missing}; install g++ (Debian: apt install g++) or set CXX to a compiler")


def _compile(library: pathlib.Path, sources: Sequence[pathlib.Path], flags: Sequence[str]) -> None:
    compiler = find_compiler()
    logging.info("Compiling %s with %s, once.", library.name, compiler)
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        # Built aside and moved in whole: processes that build at once each finish, one name stays,
        # and a failure leaves nothing.
        with tempfile.TemporaryDirectory(prefix=".build-", dir=library.parent) as folder:
            built = pathlib.Path(folder) / library.name
            command = [
                compiler,
                *map(str, sources),
                "-o",
                str(built),
                *flags,
                *tf.sysconfig.get_link_flags(),
            ]
            result = subprocess.run(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
            )
            if result.returncode != 0:
                last_lines = "\n".join(result.stdout.strip().splitlines()[-8:])
                raise BuildError(
                    f"{compiler} failed on {', '.join(s.name for s in sources)} with "
                    f"exit status {result.returncode}:\n{last_lines}"
                )
            with built.open("ab") as file:
                file.write(hashlib.sha256(built.read_bytes()).digest())
            os.replace(built, library)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{compiler} did not finish within {_TIMEOUT_SECONDS} s") from error
    except OSError as error:
        raise BuildError(
            f"cannot build a kernel in {library.parent} ({error}); set XDG_CACHE_HOME "
            "to a folder that can be written"
        ) from error
