"""Trains a baseline beside a run, and writes what it predicts, for tools.evaluate to score.

    python -m tools.baseline --run_dir=runs/a --method=autoencoder --predictions=ae.npz
    python -m tools.evaluate --predictions=ae.npz --dataset=synthetic_faces --metrics_json=ae.json

autoencoder: a plain 2D auto-encoder with as many parameters as the run's IGC-Net, trained on the same
photos in the same order, with the same optimizer, seed, and pyramid loss, as long as the run was. Its
embedding is the descriptor that people are recognised by.
"""

from __future__ import annotations

import pathlib
from typing import NamedTuple

from absl import flags

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run that the baseline stands beside.")
flags.DEFINE_enum("method", "autoencoder", ["autoencoder"], "Which baseline.")
flags.DEFINE_string("predictions", None, "NPZ file to write.")
flags.DEFINE_integer(
    "train_images", None, "Images to train on, counted with repetition.", lower_bound=1
)
flags.DEFINE_float(
    "minutes",
    None,
    "Instead, about how long to train. By default as long as the run's event files say it took, or "
    "where there are none, on as many images as it.",
    lower_bound=0.0,
)
flags.DEFINE_integer(
    "fit_images", 2000, "Training images that the descriptor is centred on.", lower_bound=10
)
flags.DEFINE_string("data_dir", None, "Where the data lies, if not where the run found it.")
flags.mark_flags_as_required(["run_dir", "predictions"])


class _Budget(NamedTuple):
    images: int | None
    seconds: float | None
    why: str


def main(argv: list[str]) -> int:
    """Trains the baseline, writes its predictions of the test split."""
    program.no_arguments(argv)
    with program.plain_errors():
        target = pathlib.Path(FLAGS.predictions)
        if target.suffix != ".npz":
            raise ValueError(f"--predictions={target} must end in .npz.")
        config = config_lib.load(FLAGS.run_dir)
        if FLAGS.data_dir is not None:
            config = config.replace(data_dir=FLAGS.data_dir)
        budget = _budget(config)

        from igc_tf.datasets import catalog
        from igc_tf.evaluation import descriptors, files, score
        from igc_tf.training import autoencoder_training

        channels = _channels(config)
        print(f"Training: {budget.why}")
        train, test = (
            catalog.open_split(config.data, config.model.image_size, split)
            for split in ("train", "test")
        )
        trained = autoencoder_training.train(
            config, channels, train.images, budget.images, budget.seconds
        )
        print(
            f"Trained on {trained.images:,} images in {trained.seconds / 60:.1f} minutes, L1 "
            f"{trained.l1:.4f} at the end"
        )
        fitted, _ = autoencoder_training.encode(trained.model, train.images[: FLAGS.fit_images])
        embeddings, drawn = autoencoder_training.encode(trained.model, test.images)
        predictions = score.Predictions(
            labels=None,
            parts=0,
            centres=None,
            image=test.images[:],
            reconstruction=drawn,
            descriptors={"object": descriptors.block(embeddings, fitted)},
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, test.names, predictions)
        print(f"predictions: {target}")
    return 0


def _budget(config) -> _Budget:
    """How much to train, and why."""
    from igc_tf.training import run_directory

    if FLAGS.train_images is not None and FLAGS.minutes is not None:
        raise ValueError("Give either --train_images or --minutes, or neither.")
    if FLAGS.train_images is not None:
        return _Budget(FLAGS.train_images, None, f"{FLAGS.train_images:,} images, as told")
    if FLAGS.minutes is not None:
        return _Budget(None, 60 * FLAGS.minutes, f"{FLAGS.minutes:g} minutes, as told")
    run = run_directory.RunDirectory(FLAGS.run_dir)
    seconds = run.seconds()
    if seconds is not None:
        return _Budget(None, seconds, f"{seconds / 60:.1f} minutes, as long as {run.path} took")
    images = run.images() or config.training.steps * config.training.batch_size
    return _Budget(images, None, f"{images:,} images, as many as {run.path}, which tells no time")


def _channels(config) -> int:
    """Width of the decoder; prints the sizes of both models."""
    from igc_tf import igc_net
    from igc_tf.baselines import autoencoder

    wanted = autoencoder.parameters(igc_net.build(config))
    channels = autoencoder.matching_channels(config.model, wanted)
    own = autoencoder.parameters(autoencoder.build(config.model, channels))
    print(
        f"Parameters: {wanted:,} of IGC-Net, {own:,} of the auto-encoder, whose decoder has "
        f"{channels} base channels"
    )
    return channels


if __name__ == "__main__":
    program.run(main)
