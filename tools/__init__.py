"""Programs over igc_tf, one absl main each: train, evaluate, reconstruct, mix, export ..."""

import sys


def _ended(kind, error, traceback):
    """Ctrl-C is no fault of the program, from its first import on: one word in place of a traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        sys.stderr.flush()
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _ended
