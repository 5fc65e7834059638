"""Trains a recipe whole and with something left out, several seeds each, and sets them side by side.

    python -m tools.ablate --flagfile=flags/quickstart.flags --root=runs/ablations \\
        --ablations=no_one_hot,no_contrastive,one_capsule --seeds=0,1,2

Any recipe and any flag of tools.train may be given; an ablation NAME changes what
flags/ablations/NAME.flags says, nothing else. One process after the other trains, evaluates and renders
into ROOT/NAME/seed_N, the recipe itself into ROOT/whole/seed_N. What is done is not done again: the same
command goes on where it was stopped, and tries again what has failed. A run that fails is named, and
the others go on.

ROOT/table.md: means over the seeds, their 95 % t intervals, and which differences from the whole recipe
are beyond them. ROOT/table.json: the same and each seed's value. ROOT/parts.png: the parts in the same
test faces, from the first seed.
"""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
from typing import Any, NamedTuple

from absl import flags

from igc_tf import config as config_lib
from igc_tf import disk
from igc_tf.config import Config

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_list(
    "ablations", ["no_one_hot", "no_contrastive", "one_capsule"], "What to leave out."
)
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds to train each with, in place of --seed.")
flags.DEFINE_string("root", None, "Folder of all runs and of the table.")
flags.DEFINE_integer("faces", 8, "Test faces in the picture; 0 for none.", lower_bound=0)
flags.mark_flag_as_required("root")
flags.register_validator(
    "seeds",
    lambda seeds: seeds and all(seed.isdigit() for seed in seeds) and len({*seeds}) == len(seeds),
    "--seeds: different whole numbers, e.g. 0,1,2",
)
config_lib.define_flags()

WHOLE = "whole"


class _Run(NamedTuple):
    """One training."""

    recipe: str  #: 'whole' or the ablation's name
    seed: int
    config: Config
    path: pathlib.Path


class _Failed(Exception):
    """A program of a run ended with an error."""


def changes(path: pathlib.Path) -> dict[str, Any]:
    """The values that an ablation's flag file changes, by the names of the flags.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it holds what is no flag of the configuration, or changes nothing.
    """
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.flags"))
        raise FileNotFoundError(
            f"{path}: no such ablation; there are {', '.join(known) or 'none'}. An ablation is a flag "
            "file with what it changes."
        )
    values = flags.FlagValues()
    config_lib.define_flags(values)
    try:
        rest = values(["", f"--flagfile={path}"])[1:]
    except flags.Error as error:
        raise ValueError(f"{path}: {error}") from error
    found = {name: values[name].value for name in Config().flat() if values[name].present}
    if rest or not found:
        raise ValueError(f"{path}: {f'not a flag: {rest[0]!r}' if rest else 'it changes nothing'}.")
    return found


def as_flags(config: Config) -> list[str]:
    """Flags that make a configuration again: those that are not the defaults."""
    defaults = Config().flat()
    return [f"--{name}={value}" for name, value in config.flat().items() if value != defaults[name]]


def main(argv: list[str]) -> int:
    """Trains, measures and tells; 1 if something failed, 128 + signal if stopped, else 0."""
    program.no_arguments(argv)
    with program.plain_errors():
        root = pathlib.Path(FLAGS.root)
        runs = _plan(config_lib.from_flags(), root)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            measured, failures = _carry_out(runs)
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from here.", file=sys.stderr)
            return 128 + signal.SIGINT
        for failure in failures:
            print(f"FAILED: {failure}", file=sys.stderr)
        _tell(measured, root)
    return 1 if failures else 0


def _plan(base: Config, root: pathlib.Path) -> list[_Run]:
    """All trainings, seed by seed, so that an early look has something of every recipe."""
    changed = {
        name: changes(program.FLAG_FILES / "ablations" / f"{name}.flags")
        for name in dict.fromkeys(FLAGS.ablations)
    }
    recipes = {WHOLE: {}, **changed}
    return [
        _Run(name, seed, base.replace(**values, seed=seed), root / name / f"seed_{seed}")
        for seed in map(int, FLAGS.seeds)
        for name, values in recipes.items()
    ]


def _carry_out(runs: list[_Run]) -> tuple[list[_Run], list[str]]:
    """Does what is left to do of each run; returns those measured, and what failed and how."""
    measured, failures = [], []
    rendered = {FLAGS.seeds[0]} if FLAGS.faces else set()
    for number, run in enumerate(runs, 1):
        title = f"[{number}/{len(runs)}] {run.recipe}, seed {run.seed}"
        try:
            if not _is_trained(run):
                _program(run, title, "train", *as_flags(run.config))
            if not _is_measured(run):
                _program(run, title, "evaluate", f"--metrics_json={_metrics(run)}")
            measured.append(run)
            if str(run.seed) in rendered and not _is_rendered(run):
                _program(
                    run,
                    title,
                    "reconstruct",
                    f"--num_test_images={FLAGS.faces}",
                    f"--output_dir={run.path / 'faces'}",
                    "--nomeshes",
                )
        except (_Failed, ValueError) as error:
            failures.append(f"{run.recipe}, seed {run.seed}: {error}")
    return measured, failures


