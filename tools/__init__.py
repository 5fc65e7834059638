"""Programs over igc_tf, one absl main each: train, evaluate, reconstruct, mix, export ..."""

import pathlib
import runpy
import sys


def _ended(kind, error, traceback):
    """Ctrl-C is no fault of the program, from its first import on: one word in place of a traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        sys.stderr.flush()
    else:
        sys.__excepthook__(kind, error, traceback)


def start() -> None:
    """The console scripts: `igc-train` runs the program `train`, as `python -m` does."""
    name = pathlib.PurePath(sys.argv[0]).name.removeprefix("igc-").replace("-", "_")
    runpy.run_module(f"{__name__}.{name}", run_name="__main__", alter_sys=True)


sys.excepthook = _ended
