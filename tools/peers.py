"""Other methods beside ours, fitted, trained and measured alike: one table, one picture.

    python -m tools.peers --data_dir=DIR --test_dir=OTHERS --seeds=0,1,2 --output_dir=peers \\
        --vgg_weights=FILE --efficientnet_weights=FILE
    python -m tools.peers --dataset=synthetic_faces --num_train=2000 --output_dir=peers_synthetic ...

Ours are released weights (`photos`; for rendered faces `synthetic`), or --run_dir; they also say how
photos are cut. Every method learns from the same photos of --data_dir, the first --num_train, and so
does the regression from its parts to the landmarks, ours too. Measured is all of --test_dir; of rendered
faces the test split. tools.baseline makes the methods, and all are scored as by tools.evaluate
--predictions.

One process after the other writes into OUTPUT_DIR/METHOD/parts_K/seed_N. What is done is not done again:
the same command goes on where it was stopped, and other methods, numbers of parts or seeds add to the
table. A method that fails is named, and the others go on.

OUTPUT_DIR/table.md: all that was measured, a metric a row, a method a column; a row in which ours is not
first says so. OUTPUT_DIR/parts.png: photos in rows, methods in columns, from the first seed.
"""

from __future__ import annotations

import json
import pathlib
import signal
import sys
import time
from typing import NamedTuple

from absl import flags

from igc_tf import config as config_lib
from igc_tf import disk
from igc_tf.baselines import PART_METHODS

from . import model_flags, program

_OURS = "igc_tf"
_METHODS = (*PART_METHODS, "autoencoder")

FLAGS = flags.FLAGS
flags.DEFINE_list("methods", [*PART_METHODS], f"Of tools.baseline: {', '.join(_METHODS)}.")
flags.DEFINE_list("parts", ["6", "8"], "Numbers of parts of each, the background among them.")
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each.")
flags.DEFINE_integer(
    "num_train",
    0,
    "Photos, the first of those to train on, that every method and every regression learns from; 0: all.",
    lower_bound=0,
)
flags.DEFINE_integer("num_test", 0, "Photos that are measured, the first; 0: all.", lower_bound=0)
flags.DEFINE_enum(
    "dataset", None, config_lib.choices("dataset"), "Data set; that of our weights by default."
)
flags.DEFINE_string("data_dir", None, "Where the data to learn from lies.")
flags.DEFINE_string(
    "data_config", None, "synthetic_faces, parametric_heads: the configuration, e.g. px64."
)
flags.DEFINE_string("test_dir", "", "photo_folder: another folder, all of which is measured.")
flags.DEFINE_string("output_dir", None, "Folder of all that is made, the tool's own.")
flags.DEFINE_integer("faces", 8, "Photos in the picture; 0 for none.", lower_bound=0)
#: Given on to tools.baseline as they are.
_GIVEN_ON = (
    "features",
    "vgg_weights",
    "efficientnet_weights",
    "squeezenet_weights",
    "train_images",
)
for _name in _GIVEN_ON:
    flags.DEFINE_string(_name, None, "Of tools.baseline.")
flags.mark_flag_as_required("output_dir")
for _name in ("parts", "seeds"):
    flags.register_validator(
        _name,
        lambda words: words and all(w.isdigit() for w in words) and len({*words}) == len(words),
        f"--{_name}: different whole numbers, e.g. 6,8",
    )
flags.register_validator(
    "methods",
    lambda names: (
        names and {*names} <= {*PART_METHODS, "autoencoder"} and len({*names}) == len(names)
    ),
    f"--methods: of {', '.join(PART_METHODS)}, autoencoder, each once",
)


class _Run(NamedTuple):
    """A method with a number of parts and a seed."""

    method: str
    parts: int  #: 0 if the method has none
    seed: int
    path: pathlib.Path  #: predictions.npz, times.json, metrics.json, and what was said

    @property
    def title(self) -> str:
        """Of the table's column."""
        return f"{self.method}, {self.parts} parts" if self.parts else self.method


class _Protocol(NamedTuple):
    """What is measured on, and how it is given to the programs."""

    folder: pathlib.Path  #: our run or weights
    config: config_lib.Config  #: of ours, with the data that the flags name
    arguments: list[str]  #: the same for tools.baseline and, but for the folders, tools.evaluate


