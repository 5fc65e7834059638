"""Makes a peer method's predictions beside a run's, for tools.evaluate to score.

    python -m tools.baseline --run_dir=runs/a --method=autoencoder --predictions=ae.npz
    python -m tools.baseline --run_dir=runs/a --method=dff --features=vgg16 --vgg_weights=FILE \\
        --predictions=dff.npz
    python -m tools.evaluate --predictions=ae.npz --dataset=synthetic_faces --metrics_json=ae.json

The run tells which photos, unless flags do, how they are cut, and how many parts; nothing else of it is
used.

autoencoder: a plain 2D auto-encoder with as many parameters as the run's IGC-Net, trained on as many
images, the same photos in the same order, with the same optimizer, seed, and pyramid loss. Its embedding
is the descriptor that people are recognized by.

dff: Deep Feature Factorization [Collins et al. 2018]: the factors of a frozen network's features.
kmeans: k-means of those features. igc_tf/baselines/part_methods.py says how.
scops: SCOPS [Hung et al. 2019], small, trained on the photos and on such features; see
igc_tf/baselines/scops.py.

Features are kept in the user's cache, at most 6 GiB: they are made once for all methods and seeds.
"""

from __future__ import annotations

import json
import pathlib
import time

from absl import flags

from igc_tf import config as config_lib
from igc_tf.baselines import PART_METHODS

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run that the baseline stands beside.")
flags.DEFINE_enum("method", "autoencoder", ["autoencoder", *PART_METHODS], "Which baseline.")
flags.DEFINE_string("predictions", None, "NPZ file to write.")
flags.DEFINE_integer(
    "train_images",
    None,
    "autoencoder, scops: images to train on, counted with repetition; by default as many as the run, of "
    "scops 16,000.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "fit_images",
    2000,
    "Training images, the first, that parts are found in, and that the landmark regression and the "
    "descriptor are fitted on; where it is given the auto-encoder is trained on these alone; 0 for all.",
    lower_bound=0,
)
flags.DEFINE_integer("images", 0, "Test images to predict, the first; 0 for all.", lower_bound=0)
flags.DEFINE_string("times_json", None, "File to write the CPU seconds to that it took.")
flags.DEFINE_enum(
    "dataset", None, config_lib.choices("dataset"), "Data set; the run's own by default."
)
flags.DEFINE_string("data_dir", None, "Where the data lies, if not where the run found it.")
flags.DEFINE_string(
    "data_config", None, "synthetic_faces, parametric_heads: the configuration, e.g. px64."
)
flags.DEFINE_string(
    "test_dir",
    "",
    "photo_folder: another folder, all of which is predicted; then all of --data_dir is for training.",
)
flags.DEFINE_integer(
    "parts", None, "How many parts, the background among them; the run's by default."
)
flags.DEFINE_integer("seed", None, "Seed of all that is random; the run's by default.")
flags.DEFINE_enum(
    "features",
    None,
    ["vgg16", "efficientnet", "squeezenet"],
    "The network, trained on ImageNet, whose features fall into parts: by default vgg16, of kmeans "
    "efficientnet.",
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
        if FLAGS.parts is not None and not 2 <= FLAGS.parts <= 64:
            raise ValueError(f"--parts={FLAGS.parts}: from 2, a background and one part, to 64.")
        names = ("dataset", "data_dir", "data_config", "seed")
        given = {name: FLAGS[name].value for name in names}
        config = config_lib.load(FLAGS.run_dir)
        if given["dataset"] not in (None, config.data.dataset) and given["data_dir"] is None:
            given["data_dir"] = ""  # the run's own folder holds another data set
        config = config.replace(**{name: v for name, v in given.items() if v is not None})

        from igc_tf import disk
        from igc_tf.evaluation import files

        measured = _photos(config)
        make = _autoencoder if FLAGS.method == "autoencoder" else _parts
        predictions, fit, times = make(config, measured)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, measured.names, predictions, fit)
        print(f"predictions: {target}")
        if FLAGS.times_json:
            disk.write_text(FLAGS.times_json, json.dumps(times, indent=2) + "\n")
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
        images=FLAGS.images,
        fit_images=FLAGS.fit_images,
        fit_dir=config.data.data_dir if FLAGS.test_dir else "",
    )


