"""Measures a trained run, or any method's predictions, on pictures it was not trained on.

    python -m tools.evaluate --run_dir=runs/a --metrics_json=runs/a/metrics.json --report_dir=report
    python -m tools.evaluate --weights=NAME
    python -m tools.evaluate --run_dir=runs/a --dataset=photo_folder --data_dir=LFW --whole_folder
    python -m tools.evaluate --weights=NAME --data_dir=NEW_PEOPLE --whole_folder --fit_data_dir=OTHERS
    python -m tools.evaluate --predictions=mine.npz --dataset=synthetic_faces

Every number comes with its bootstrap 95 % interval and its baselines. Metrics that cannot be
measured are listed with the reason, "no ground truth" or "not predicted". Beside the JSON the samples
are kept (NPZ), from which tools.compare sets runs side by side. docs/evaluation.md says what each
metric is.
"""

from __future__ import annotations

import dataclasses
import pathlib

from absl import flags

from igc_tf import config as config_lib

from . import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "predictions",
    None,
    "Instead of a run or weights: any method's predictions, the NPZ file of igc_tf.evaluation.files.",
)
flags.DEFINE_string("metrics_json", None, "File to write the metrics to.")
flags.DEFINE_string("report_dir", None, "Folder for the report, one HTML page: index.html.")
flags.DEFINE_string("save_predictions", None, "NPZ file to write the run's predictions to.")
flags.DEFINE_enum(
    "dataset", None, config_lib.choices("dataset"), "Data set; the run's own by default."
)
flags.DEFINE_string("data_dir", None, "Where the data lies, if not where the run found it.")
flags.DEFINE_string(
    "data_config", None, "synthetic_faces, parametric_heads: the configuration, e.g. px64."
)
flags.DEFINE_string(
    "labels",
    "",
    "photo_folder: a CSV file, 'folders' (a sub-folder is a person), or a regular expression with named "
    "groups such as (?P<identity>\\d+)_(?P<view>\\d+); by default the folder's labels.csv.",
)
flags.DEFINE_boolean(
    "whole_folder", False, "photo_folder: measure on every photo, for a folder never trained on."
)
flags.DEFINE_string(
    "fit_data_dir",
    "",
    "photo_folder: another folder, labeled and cut alike, that what is learned (the landmark "
    "regression, the components of the descriptors) is fitted on; by default the train split of "
    "--data_dir.",
)
flags.DEFINE_float(
    "gallery_view", None, "The `view` label of the gallery's images; the greatest by default."
)
flags.DEFINE_enum(
    "crop", None, config_lib.choices("crop"), "How to cut photos; the run's way by default."
)
flags.DEFINE_float("crop_scale", None, "Side of the crop over the shorter side; the run's default.")
flags.DEFINE_float("crop_center_y", None, "Height of the crop's center, 0..1; the run's default.")
flags.DEFINE_integer("images", 0, "Test images to measure on; 0 for all.", lower_bound=0)
flags.DEFINE_integer(
    "fit_images", 2000, "Training images that what is learned is fitted on.", lower_bound=10
)
flags.DEFINE_integer(
    "cycle_images", 500, "Images for rotation and relighting consistency.", lower_bound=0
)

_DATA_FLAGS = ("dataset", "data_dir", "data_config", "crop", "crop_scale", "crop_center_y")


#: Flags that a file of predictions has no use for, and those it has with --dataset only.
_OF_A_RUN = (
    "weights_dir", "save_predictions", "images", "fit_images", "cycle_images",
)  # fmt: skip
_OF_A_DATA_SET = (*_DATA_FLAGS[1:], "labels", "whole_folder", "fit_data_dir", "gallery_view")


def main(argv: list[str]) -> int:
    """Measures, and prints the tables."""
    program.no_arguments(argv)
    with program.plain_errors():
        given = (FLAGS.run_dir, FLAGS.weights, FLAGS.predictions)
        if sum(map(bool, given)) != 1:
            raise ValueError(
                "Give either --run_dir=RUN or --predictions=FILE.npz or --weights=NAME, one of them."
            )

        if FLAGS.predictions:
            _refuse_ignored()

        from igc_tf import disk
        from igc_tf.evaluation import report, score

        if not FLAGS.predictions:
            title, names, predictions, ground_truth, fit = _measure_run()
        else:
            title, names, predictions, ground_truth, fit = _read_predictions()
        scores = score.score(predictions, ground_truth, fit)
        _print(scores, title)
        if FLAGS.metrics_json:
            path = pathlib.Path(FLAGS.metrics_json)
            path.parent.mkdir(parents=True, exist_ok=True)
            report.write_json(scores.metrics, path)
            report.write_samples(
                scores.metrics,
                scores.per_image,
                names,
                report.samples_path(path),
                ground_truth.identity,
            )
            print(f"metrics: {path}\nsamples: {report.samples_path(path)}")
        if FLAGS.report_dir:
            from igc_tf.evaluation import report_page

            folder = pathlib.Path(FLAGS.report_dir)
            folder.mkdir(parents=True, exist_ok=True)
            page = folder / "index.html"
            disk.write_text(page, report_page.page(title, names, scores, predictions, ground_truth))
            print(f"report: {page}")
    return 0