def main(argv: list[str]) -> int:
    """Makes, measures and prints; 1 if something failed, 128 + signal if stopped, else 0."""
    program.no_arguments(argv)
    with program.plain_errors():
        protocol = _protocol()
        output = pathlib.Path(FLAGS.output_dir)
        _claim(output, protocol)
        program.interrupt_on_sigterm()
        runs = _plan(output, protocol)
        failures = []
        try:
            measured = _measured_set(protocol)
            for number, run in enumerate(runs, 1):
                try:
                    _make(run, f"[{number}/{len(runs)}]", protocol)
                    _score(run, measured)
                except (program.Failed, ValueError) as error:
                    failures.append(f"{_named(run)}: {error}")
                    print(f"  FAILED: {error}", flush=True)
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            return 128 + signal.SIGINT
        _tell(_measured_runs(output, protocol), measured, output)
        for failure in failures:
            print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _protocol() -> _Protocol:
    if not FLAGS.run_dir and not FLAGS.weights:
        rendered = FLAGS.dataset in ("synthetic_faces", "parametric_heads")
        FLAGS.weights = "synthetic" if rendered else "photos"
    folder = model_flags.folder()
    config = config_lib.load(folder)
    given = {name: FLAGS[name].value for name in ("dataset", "data_dir", "data_config")}
    if given["dataset"] not in (None, config.data.dataset) and given["data_dir"] is None:
        given["data_dir"] = ""  # our own folder holds another data set
    given = {name: value for name, value in given.items() if value is not None}
    config = config.replace(**given)
    if FLAGS.test_dir and config.data.dataset != "photo_folder":
        raise ValueError("--test_dir is for --dataset=photo_folder.")
    arguments = [f"--{name}={value}" for name, value in given.items() if name != "data_dir"]
    arguments += [f"--run_dir={folder}", f"--fit_images={FLAGS.num_train}"]
    arguments += [f"--images={FLAGS.num_test}"]
    return _Protocol(folder, config, arguments)


def _claim(output: pathlib.Path, protocol: _Protocol) -> None:
    """Makes the folder ours, for this protocol.

    Raises:
      ValueError: it holds something else, or was made by another protocol.
    """
    data = protocol.config.data
    settings = {
        "ours": str(protocol.folder.resolve()),
        "dataset": data.dataset,
        "data_config": data.data_config,
        "data_dir": data.data_dir and str(pathlib.Path(data.data_dir).resolve()),
        "test_dir": FLAGS.test_dir and str(pathlib.Path(FLAGS.test_dir).resolve()),
        "num_train": FLAGS.num_train,
        "num_test": FLAGS.num_test,
        "features": FLAGS.features,
        "train_images": FLAGS.train_images,
    }
    path = output / "settings.json"
    if path.is_file():
        before = json.loads(path.read_text())
        changed = [name for name, value in settings.items() if before.get(name) != value]
        if changed:
            given = "; ".join(
                f"{name} {before.get(name)}, now {settings[name]}" for name in changed
            )
            raise ValueError(
                f"--output_dir={output} was made with other settings ({given}). Give another folder."
            )
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"--output_dir={output} holds other files. Give a folder of its own.")
    output.mkdir(parents=True, exist_ok=True)
    disk.write_text(path, json.dumps(settings, indent=2) + "\n")


def _plan(output: pathlib.Path, protocol: _Protocol) -> list[_Run]:
    """Ours, then all others seed by seed, so that an early look has something of every method."""
    runs = [_Run(_OURS, protocol.config.model.parts, 0, output / "ours")]
    for seed in map(int, FLAGS.seeds):
        for method in FLAGS.methods:
            for parts in map(int, FLAGS.parts if method in PART_METHODS else ["0"]):
                path = output / method / f"parts_{parts}" / f"seed_{seed}"
                runs.append(_Run(method, parts, seed, path))
    return runs


def _measured_runs(output: pathlib.Path, protocol: _Protocol) -> list[_Run]:
    """All runs that were measured, by this call or another, by method, number of parts and seed."""
    runs = [_Run(_OURS, protocol.config.model.parts, 0, output / "ours")]
    for method in _METHODS:
        for path in output.glob(f"{method}/*/seed_*"):
            parts, seed = (int(folder.name.rpartition("_")[2]) for folder in (path.parent, path))
            runs.append(_Run(method, parts, seed, path))
    runs = [run for run in runs if (run.path / "metrics.json").is_file()]
    order = [_OURS, *_METHODS]
    return sorted(runs, key=lambda run: (order.index(run.method), run.parts, run.seed))


def _named(run: _Run) -> str:
    return run.title if run.method == _OURS else f"{run.title}, seed {run.seed}"


def _measured_set(protocol: _Protocol):
    """The pictures that are measured, and those to learn from."""
    import dataclasses

    from igc_tf.evaluation import eval_set

    data = protocol.config.data
    return eval_set.load_eval_set(
        dataclasses.replace(data, data_dir=FLAGS.test_dir) if FLAGS.test_dir else data,
        protocol.config.model.image_size,
        whole=bool(FLAGS.test_dir),
        images=FLAGS.num_test,
        fit_images=FLAGS.num_train,
        fit_dir=data.data_dir if FLAGS.test_dir else "",
    )


