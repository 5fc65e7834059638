"""What every program shares: quiet start, errors in one line, arguments checked."""

from __future__ import annotations

import contextlib
import logging as standard_logging
import os
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterator

from absl import app, logging

#: What users can mend: shown as one line, without a traceback.
_USERS_ERRORS = (
    ValueError,
    FileNotFoundError,
    FileExistsError,
    NotADirectoryError,
    ArithmeticError,
)


def run(main: Callable[[list[str]], int]) -> None:
    """Runs an absl program with TensorFlow's and TF Addons' start-up chatter silenced."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Python raises what matters
    warnings.filterwarnings("ignore", message="(?s).*TensorFlow Addons.*")
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(_worth_reading)
    app.run(main)


def _worth_reading(record: standard_logging.LogRecord) -> bool:
    """Whether a log line is ours, or a warning that the user can do something about."""
    if "FeatureConnector.dtype" in record.getMessage():  # TFDS warns of its own code
        return False
    checkout = pathlib.Path(__file__).resolve().parent.parent
    ours = [checkout / "igc_tf", checkout / "tools"]
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

    `--alsologtostderr -v=1` (verbosity 1) keeps the traceback.
    """
    try:
        yield
    except _USERS_ERRORS as error:
        if logging.get_verbosity() >= logging.DEBUG:
            raise
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)
