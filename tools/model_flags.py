"""Which model a program works with: --run_dir=RUN or --weights=NAME."""

from __future__ import annotations

import pathlib

from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run whose model to use.")
flags.DEFINE_string("weights", None, "Instead of --run_dir: name of released weights.")
flags.DEFINE_string("weights_dir", None, "Folder of the released weights; igc_tf's own by default.")


def folder() -> pathlib.Path:
    """The run directory that the flags name.

    Raises:
      ValueError: neither or both of --run_dir and --weights, or weights that there are not.
    """
    from igc_tf import released

    if bool(FLAGS.run_dir) == bool(FLAGS.weights):
        known = ", ".join(released.names(_weights_dir())) or "none yet"
        raise ValueError(f"Give either --run_dir=RUN or --weights=NAME (there are: {known}).")
    if FLAGS.run_dir:
        return pathlib.Path(FLAGS.run_dir)
    return released.path_of(FLAGS.weights, _weights_dir())


def load(rasterizer: str | None = None):
    """(configuration, model with restored weights) that the flags name.

    Raises:
      ValueError, FileNotFoundError: of `folder` and of `run_directory.load_model`.
    """
    from igc_tf import run_directory

    return run_directory.load_model(folder(), rasterizer)


def training_data() -> str:
    """What is known of the data that released weights were trained on; "" of a run."""
    from igc_tf import released

    if not FLAGS.weights:
        return ""
    return "Trained on " + released.read(FLAGS.weights, _weights_dir()).data


def _weights_dir() -> pathlib.Path:
    from igc_tf import released

    return pathlib.Path(FLAGS.weights_dir) if FLAGS.weights_dir else released.FOLDER
