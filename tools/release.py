"""Releases the weights of a trained run, to lie in the repository and be used by name.

    python -m tools.release --run_dir=runs/a --name=synthetic_64 \
        --data="synthetic faces of igc_tf, 64 px" --command="python -m tools.train ..."

Writes igc_tf/weights/NAME/: the configuration, one float32 checkpoint of the model alone, and
weights.json (data, command, commit, steps, metrics). Other programs then take --weights=NAME in place
of --run_dir. More than 20 MB is refused.
"""

from __future__ import annotations

import json
import pathlib

from absl import flags

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run to release.")
flags.DEFINE_string("name", None, "Name of the weights: lower-case words joined by '_'.")
flags.DEFINE_string("data", None, "What the run was trained on, and its license.")
flags.DEFINE_string("command", None, "The command that trained it.")
flags.DEFINE_string(
    "metrics_json", None, "What tools.evaluate measured; RUN/metrics.json, if there, by default."
)
flags.DEFINE_string("commit", None, "Commit of igc_tf that trained it; the checkout's by default.")
flags.DEFINE_string(
    "part_names", "", "What its foreground parts are, in order: names joined by commas."
)
flags.DEFINE_string("weights_dir", None, "Folder of the released weights; igc_tf's own by default.")
flags.mark_flags_as_required(["run_dir", "name", "data", "command"])


def main(argv: list[str]) -> int:
    """Releases the weights and prints where."""
    program.no_arguments(argv)
    with program.plain_errors():
        from igc_tf import released

        path = released.write(
            FLAGS.run_dir,
            FLAGS.name,
            data=FLAGS.data,
            command=FLAGS.command,
            commit=FLAGS.commit or _commit(),
            metrics=_metrics(),
            part_names=FLAGS.part_names,
            folder=FLAGS.weights_dir or released.FOLDER,
        )
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        print(f"weights: {path} ({size / 1e6:.1f} MB), loaded back and found equal")
    return 0


def _metrics() -> dict:
    path = pathlib.Path(FLAGS.metrics_json or pathlib.Path(FLAGS.run_dir) / "metrics.json")
    if not path.is_file():
        if FLAGS.metrics_json:
            raise FileNotFoundError(f"--metrics_json={path}: no such file.")
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def _commit() -> str:
    """The commit of this checkout.

    Raises:
      ValueError: it is unknown.
    """
    from igc_tf import provenance

    found = provenance.commit()
    if not found:
        raise ValueError("The commit is unknown; give it with --commit=...")
    return found


if __name__ == "__main__":
    program.run(main)