def _make(run: _Run, number: str, protocol: _Protocol) -> None:
    """Makes a run's predictions, if they are not there yet.

    Raises:
      program.Failed: it ended with an error.
    """
    predictions, times = run.path / "predictions.npz", run.path / "times.json"
    if predictions.is_file() and times.is_file():
        print(f"{number} {_named(run)}: done before", flush=True)
        return
    run.path.mkdir(parents=True, exist_ok=True)
    log = run.path / "log.txt"
    print(f"{number} {_named(run)}: see {log}", flush=True)
    start, data_dir = time.monotonic(), protocol.config.data.data_dir
    if run.method == _OURS:
        given = [f"--data_dir={FLAGS.test_dir or data_dir}", f"--save_predictions={predictions}"]
        if FLAGS.test_dir:
            given += ["--whole_folder", f"--fit_data_dir={data_dir}"]
        program.call("evaluate", log, *protocol.arguments, *given, "--cycle_images=0")
        disk.write_text(times, json.dumps(_our_times(protocol)) + "\n")
    else:
        given = [f"--method={run.method}", f"--data_dir={data_dir}", f"--test_dir={FLAGS.test_dir}"]
        given += [f"--seed={run.seed}", f"--predictions={predictions}", f"--times_json={times}"]
        given += [f"--parts={run.parts}"] if run.parts else []
        given += [f"--{name}={FLAGS[name].value}" for name in _GIVEN_ON if FLAGS[name].value]
        program.call("baseline", log, *protocol.arguments, *given)
    print(f"  made in {time.monotonic() - start:.0f} s", flush=True)


def _our_times(protocol: _Protocol) -> dict[str, float]:
    """CPU seconds a photo; what the training took is not kept with a run."""
    import numpy as np

    from igc_tf import inference, run_directory

    config, model = run_directory.load_model(protocol.folder)
    photos = np.zeros((32, config.model.image_size, config.model.image_size, 3), np.uint8)
    list(inference.predict(model, photos))
    start = time.process_time()
    list(inference.predict(model, photos))
    return {"photo_seconds": (time.process_time() - start) / len(photos)}


def _score(run: _Run, measured) -> None:
    """Writes the metrics of a run's predictions, and their samples, if they are not there yet."""
    from igc_tf.evaluation import eval_set, files, report, score

    path, predictions = run.path / "metrics.json", run.path / "predictions.npz"
    if not path.is_file() or path.stat().st_mtime_ns < predictions.stat().st_mtime_ns:
        stored = files.read(predictions)
        ground_truth, fit = eval_set.ground_truth_and_fit(
            measured, stored.names, stored.predictions, stored.fit or score.Fit()
        )
        scores = score.score(stored.predictions, ground_truth, fit)
        report.write_samples(
            scores.metrics,
            scores.per_image,
            stored.names,
            report.samples_path(path),
            ground_truth.identity,
        )
        report.write_json(scores.metrics, path)
    found = _metrics(run)
    names = [name for name in ("nme_percent", "nmi", "rank1") if name in found]
    print(f"  {', '.join(f'{name} {report.number(found[name])}' for name in names)}", flush=True)


def _metrics(run: _Run):
    """A run's metrics, as the table takes them."""
    from igc_tf.evaluation import peers_table, report

    metrics = report.read_json(run.path / "metrics.json")
    seconds = json.loads((run.path / "times.json").read_text())
    numbers = [name for name in metrics if name.startswith("exists_part_")]
    return peers_table.measured(metrics, len(numbers), seconds)


def _tell(runs: list[_Run], measured, output: pathlib.Path) -> None:
    """Writes and prints the table; saves the picture."""
    from igc_tf.evaluation import peers_table

    if not runs:
        raise ValueError("No method could be measured.")
    titles = dict.fromkeys(run.title for run in runs)
    methods = [
        peers_table.Method(title, [_metrics(run) for run in runs if run.title == title])
        for title in titles
    ]
    ours = next((run.title for run in runs if run.method == _OURS), _OURS)
    text = f"{measured.description}.\n\n{peers_table.table(methods, ours)}"
    print(f"\n{text}")
    disk.write_text(output / "table.md", text)
    print(f"table: {output / 'table.md'}")
    if FLAGS.faces:
        first = list({run.title: run for run in reversed(runs)}.values())[::-1]
        from igc_tf.viewing import panels

        panels.save_png(_picture(first, measured), output / "parts.png")
        print(f"picture: {output / 'parts.png'}")


def _picture(runs: list[_Run], measured):
    """The parts of the first photos; colors are matched to the true parts, without them to ours."""
    from igc_tf.evaluation import files
    from igc_tf.viewing import side_by_side

    labels = {
        run.title: files.read(run.path / "predictions.npz").predictions.labels for run in runs
    }
    labels = {title: found for title, found in labels.items() if found is not None}
    true = measured.ground_truth.parts
    reference = next(iter(labels.values())) if true is None else true
    columns = {} if true is None else {"true parts": true}
    for title, found in labels.items():
        columns[title.replace(", ", "\n")] = side_by_side.matched(found, reference)
    shown = {title: found[: FLAGS.faces] for title, found in columns.items()}
    return side_by_side.columns(measured.images[: FLAGS.faces], shown)


if __name__ == "__main__":
    program.run(main)
