"""Every command that the README and the documents show: its flags exist, and it runs.

They run on small fake data, trainings for two steps of a tiny model. What a command names (DIR, CELEBA,
runs/mine) is there in the folder it runs in: the data before, the runs by the trainings, which are run
first. Of commands that differ in names and numbers alone one runs, and what it reads is made by the
others; of the rest only the flags are read.
"""

import copy
import importlib
import json
import os
import pathlib
import re
import shlex
import shutil
import time

import pytest
from absl import flags

from tests import fake_collections, fake_makehuman, programs, recipes

CHECKOUT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_COMMAND = re.compile(r"python -m tools\.(\w+ [^;`\n]+)")

#: Of these only the flags are checked: they start many programs, ask a server, need weights of other
#: networks, or take long (conversion to TFLite, to XLA), and have tests of their own; runs/served is
#: made as runs/mine is.
_PARSED_ONLY = (
    *("ablate", "peers", "serve_client", "serve_load", "export_step", "import_step"),
    *("--tflite_dir=models/lite", "--web_dir=web/public/model", "--run_dir=runs/served"),
)
#: Commands of kinds that other tests run: test_programs, test_evaluation, test_baseline, test_benchmark.
_RUN_ELSEWHERE = [
    tuple(command.split())
    for command in (
        "export --run_dir=RUN --export_dir=DIR",
        "evaluate --run_dir=RUN --metrics_json=FILE",
        "evaluate --run_dir=RUN --metrics_json=FILE --report_dir=DIR --save_predictions=FILE",
        "reconstruct --run_dir=RUN --input=photo.jpg --output_dir=DIR",
        "benchmark --flagfile=flags/synthetic.flags --data_dir=DIR",
        "baseline --run_dir=RUN --method=autoencoder --predictions=FILE",
        "evaluate --predictions=FILE --dataset=synthetic_faces --data_dir=DIR --metrics_json=FILE",
        "compare RUN RUN",
        "compare RUN metrics.json",
    )
]
#: Flags whose value makes another command of it, and programs that open the data of a run.
_TELLING = ("dataset", "method", "crop", "flagfile")
_OPEN_DATA = ("evaluate", "baseline")
#: Runs that no command trains, and which other one stands for them.
_OTHER_RUNS = {
    **dict.fromkeys(("runs/a", "runs/quickstart", "runs/reference_cpu"), "RUN"),
    "runs/b": "runs/no_one_hot",
    "runs/other": "runs/mine",
}
_RUNS_OF_A_LOOP = ("whole", "no_one_hot")
#: One benchmark stands for all that differ in these.
_SAME_BENCHMARK = ("--sections=", "--seconds=", "--json=")
_RENDERED = ("synthetic_faces", "parametric_heads")
#: Makes a training of seconds.
_TINY = (
    "--image_size=32 --map_size=32 --shape_dim=12 --view_dim=6 --encoder_channels=2 "
    "--decoder_channels=4 --batch_size=4 --precision=float32 "
    "--feature_network=none --vgg_weights= --part_feature_weight=0 "
    "--feature_clustering_weight=0"
).split()
#: What makes each program short, beside the tiny model and data.
_SHORT = {
    "train": ["--max_steps=2"],
    "prepare": [],
    "evaluate": ["--images=32", "--fit_images=32", "--cycle_images=32"],  # one batch, one graph
    "benchmark": "--reference= --seconds=0 --sides=32 --sections=step --json=benchmark.json".split(),
    "reconstruct": [],
    "mix": [],
    "export": [],
    "export_step": [],
    "import_step": [],
    "compare": [],
    "curves": ["--stretches=1"],
    "baseline": ["--train_images=8", "--fit_images=10"],
    "ablate": [],
    "peers": [],
    "serve_client": [],
    "serve_load": [],
}


def commands(text):
    """The commands in a document, as lists of words: the program, then its flags."""
    text = text.replace("\\\n", " ")
    joined = _SPAN.sub(
        lambda span: f"\n{' '.join(span[1].split())}\n", text
    )  # inline code may wrap
    found = [shlex.split(match[1]) for match in _COMMAND.finditer(joined)]
    return [words for words in found if words[1:] != ["--help"]]


#: Each once, whichever documents show it.
ALL = sorted({tuple(words) for path in DOCUMENTS for words in commands(path.read_text())})


def test_commands_are_found_in_every_form():
    text = """
    `python -m tools.compare runs/a
    runs/b` and, indented or fenced,
        python -m tools.train --run_dir=runs/a
    for run in a b; do python -m tools.evaluate --run_dir=$run; done
    not `python -m tools.curves` alone, not python -m other --flag
    """
    assert commands(text) == [
        ["compare", "runs/a", "runs/b"],
        ["train", "--run_dir=runs/a"],
        ["evaluate", "--run_dir=$run"],
    ]
    assert {command[0] for command in ALL} == set(_SHORT)


