"""What every program shares: quiet start, errors in one line, arguments checked."""

from __future__ import annotations

import contextlib
import errno
import logging as standard_logging
import os
import pathlib
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator

from absl import app, logging

import igc_tf

_HERE = pathlib.Path(__file__).resolve().parent
#: The flag files: inside this folder where igc_tf is installed, beside it in a checkout.
FLAG_FILES = next(folder for folder in (_HERE / "flags", _HERE.parent / "flags") if folder.is_dir())
_FLAG_FILE = re.compile(r"--?flagfile=flags/(.+)")

#: What users can mend: shown as one line, without a traceback.
_USERS_ERRORS = (ValueError, OSError, ArithmeticError)
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


def run(main: Callable[[list[str]], int]) -> None:
    """Runs an absl program with TensorFlow's and TF Addons' start-up chatter silenced."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Python raises what matters
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be of any bytes
    warnings.filterwarnings("ignore", message="(?s).*TensorFlow Addons.*")
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_worth_reading)
    app.run(main, list(_with_own_flag_files(sys.argv)))


def _with_own_flag_files(words: Iterable[str]) -> Iterator[str]:
    """Words of a command. A flag file `flags/NAME` that is not in this folder is read from ours."""
    for word in words:
        named = _FLAG_FILE.fullmatch(word)
        ours = FLAG_FILES / named[1] if named else None
        if ours and ours.is_file() and not pathlib.Path("flags", named[1]).exists():
            lines = map(str.strip, ours.read_text().splitlines())
            yield from _with_own_flag_files(line for line in lines if line.startswith("-"))
        else:
            yield word


def _worth_reading(record: standard_logging.LogRecord) -> bool:
    """Whether a log line is ours, or a warning that the user can do something about."""
    if "FeatureConnector.dtype" in record.getMessage():  # TFDS warns of its own code
        return False
    ours = [pathlib.Path(igc_tf.__file__).resolve().parent, _HERE]
    return record.levelno >= standard_logging.WARNING or any(
        folder in pathlib.Path(record.pathname).resolve().parents for folder in ours
    )


def no_arguments(argv: list[str]) -> None:
    """Refuses words that are no flags.

    Raises:
      app.UsageError: there are some.
    """
    if len(argv) > 1:
        raise app.UsageError(f"Not a flag: {' '.join(argv[1:])!r}. Flags begin with --.")


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Ends the program with one clear line, exit status 1, on an error the user can mend.

    So it does on Ctrl-C, exit status 130. `--alsologtostderr -v=1` (verbosity 1) keeps the traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if logging.get_verbosity() >= logging.DEBUG or not _is_users(error):
            raise
        print(f"ERROR: {in_words(error)}", file=sys.stderr)
        sys.exit(1)


class Failed(Exception):
    """A program that another one started ended with an error."""


def call(name: str, log: pathlib.Path, *arguments: str) -> None:
    """Runs a program of ours in a process of its own; what it says goes to a file.

    Args:
      name: of the program.
      log: file to write.
      *arguments: of the program.

    Raises:
      Failed: it ended with an error.
      KeyboardInterrupt: stopped; the program was asked to and has ended.
    """
    command = [sys.executable, "-m", f"{__package__}.{name}", *arguments]
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # a training saves, and ends
            process.wait()
            raise
    if status:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        why = next((line for line in lines if line.startswith("ERROR")), (lines or ["no word"])[-1])
        raise Failed(f"tools.{name} ended with status {status}: {why} (all of it: {log})")


def interrupt_on_sigterm() -> None:
    """Has SIGTERM end the program as Ctrl-C does."""

    def interrupt(_number, _frame) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def concerns_all(error: Exception) -> bool:
    """Whether what could not be written of one photo could not be of another either: the disk is full."""
    return getattr(error, "errno", None) in _OF_THE_DISK


def in_words(error: Exception) -> str:
    """An error in words: of the system's, the file and what it was."""
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, (str, bytes))
        return f"{os.fsdecode(error.filename)}: {error.strerror}" if named else error.strerror
    return str(error)


def _is_users(error: Exception) -> bool:
    if "tensorflow" in sys.modules:
        from tensorflow import errors

        if isinstance(error, (errors.ResourceExhaustedError, errors.PermissionDeniedError)):
            return True  # A full disk, or no permission, met by TensorFlow itself.
    return isinstance(error, _USERS_ERRORS)
