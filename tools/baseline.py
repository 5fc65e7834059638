"""Makes a peer method's predictions beside a run's, for tools.evaluate to score.

    python -m tools.baseline --run_dir=runs/a --method=autoencoder --predictions=ae.npz
    python -m tools.baseline --run_dir=runs/a --method=dff --features=vgg16 --vgg_weights=FILE \\
        --predictions=dff.npz
    python -m tools.evaluate --predictions=ae.npz --dataset=synthetic_faces --metrics_json=ae.json

The run tells which photos, how they are cut, and how many parts; nothing else of it is used.

autoencoder: a plain 2D auto-encoder with as many parameters as the run's IGC-Net, trained on as many
images, the same photos in the same order, with the same optimizer, seed, and pyramid loss. Its embedding
is the descriptor that people are recognized by.

dff: Deep Feature Factorization [Collins et al. 2018]: the factors of a frozen network's features.
kmeans: k-means of those features. igc_tf/baselines/part_methods.py says how.
"""

from __future__ import annotations

import pathlib
import time

from absl import flags

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run that the baseline stands beside.")
flags.DEFINE_enum("method", "autoencoder", ["autoencoder", "dff", "kmeans"], "Which baseline.")
flags.DEFINE_string("predictions", None, "NPZ file to write.")
flags.DEFINE_integer(
    "train_images",
    None,
    "autoencoder: images to train on, counted with repetition; by default as many as the run.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "fit_images",
    2000,
    "Training images that parts are found in, and that the landmark regression and the descriptor are "
    "fitted on.",
    lower_bound=10,
)
flags.DEFINE_string("data_dir", None, "Where the data lies, if not where the run found it.")
flags.DEFINE_string(
    "test_dir",
    "",
    "photo_folder: another folder, all of which is predicted; then all of --data_dir is for training.",
)
flags.DEFINE_integer(
    "parts", None, "dff, kmeans: how many parts, the background among them; the run's by default."
)
flags.DEFINE_integer("seed", None, "Seed of all that is random; the run's by default.")
flags.DEFINE_enum(
    "features",
    "efficientnet",
    ["vgg16", "efficientnet", "squeezenet"],
    "dff, kmeans: the network, trained on ImageNet, whose features fall into parts.",
)
for _network in ("vgg", "efficientnet", "squeezenet"):
    flags.DEFINE_string(f"{_network}_weights", "", f"Weights of --features={_network}*.")
flags.mark_flags_as_required(["run_dir", "predictions"])


def main(argv: list[str]) -> int:
    """Trains the baseline, writes its predictions of the test photos."""
    program.no_arguments(argv)
    with program.plain_errors():
        target = pathlib.Path(FLAGS.predictions)
        if target.suffix != ".npz":
            raise ValueError(f"--predictions={target} must end in .npz.")
        given = {name: FLAGS[name].value for name in ("data_dir", "seed")}
        config = config_lib.load(FLAGS.run_dir)
        config = config.replace(**{name: v for name, v in given.items() if v is not None})

        from igc_tf.evaluation import files

        measured = _photos(config)
        make = _autoencoder if FLAGS.method == "autoencoder" else _parts
        predictions, fit = make(config, measured)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, measured.names, predictions, fit)
        print(f"predictions: {target}")
    return 0


def _photos(config):
    """What is predicted, and what is learned from."""
    from igc_tf.evaluation import eval_set

    data = config.data
    if FLAGS.test_dir and data.dataset != "photo_folder":
        raise ValueError("--test_dir is for runs on --dataset=photo_folder.")
    if FLAGS.test_dir:
        data = config.replace(data_dir=FLAGS.test_dir).data
    return eval_set.load_eval_set(
        data,
        config.model.image_size,
        whole=bool(FLAGS.test_dir),
        fit_images=FLAGS.fit_images,
        fit_dir=config.data.data_dir if FLAGS.test_dir else "",
    )