def _refuse_ignored() -> None:
    """Raises for flags that would do nothing beside --predictions.

    Raises:
      ValueError: there are some.
    """
    given = [f"--{name}" for name in _OF_A_RUN if FLAGS[name].present]
    if given:
        raise ValueError(
            f"--predictions takes no {', '.join(given)}: a file holds what it holds; leave them out."
        )
    given = [f"--{name}" for name in _OF_A_DATA_SET if FLAGS[name].present]
    if given and not FLAGS.dataset:
        raise ValueError(
            f"--predictions takes {', '.join(given)} only with --dataset, which names the ground truth."
        )


def _measure_run():
    """Title, names, predictions, ground truth and fit of a run or of released weights."""
    from igc_tf import inference
    from igc_tf.evaluation import eval_set, files, score
    from igc_tf.metrics import descriptors

    config, model = model_flags.load()
    changed = {name: FLAGS[name].value for name in _DATA_FLAGS}
    if changed["dataset"] not in (None, config.data.dataset) and changed["data_dir"] is None:
        changed["data_dir"] = ""  # the run's own folder holds another data set
    data = config.replace(**{n: value for n, value in changed.items() if value is not None}).data
    measured = eval_set.load_eval_set(
        data,
        config.model.image_size,
        FLAGS.labels,
        FLAGS.whole_folder,
        FLAGS.images,
        FLAGS.fit_images,
        FLAGS.gallery_view,
        FLAGS.fit_data_dir,
    )
    size = measured.ground_truth_size
    fitted = inference.collect(model, measured.fit_images, size, title="Fitting")
    found = inference.collect(model, measured.images, size)
    predictions = dataclasses.replace(
        found.predictions, descriptors=descriptors.describe(found.maps, fitted.maps)
    )
    fit = score.Fit(
        fitted.predictions.centers,
        measured.fit_landmarks,
        measured.fit_mean_depth,
        measured.fit_label_map,
        measured.fit_mean_view_depth,
    )
    if FLAGS.save_predictions:
        files.write(FLAGS.save_predictions, measured.names, predictions, fit)
        print(f"predictions: {FLAGS.save_predictions}")
    if FLAGS.cycle_images:
        again = inference.rerender(model, measured.images[: FLAGS.cycle_images])
        predictions = dataclasses.replace(predictions, rerendered=again)
    title = f"{FLAGS.run_dir or FLAGS.weights}: {measured.description}"
    return title, measured.names, predictions, measured.ground_truth, fit


def _read_predictions():
    """The same of a file of predictions, with a data set's ground truth where one is named."""
    from igc_tf.evaluation import eval_set, files, score

    stored = files.read(FLAGS.predictions)
    predictions, ground_truth, fit = (
        stored.predictions,
        stored.ground_truth,
        stored.fit or score.Fit(),
    )
    title = f"{FLAGS.predictions}: {len(stored.names)} pictures"
    if FLAGS.dataset:
        maps = (predictions.labels, predictions.depth, predictions.view_depth)
        sized = next((one for one in maps if one is not None), None)
        # Without parts and depth nothing depends on the size.
        size = config_lib.Config().model.image_size if sized is None else sized.shape[1]
        changed = {name: FLAGS[name].value for name in _DATA_FLAGS}
        data = (
            config_lib.Config().replace(**{n: v for n, v in changed.items() if v is not None}).data
        )
        measured = eval_set.load_eval_set(
            data,
            size,
            FLAGS.labels,
            FLAGS.whole_folder,
            gallery_view=FLAGS.gallery_view,
            fit_dir=FLAGS.fit_data_dir,
        )
        ground_truth = eval_set.ground_truth_of(measured, stored.names)
        known = {
            "mean_depth": measured.fit_mean_depth,
            "label_map": measured.fit_label_map,
            "mean_view_depth": measured.fit_mean_view_depth,
        }
        fit = fit._replace(**{n: found for n, found in known.items() if getattr(fit, n) is None})
        if sized is not None and size != measured.ground_truth_size:
            raise ValueError(
                f"--predictions={FLAGS.predictions} has parts of {size} px, the ground truth "
                f"{measured.ground_truth_size}."
            )
        title = f"{title} of {measured.description}"
    return title, stored.names, predictions, ground_truth, fit


def _print(scores, title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from igc_tf import disk
    from igc_tf.evaluation import report

    console = Console()
    if not console.is_terminal:  # a log: no need to fold the rows at rich's 80 columns
        console = Console(width=120)
    console.print(Text(disk.shown(title)))
    console.print(report.resampling(scores.metrics))
    for section in scores.sections:
        shown = report.section_metrics(scores, section)
        console.print(report.table(shown, section.capitalize(), scores.reasons))
    pivots = {"Part by part": report.part_rows(scores)} if scores.parts else {}
    if scores.protocol is not None:
        pivots["Recognition by descriptor"] = report.recognition_rows(scores)
    for name, (header, *rows) in pivots.items():
        table = Table(title=name, title_justify="left")
        for column in header:
            first = column is header[0]
            table.add_column(column, justify="left" if first else "right", no_wrap=first)
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)


if __name__ == "__main__":
    program.run(main)