def _is_trained(run: _Run) -> bool:
    """Whether the run reached its end.

    Raises:
      ValueError: another configuration's run lies there.
    """
    if not (run.path / config_lib.FILE_NAME).is_file():
        return False
    differing = config_lib.differences(run.config, config_lib.load(run.path))
    if differing:
        raise ValueError(
            f"{run.path} holds a run with another configuration ({'; '.join(differing)}). Move it away, "
            "or give another --root."
        )
    done = run.path / "done.json"
    if not done.is_file():
        return False
    training = run.config.training
    wanted = training.max_steps * training.batch_size or training.train_images
    return json.loads(done.read_text())["images"] >= wanted


def _is_measured(run: _Run) -> bool:
    return _is_newer(_metrics(run), run.path / "done.json")


def _is_rendered(run: _Run) -> bool:
    """Whether its last face is there, and no older than the training."""
    return _is_newer(_face(run, FLAGS.faces - 1), run.path / "done.json")


def _is_newer(result: pathlib.Path, source: pathlib.Path) -> bool:
    both = result.is_file() and source.is_file()
    return both and result.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _metrics(run: _Run) -> pathlib.Path:
    return run.path / "metrics.json"


def _face(run: _Run, index: int) -> pathlib.Path:
    from igc_tf.viewing import result_folder

    return result_folder.path_of(run.path / "faces", f"test_{index:04d}") / result_folder.ARRAYS


def _program(run: _Run, title: str, name: str, *arguments: str) -> None:
    """Runs a program of ours on a run, in a process of its own; what it says goes to a file.

    Raises:
      _Failed: it ended with an error.
      KeyboardInterrupt: stopped; the program was asked to and has ended.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    log = run.path / f"{name}.log"
    print(f"{title}: {name}, see {log}", flush=True)
    command = [sys.executable, "-m", f"{__package__}.{name}", f"--run_dir={run.path}", *arguments]
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
        raise _Failed(f"tools.{name} ended with status {status}: {why} (all of it: {log})")


def _interrupt(_number, _frame) -> None:
    raise KeyboardInterrupt


def _tell(runs: list[_Run], root: pathlib.Path) -> None:
    """Writes and prints the table; saves the picture."""
    from igc_tf.evaluation import report, seeds

    measured: dict[str, list] = {}
    for run in runs:
        measured.setdefault(run.recipe, []).append(report.read_json(_metrics(run)))
    if WHOLE not in measured:
        raise ValueError("No run of the whole recipe was measured: nothing to compare with.")
    text = seeds.table(measured)
    print(text)
    disk.write_text(root / "table.md", text)
    found = json.dumps(seeds.to_json(measured), indent=2, allow_nan=False) + "\n"
    disk.write_text(root / "table.json", found)
    print(f"table: {root / 'table.md'}")
    shown = [run for run in runs if str(run.seed) == FLAGS.seeds[0] and _is_rendered(run)]
    if FLAGS.faces and (not shown or shown[0].recipe != WHOLE):
        print("No picture: the whole recipe's faces are not there, of its first seed.")
    elif FLAGS.faces:
        from igc_tf.viewing import panels

        panels.save_png(_picture(shown), root / "parts.png")
        print(f"picture: {root / 'parts.png'}")


def _picture(runs: list[_Run]):
    """The parts that each recipe finds in the same faces, under the photos and the true parts."""
    import numpy as np

    from igc_tf.datasets import catalog
    from igc_tf.viewing import side_by_side
    from igc_tf.viewing.result import PhotoResult

    results = {
        run.recipe: [PhotoResult.load(_face(run, i)) for i in range(FLAGS.faces)] for run in runs
    }
    # A single capsule is the object: its part is what it covers.
    labels = {
        name: np.stack([one.segmentation if one.parts > 1 else one.mask > 0.5 for one in faces])
        for name, faces in results.items()
    }
    data, size = runs[0].config.data, runs[0].config.model.image_size
    names = catalog.open_split(data, size, "test").names[: FLAGS.faces]
    reference, rows = labels[WHOLE], {}
    if data.dataset not in catalog.PHOTOS:
        reference = catalog.ground_truth(data, "test", names, ("parts",))["parts"]
        rows = {"true parts": reference}
    for name, found in labels.items():
        rows[name] = side_by_side.matched(found.astype(np.uint8), reference)
    return side_by_side.rows([one.image for one in results[WHOLE]], rows)


if __name__ == "__main__":
    program.run(main)
