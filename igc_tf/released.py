"""Released weights: a trained model without its run, small enough to lie in the repository.

weights/<name>/
  flags.json      the complete configuration, with no folder of the machine it was trained on
  checkpoints/    one checkpoint of the model alone: no optimizer, no step. Weights are float32 rounded
                  to half precision, so that they pack to little more than half, for git and the web page
  weights.json    `Release`: where the weights come from and what they were measured at

To everything that reads runs it is a run directory. It is read by tf.train.Checkpoint, which holds
arrays and names: nothing in it is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from igc_tf import checkpoints, igc_net, run_directory, widening
from igc_tf import config as config_lib
from igc_tf.config import Config

#: Where the weights that come with igc_tf lie.
FOLDER = pathlib.Path(__file__).resolve().parent / "weights"
FILE_NAME = "weights.json"
#: A release larger than this is refused: it would be in every clone for ever.
MAX_BYTES = 20_000_000

_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Release:
    """Where released weights come from."""

    name: str
    data: str  #: what they were trained on, and its license
    command: str  #: that trained them
    commit: str  #: of igc_tf at the release
    steps: int  #: trained
    parameters: int  #: numbers in the model
    metrics: dict[str, Any]  #: as `tools.evaluate --metrics_json` wrote them; empty if not measured


def names(folder: str | pathlib.Path = FOLDER) -> list[str]:
    """Names of the released weights in a folder, sorted."""
    return sorted(path.parent.name for path in pathlib.Path(folder).glob(f"*/{FILE_NAME}"))


def path_of(name: str, folder: str | pathlib.Path = FOLDER) -> pathlib.Path:
    """The run directory of released weights.

    Raises:
      ValueError: there are none of that name; those that there are are listed.
    """
    known = names(folder)
    if name not in known:
        raise ValueError(
            f"--weights={name}: no weights of that name are in {folder}; "
            + (f"there are: {', '.join(known)}." if known else "it holds none yet.")
        )
    return pathlib.Path(folder) / name


def start_from(
    model: igc_net.IGCNet, config: Config, source: str, folder: str | pathlib.Path = FOLDER
) -> None:
    """Gives a new model the weights of a trained one, which may be narrower (`widening.WIDENABLE`).

    Args:
      model: of `config`.
      config: of the new run.
      source: name of released weights, or a run directory.
      folder: of the released weights.

    Raises:
      FileNotFoundError: no such weights and no such run, or no checkpoint in it.
      ValueError: the trained model is of another architecture; the flags that differ are listed.
    """
    path = pathlib.Path(folder) / source if source in names(folder) else pathlib.Path(source)
    if not (path / config_lib.FILE_NAME).is_file():
        raise FileNotFoundError(
            f"--init_from={source}: neither a run directory nor released weights "
            f"({', '.join(names(folder)) or 'there are none'})."
        )
    trained = config_lib.load(path)
    widths = {name: getattr(trained.model, name) for name in widening.WIDENABLE}
    narrower = any(value < getattr(config.model, name) for name, value in widths.items())
    target = igc_net.build(config.replace(**widths)) if narrower else model
    try:
        run_directory.restore_weights(target, run_directory.RunDirectory(path).checkpoint_path())
        if narrower:
            widening.widen(target, model)
    except ValueError as error:
        alike = dataclasses.replace(config, model=trained.model)
        differing = config_lib.differences(config, alike)
        if not differing:  # no other model, but a damaged one
            raise
        raise ValueError(
            f"--init_from={source} holds another model; these flags differ:\n  "
            + "\n  ".join(differing)
        ) from error


def read(name: str, folder: str | pathlib.Path = FOLDER) -> Release:
    """What is known about released weights.

    Raises:
      ValueError: no such weights, or their weights.json is damaged.
    """
    path = path_of(name, folder) / FILE_NAME
    try:
        found = json.loads(path.read_text())
        found.pop("checkpoint", None)  # of older ones: which of two there were
        return Release(**found)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}); restore it from another copy.") from error


def write(
    run_dir: str | pathlib.Path,
    name: str,
    *,
    data: str,
    command: str,
    commit: str,
    metrics: dict[str, Any] | None = None,
    which: str = "last",
    part_names: str = "",
    folder: str | pathlib.Path = FOLDER,
) -> pathlib.Path:
    """Releases the weights of a run as `folder/name/`.

    They are written aside, loaded back and compared with the run's, and only then renamed.

    Args:
      run_dir: the trained run.
      name: of the weights, lower-case words joined by '_'.
      data: what they were trained on.
      command: that trained them.
      commit: of igc_tf.
      metrics: what was measured with them.
      part_names: what its foreground parts are, joined by commas; the run's own if empty.
      folder: of all released weights.

    Returns:
      The new folder.

    Raises:
      FileNotFoundError: no run, or no checkpoint in it.
      FileExistsError: there are weights of that name.
      ValueError: not a name, an empty `data`, `command` or `commit`, a checkpoint that does not fit,
        weights that are not finite, or too large for half precision, or more than `MAX_BYTES`.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"--name={name}: lower-case letters and digits, words joined by '_'.")
    for what, value in (("data", data), ("command", command), ("commit", commit)):
        if not value.strip():
            raise ValueError(f"--{what} is empty: weights of unknown origin are no release.")
    target = pathlib.Path(folder) / name
    if target.exists():
        raise FileExistsError(f"{target} is there already; give another --name.")
    config, model = run_directory.load_model(run_dir)
    if part_names:
        config = config.replace(part_names=part_names)
    infinite = [weight.name for weight in model.weights if not np.isfinite(weight.numpy()).all()]
    if infinite:
        raise ValueError(f"{run_dir} holds NaN or infinity in {infinite[0]}: it has diverged.")
    for weight in model.weights:
        weight.assign(_rounded(weight.numpy(), weight.name))
    release = Release(
        name=name,
        data=data,
        command=command,
        commit=commit,
        steps=checkpoints.number_of(run_directory.RunDirectory(run_dir).checkpoint_path()),
        parameters=model.count_params(),
        metrics=metrics or {},
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        _write_files(aside, _without_paths(config), model, release)
        _check(aside, model)
        aside.chmod(0o755)
        return aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _rounded(values: np.ndarray, name: str) -> np.ndarray:
    """The nearest numbers of half precision, in the type that they had.

    Raises:
      ValueError: one is too large.
    """
    found = values.astype(np.float16).astype(values.dtype)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds {np.abs(values).max():.3g}, too large for half precision.")
    return found


def _write_files(
    path: pathlib.Path, config: Config, model: igc_net.IGCNet, release: Release
) -> None:
    config_lib.save(config, path)
    saved = run_directory.RunDirectory(path).checkpoints(tf.train.Checkpoint(model=model))
    saved.save(checkpoint_number=release.steps)
    (path / FILE_NAME).write_text(json.dumps(dataclasses.asdict(release), indent=2) + "\n")


def _check(path: pathlib.Path, model: igc_net.IGCNet) -> None:
    """Raises ValueError if a release is too large or is not what it was made of."""
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if size > MAX_BYTES:
        raise ValueError(
            f"The weights take {size / 1e6:.1f} MB; a release may take {MAX_BYTES / 1e6:.0f} MB. "
            "Train a smaller model (--decoder_channels, --encoder_channels, --shape_dim)."
        )
    _, loaded = run_directory.load_model(path)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        if not np.array_equal(ours.numpy(), theirs.numpy()):
            raise ValueError(f"{ours.name} was not the same when it was read back from {path}.")


def _without_paths(config: Config) -> Config:
    """The configuration with the last part alone of every path."""
    values = config.flat()
    names = (*config_lib.places(), "init_from")
    return config.replace(**{name: os.path.basename(values[name].rstrip("/")) for name in names})
