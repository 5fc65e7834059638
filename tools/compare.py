"""Sets measured runs side by side, and says which differences are beyond noise.

    python -m tools.compare runs/a runs/b runs/c

Each RUN is a run directory with the metrics.json and the samples that tools.evaluate --metrics_json
wrote, or such a JSON file. The first is the one the others are compared with. All must have been
measured on the same pictures: the bootstrap resamples the same people for every run, each with all of
their pictures (the same pictures, where it is not known who is in them), so the interval is
that of the difference on one and the same test set.
"""

from __future__ import annotations

import json
import pathlib

from absl import flags

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("comparison_json", None, "File to write the differences to.")
flags.DEFINE_boolean("all_metrics", False, "Show the baselines and absent metrics too.")


def main(argv: list[str]) -> int:
    """Prints the table of all runs."""
    with program.plain_errors():
        paths = [_metrics_json(run) for run in argv[1:]]
        if len(paths) < 2:
            raise ValueError(
                "Name two or more measured runs: python -m tools.compare RUN1 RUN2 ..."
            )

        from rich.console import Console

        from igc_tf import disk
        from igc_tf.evaluation import comparison, report

        samples = [report.read_samples(path) for path in paths]
        found = comparison.compare(argv[1:], samples)
        console = Console()
        console.print(comparison.table(found, FLAGS.all_metrics))
        console.print(comparison.summary(found), markup=False)
        if FLAGS.comparison_json:
            contents = json.dumps(comparison.to_json(found), indent=2, allow_nan=False) + "\n"
            disk.write_text(FLAGS.comparison_json, contents)
            print(f"comparison: {FLAGS.comparison_json}")
    return 0


def _metrics_json(run: str) -> pathlib.Path:
    path = pathlib.Path(run)
    return path if path.suffix == ".json" else path / "metrics.json"


if __name__ == "__main__":
    program.run(main)
