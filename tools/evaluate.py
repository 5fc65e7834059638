"""Measures a trained run on the test split of its data set.

    python -m tools.evaluate --run_dir=runs/a --metrics_json=runs/a/metrics.json

Every number comes with its bootstrap 95 % interval. Metrics the data set has no truth for are listed as
"no truth".
"""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
from absl import flags

from tools import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run to measure.")
flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which of the run's checkpoints.")
flags.DEFINE_string("metrics_json", None, "File to write the metrics to.")
flags.DEFINE_string("data_dir", None, "Where the data lies now, if not where the run found it.")
flags.DEFINE_integer("images", 0, "Test images to measure on; 0 for all.", lower_bound=0)
flags.DEFINE_integer(
    "fit_images", 2000, "Training images the landmark regression is fitted on.", lower_bound=10
)
flags.mark_flag_as_required("run_dir")


def main(argv: list[str]) -> int:
    """Measures the run and prints a table."""
    program.no_arguments(argv)
    with program.plain_errors():
        from rich.console import Console

        from igc_tf.datasets import catalog
        from igc_tf.evaluation import report, score
        from igc_tf.inference import collect
        from igc_tf.training import run_directory

        config, model = run_directory.load_model(FLAGS.run_dir, FLAGS.checkpoint)
        data = config.data
        if FLAGS.data_dir:
            data = dataclasses.replace(data, data_dir=FLAGS.data_dir)
        size = config.model.image_size
        count = FLAGS.images or None
        test = catalog.open_split(data, size, "test")
        images, names = np.asarray(test.images[:count]), test.names[:count]
        truth = catalog.truth(data, "test", names)
        fit = None
        truth_size = size
        if truth is not None:
            truth_size = truth["parts"].shape[1]
            train = catalog.open_split(data, size, "train")
            fit_names = train.names[: FLAGS.fit_images]
            fit_images = np.asarray(train.images[: FLAGS.fit_images])
            fit = score.Fit(
                collect(model, fit_images, truth_size).centres,
                catalog.truth(data, "train", fit_names, ["landmarks"])["landmarks"],
            )
        predictions = collect(model, images, truth_size)
        metrics = score.score(predictions, truth, fit)
        Console().print(report.table(metrics, title=f"{FLAGS.run_dir}: {len(images)} test images"))
        if FLAGS.metrics_json:
            path = pathlib.Path(FLAGS.metrics_json)
            path.parent.mkdir(parents=True, exist_ok=True)
            report.write_json(metrics, path)
            print(f"metrics: {path}")
    return 0


if __name__ == "__main__":
    program.run(main)