def _values(words, name):
    """Values of a flag, its flag files included, the last one valid."""
    found = []
    for word in words:
        if word.startswith("--flagfile="):
            lines = (CHECKOUT / word.partition("=")[2]).read_text().split("\n")
            found += _values([line.strip() for line in lines if line.startswith("--")], name)
        elif word.startswith(f"--{name}="):
            found.append(word.partition("=")[2])
    return found


def _shortened(command, data_dir):
    """The command with what makes it short."""
    program, *words = command
    faces = ["--data_config=tiny", f"--data_dir={data_dir}"]
    words = [re.sub(r"\bPORT$|\bPID$", "1", word) for word in words]
    if program in ("train", "prepare", "benchmark"):
        words += _TINY
        if (_values(words, "dataset") or ["synthetic_faces"])[-1] in _RENDERED:
            words += faces
    if _reads_predictions(command):
        return (program, *words, *faces)
    if program == "evaluate" and _values(words, "weights") and not _values(words, "dataset"):
        words += faces  # all of the data set, otherwise
    if (
        program == "evaluate"
        and "--run_dir=runs/a" in words
        and "--dataset=photo_folder" not in words
    ):
        words.append("--save_predictions=mine.npz")
    if program == "benchmark":
        words = [word for word in words if not word.startswith(_SAME_BENCHMARK)]
    return (program, *words, *_SHORT[program])


def _make_data(folder):
    """What the commands name."""
    fake_collections.photos(folder / "DIR")
    fake_collections.photos(folder / "OTHERS")
    (folder / "HEADS").symlink_to("DIR")
    fake_collections.celeb_a(folder / "CELEBA")
    fake_collections.bp4d(folder / "BP4D", people=3, frames=11)
    fake_collections.multi_pie(folder / "MULTI_PIE", people=(1, 191, 201))
    fake_collections.cats(folder / "CATS")
    fake_collections.oxford_pets(folder / "PETS")
    fake_makehuman.write_archives(folder / "MAKEHUMAN", *fake_makehuman.files())
    shutil.copy(folder / "DIR" / "000.jpg", folder / "photo.jpg")
    portrait = pathlib.Path("docs", "images", "astronaut.jpg")
    (folder / portrait.parent).mkdir(parents=True)
    shutil.copy(CHECKOUT / portrait, folder / portrait)


def _reads_predictions(command):
    return command[0] == "evaluate" and any(w.startswith("--predictions=") for w in command)


def _phase(command):
    """Trainings come first, then what reads them, then what reads that."""
    if command[0] in ("train", "prepare", "benchmark", "ablate"):
        return 0
    if command[0] in ("compare", "curves"):
        return 3
    return 2 if _reads_predictions(command) else 1


def _reads(command):
    """The paths that a command needs and another one makes."""
    program, *words = command
    if program in ("compare", "curves"):
        paths = [word for word in words if not word.startswith("--")]
        made = "/metrics.json" if program == "compare" else ""
        return {path if path.endswith(".json") else path + made for path in paths}
    names = ["predictions"] if _reads_predictions(command) else []
    names += ["run_dir"] if program != "train" else []
    return {value for name in names for value in _values(words, name)}


def _writes(command):
    """The paths that a command makes and another one may need."""
    names = {"train": ["run_dir"], "evaluate": ["metrics_json", "save_predictions"]}
    names["baseline"] = ["predictions"]
    return {v for name in names.get(command[0], []) for v in _values(command[1:], name)}


def _kind(command, datasets):
    """Equal for commands of which one shows what the others would.

    Args:
      command: words.
      datasets: of the runs.
    """
    program, *words = command
    # The recipes' steps are traced in test_placement, their data prepared here.
    if program == "train":
        return (program, recipes.read(*_without(words, "run_dir")).data.dataset in _RENDERED)
    key, given = set(), {w.partition("=")[0] for w in ("--data_config", *_TINY, *_SHORT[program])}
    for word in words:
        if word.partition("=")[0] in given:  # for shortness, to all of them
            continue
        name, _, value = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            key.add(datasets.get(word, pathlib.Path(word).suffix))
        elif name in ("run_dir", "weights"):  # Each gives a model, test_release's equal ones.
            opens = program in _OPEN_DATA and not _values(words, "dataset")
            key.add(("model", datasets.get(value, value) if opens else None))
        else:
            key.add((name, value if name in _TELLING else None))
    return (program, frozenset(key))


def _without(words, name):
    return [word for word in words if not word.startswith(f"--{name}=")]


def _named(path, runs):
    """A path with the run's real name in it."""
    for name, real in runs.items():
        if path == name or path.startswith(name + "/"):
            return _named(real + path[len(name) :], {k: v for k, v in runs.items() if k != name})
    return path