def _parts(config, measured):
    """Predictions of a method that finds parts, what the landmarks are fitted on, and CPU seconds."""
    import numpy as np

    from igc_tf.baselines import part_methods, scops_training
    from igc_tf.evaluation import score
    from igc_tf.features import feature_store, networks
    from igc_tf.metrics import landmarks

    name = FLAGS.features or PART_METHODS[FLAGS.method]
    weights = {
        "vgg16": FLAGS.vgg_weights,
        "efficientnet": FLAGS.efficientnet_weights,
        "squeezenet": FLAGS.squeezenet_weights,
    }
    network = networks.load(name, weights[name])
    count, seed = config.model.parts if FLAGS.parts is None else FLAGS.parts, config.training.seed
    seen = measured.fit_images
    learned = feature_store.open_or_extract(seen, network, "Features to learn from")
    if FLAGS.method == "scops":
        layers, given, fit_given = network.layers, measured.images, seen
        method = scops_training.Scops(count, seed, FLAGS.train_images or scops_training.IMAGES)
        start = time.process_time()
        method.fit(seen, [learned[layer] for layer in layers])
        terms = ", ".join(f"{name} {value:.3g}" for name, value in method.terms.items())
        print(f"scops: the losses, weighted, at the end: {terms}")
    else:
        found = feature_store.open_or_extract(measured.images, network, "Features to predict from")
        layers = network.layers[:1]
        given, fit_given = found[layers[0]], learned[layers[0]]
        method = part_methods.METHODS[FLAGS.method](count, seed)
        start = time.process_time()
        method.fit(fit_given)
    fit_seconds = time.process_time() - start

    def at_size(inputs: np.ndarray) -> tuple[np.ndarray, landmarks.PartCenters]:
        """Labels and centers, some photos at a time."""
        labels, centers = [], []
        for begin in range(0, len(inputs), 256):
            maps = part_methods.resized(
                method.maps(inputs[begin : begin + 256]), measured.ground_truth_size
            )
            labels.append(maps.argmax(axis=1).astype(np.uint8))
            centers.append(landmarks.part_centers(maps))
        return np.concatenate(labels), landmarks.PartCenters.concatenate(centers)

    labels, centers = at_size(given)
    some = seen[: part_methods.PHOTOS if FLAGS.method != "scops" else None]
    features = _seconds(network.extract, measured.images)
    parts = _seconds(lambda photos: at_size(given[: len(photos)]), measured.images)
    if FLAGS.method != "scops":
        parts += features
    times = {
        "network": f"{name} {' and '.join(layers)}",
        "fit_seconds": fit_seconds + len(some) * features,
        "photo_seconds": parts,
    }
    print(
        f"{FLAGS.method} of {times['network']}, {count} parts, seed {seed}: learned from {len(seen):,} "
        f"photos in {times['fit_seconds']:.0f} CPU seconds, {len(some) * features:.0f} of them for "
        f"features if they are not there yet; {1000 * parts:.1f} ms a photo after that"
    )
    predictions = score.Predictions(
        labels=labels, parts=count, centers=centers, image=measured.images
    )
    fit = score.Fit(centers=at_size(fit_given)[1], landmarks=measured.fit_landmarks)
    return predictions, fit, times


def _seconds(call, photos) -> float:
    """CPU seconds a photo, of a batch, the second time."""
    batch = photos[:32]
    call(batch)
    start = time.process_time()
    call(batch)
    return (time.process_time() - start) / len(batch)


def _autoencoder(config, measured):
    """Predictions of the auto-encoder, None for nothing is fitted on landmarks, and CPU seconds."""
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
    photos = catalog.open_split(config.data, config.model.image_size, split).images
    if FLAGS["fit_images"].present:
        photos = measured.fit_images
    start = time.process_time()
    trained = autoencoder_training.train(config, channels, photos, images)
    fit_seconds = time.process_time() - start
    print(
        f"Trained on {trained.images:,} images in {trained.seconds / 60:.1f} minutes, L1 "
        f"{trained.l1:.4f} at the end"
    )
    fitted, _ = autoencoder_training.encode(trained.model, measured.fit_images)
    embeddings, decoded = autoencoder_training.encode(trained.model, measured.images)
    predictions = score.Predictions(
        labels=None,
        parts=0,
        centers=None,
        image=measured.images,
        reconstruction=decoded,
        descriptors={"object": descriptors.block(embeddings, fitted)},
    )
    photo = _seconds(lambda some: autoencoder_training.encode(trained.model, some), measured.images)
    return predictions, None, {"fit_seconds": fit_seconds, "photo_seconds": photo}


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