def _parts(config, measured):
    """Predictions of a method that finds parts in features, and what the landmarks are fitted on."""
    import numpy as np

    from igc_tf.baselines import part_methods
    from igc_tf.evaluation import score
    from igc_tf.features import networks
    from igc_tf.metrics import landmarks

    weights = {
        "vgg16": FLAGS.vgg_weights,
        "efficientnet": FLAGS.efficientnet_weights,
        "squeezenet": FLAGS.squeezenet_weights,
    }
    network = networks.load(FLAGS.features, weights[FLAGS.features])
    count = config.model.parts if FLAGS.parts is None else FLAGS.parts
    if not 2 <= count <= 64:
        raise ValueError(f"--parts={count}: from 2, a background and one part, to 64.")
    method = part_methods.METHODS[FLAGS.method](count, config.training.seed)
    start = time.monotonic()
    learned = _features(network, measured.fit_images, "Learning")
    method.fit(learned)
    taken = time.monotonic() - start
    start = time.monotonic()
    found = _features(network, measured.images, "Predicting")

    def at_size(features: np.ndarray) -> tuple[np.ndarray, landmarks.PartCenters]:
        """Labels and centers, some photos at a time."""
        labels, centers = [], []
        for first in range(0, len(features), 256):
            small = method.maps(features[first : first + 256])
            maps = part_methods.resized(small, measured.ground_truth_size)
            labels.append(maps.argmax(axis=1).astype(np.uint8))
            centers.append(landmarks.part_centers(maps))
        return np.concatenate(labels), landmarks.PartCenters.concatenate(centers)

    labels, centers = at_size(found)
    each = 1000 * (time.monotonic() - start) / max(1, len(measured.images))
    print(
        f"{FLAGS.method} of {network.name}, {count} parts, seed {config.training.seed}: learned from "
        f"{len(measured.fit_images):,} photos in {taken:.0f} s, {each:.1f} ms a photo after that"
    )
    predictions = score.Predictions(
        labels=labels, parts=count, centers=centers, image=measured.images
    )
    fit = score.Fit(centers=at_size(learned)[1], landmarks=measured.fit_landmarks)
    return predictions, fit


def _features(network, photos, title: str):
    """`[N, s, s, C]` float16 of `[N, H, W, 3]` photos."""
    import numpy as np

    from igc_tf.inference import track

    starts = range(0, len(photos), 32)
    found = [
        network.extract(photos[start : start + 32]).astype(np.float16)
        for start in track(starts, title, len(starts))
    ]
    return np.concatenate(found)


def _autoencoder(config, measured):
    """Predictions of the auto-encoder; nothing is fitted but the descriptor."""
    from igc_tf import run_directory
    from igc_tf.baselines import autoencoder_training
    from igc_tf.datasets import catalog
    from igc_tf.datasets.photo_folder import ALL
    from igc_tf.evaluation import score
    from igc_tf.metrics import descriptors

    run = run_directory.RunDirectory(FLAGS.run_dir)
    images = (
        FLAGS.train_images or run.images() or config.training.steps * config.training.batch_size
    )
    channels = _channels(config)
    print(f"Training on {images:,} images, {'as asked' if FLAGS.train_images else 'as the run'}")
    split = ALL if FLAGS.test_dir else "train"
    train = catalog.open_split(config.data, config.model.image_size, split)
    trained = autoencoder_training.train(config, channels, train.images, images)
    print(
        f"Trained on {trained.images:,} images in {trained.seconds / 60:.1f} minutes, L1 "
        f"{trained.l1:.4f} at the end"
    )
    fitted, _ = autoencoder_training.encode(trained.model, measured.fit_images)
    embeddings, drawn = autoencoder_training.encode(trained.model, measured.images)
    predictions = score.Predictions(
        labels=None,
        parts=0,
        centers=None,
        image=measured.images,
        reconstruction=drawn,
        descriptors={"object": descriptors.block(embeddings, fitted)},
    )
    return predictions, None


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