def _plan(data_dir):
    """Phases of commands to run, those whose flags alone are read, and runs that are others renamed.

    A training whose kind another one shows prepares its data.
    """
    phases, trainings, parsed = [[], [], [], []], {}, []
    runs = dict(_OTHER_RUNS)
    expanded = {
        tuple(word.replace("$run", run) for word in command)
        for command in ALL
        for run in _RUNS_OF_A_LOOP
    }
    for number, command in enumerate(sorted({_shortened(c, data_dir) for c in expanded})):
        if not set(_PARSED_ONLY).isdisjoint(command):
            parsed.append(command)
            continue
        if command[0] == "train":
            (run_dir,) = _values(command, "run_dir")
            same = tuple(_without(command, "run_dir"))
            runs.pop(run_dir, None)
            if same in trainings:
                runs[run_dir] = trainings[same]
                continue
            if run_dir in trainings.values():  # two documents give the name to different runs
                run_dir = f"{run_dir}_{number}"
                command = (*same, f"--run_dir={run_dir}")
            trainings[same] = run_dir
        phases[_phase(command)].append(command)
    datasets = {run: recipes.read(*same[1:]).data.dataset for same, run in trainings.items()}
    datasets["RUN"] = "synthetic_faces"
    datasets = {**datasets, **{name: datasets[_named(name, runs)] for name in runs}}

    seen = {_kind(command, datasets) for command in _RUN_ELSEWHERE}
    needed, chosen = set(), []
    for phase in reversed(phases):
        wanted, run = {_named(path, runs) for path in needed}, []
        for command in sorted(phase, key=lambda words: _writes(words).isdisjoint(wanted)):
            kind = _kind(command, datasets)
            if kind not in seen or not _writes(command).isdisjoint(wanted):
                run.append(command)
                needed |= _reads(command)
            else:
                parsed.append(command)
                if command[0] == "train":
                    data = _without(_without(command[1:], "run_dir"), "max_steps")
                    run.append(("prepare", *data))
            seen.add(kind)
        chosen.insert(0, sorted(set(run)))
    return chosen, parsed, runs


def _read_flags(words):
    """What a fork does in place of the programs: words are its module and commands, as JSON."""
    importlib.import_module(words[0])
    for command in map(json.loads, words[1:]):
        try:
            copy.deepcopy(flags.FLAGS)([words[0], *command])
        except flags.Error as error:
            raise ValueError(f"{' '.join(command)}: {error}") from error


def _run(jobs):
    """Runs two at a time; gives what failed, with the end of its output."""
    waiting, running, failed = list(jobs), {}, []
    while waiting or running:
        while waiting and len(running) < 2:
            command, how = waiting.pop(0)
            process = programs.start(f"tools.{command[0]}", *command[1:], **how)
            running[command] = process
        time.sleep(0.05)
        for command, process in list(running.items()):
            if process.poll() is not None:
                del running[command]
                if process.poll():
                    output, _ = process.communicate()
                    failed.append(f"{' '.join(command)}: {process.poll()}\n{output[-1500:]}")
    return failed


def test_one_command_of_each_kind_is_run():
    phases, parsed, runs = _plan("DATA")
    run = [command for phase in phases for command in phase]
    assert {command[0] for command in run + parsed} == set(_SHORT)
    assert len(run) > 20 and len({tuple(command) for command in run}) == len(run)
    made = {_named(path, runs) for command in run for path in _writes(command)} | {"RUN"}
    for command in run:
        for path in _reads(command):
            assert _named(path, runs) in made, (path, command)


@pytest.mark.slow
def test_documented_commands_run(trained, own_cache_with_kernels, tmp_path, data_dir):
    pytest.importorskip("cv2", reason="OpenCV, which some of the commands use, is not installed")
    _make_data(tmp_path)
    (tmp_path / "flags").symlink_to(CHECKOUT / "flags")
    phases, parsed, runs = _plan(data_dir)
    shutil.copytree(trained, tmp_path / "RUN")
    (tmp_path / "runs").mkdir()
    for name, real in runs.items():
        (tmp_path / name).symlink_to(tmp_path / real)
    environment = {
        **os.environ,
        "MAKEHUMAN_DIR": "MAKEHUMAN",
        "XDG_CACHE_HOME": str(own_cache_with_kernels.parent),
    }
    how = {"environment": environment, "folder": tmp_path}
    words = {
        name: [json.dumps(words) for name_, *words in parsed if name_ == name] for name in _SHORT
    }
    failed = _run(
        [((name, *given), {**how, "run": _read_flags}) for name, given in words.items() if given]
    )
    # The recipes' steps are traced in test_placement, and graphs are made by the other programs' tests.
    eager = {"train": programs.eagerly, "evaluate": programs.eagerly}
    for phase in phases:
        failed += _run([(command, {**how, "run": eager.get(command[0])}) for command in phase])
    assert not failed, "\n\n".join(failed)
