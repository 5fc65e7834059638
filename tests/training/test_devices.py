"""One step on two devices is one step on one."""

import textwrap

import numpy as np
import pytest

from tests import programs
from tests.fake_squeezenet import LAYERS, write

# Logical devices must be made before TensorFlow starts its own, so each count is a process.
# So is each recipe: TensorFlow numbers the meetings of devices by process, and a second
# strategy confuses them.
_PROGRAM = textwrap.dedent(
    """
    import sys
    import numpy as np
    import tensorflow as tf
    from absl import flags

    replicas, path, weights, recipe_name = int(sys.argv[1]), *sys.argv[2:]
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    from igc_tf import igc_net
    from igc_tf import config as config_lib
    from igc_tf.losses.objective import Objective
    from igc_tf.training import optimizers, trainer
    from igc_tf.training.step import TrainingStep
    from tests.recipes import random_clusters

    def recipe(name):
        values = flags.FlagValues()
        config_lib.define_flags(values)
        values(["", f"--flagfile=flags/{name}.flags", "--data_dir=none",
                f"--squeezenet_weights={weights}", "--efficientnet_weights=none"])
        return config_lib.from_flags(values).replace(
            shape_dim=12, view_dim=6, encoder_channels=4, decoder_channels=4,
            batch_size=4, precision="float32", image_size=32, map_size=32,
        )

    # The plainest recipe, and the one of most losses with all others. Losses and variables are added
    # up alike whatever the recipe: the others are between the two.
    configs = {
        "quickstart": recipe("quickstart"),
        "celeba_cpu": recipe("celeba_cpu").replace(
            likelihood_weight=1.0, flip_weight=0.5,
            feature_network="squeezenet", perceptual_weight=1e-5,  # random features are large
            part_feature_weight=0.5, squeezenet_weights=weights,
        ),
    }
    found = {}
    for kind, config in [(recipe_name, configs[recipe_name])]:
        assert config.loss.rerender_pose_weight and config.loss.contrastive_weight
        tf.keras.utils.set_random_seed(0)
        strategy = trainer.make_strategy(["cpu:0", "cpu:1"][:replicas])
        assert strategy.num_replicas_in_sync == replicas
        with strategy.scope():
            model = igc_net.build(config)
            optimizer = optimizers.make(config.training, 10)
            optimizers.build(optimizer, model.trainable_variables)
            clusters = None
            if config.loss.feature_clustering_weight:
                clusters = random_clusters(config, 4)
            objective = Objective(config, clusters)
            step = TrainingStep(config, model, objective, optimizer, strategy)
        side = config.model.image_size
        data = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
        if clusters:
            data = data, clusters.distances
        dataset = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(data))
        for batch in dataset:
            report = step.read(step(batch, tf.constant(0, tf.int64)).numpy())
        assert not report.gradients_not_finite
        found.update({f"{kind}/{name}": value for name, value in report.values.items()})
        for variable in model.trainable_variables:
            found[f"{kind}/variable/{variable.name}"] = variable.numpy()
    np.savez(path, **found)
    """
)


def _run(replicas, path, weights, name):
    process = programs.start(_PROGRAM, replicas, path, weights, name, run=programs.script)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["quickstart", "celeba_cpu"])
def test_two_replicas_give_the_losses_and_the_update_of_one(kernels, tmp_path, recipe):
    weights = write(tmp_path / "squeezenet.h5", LAYERS)
    one, two = (_run(count, tmp_path / f"{count}.npz", weights, recipe) for count in (1, 2))
    assert one.keys() == two.keys()
    if recipe == "celeba_cpu":  # with every loss that there is
        losses = {name.rpartition("/")[2] for name in one if name.startswith("celeba_cpu/loss/")}
        assert losses >= {
            "likelihood", "likelihood_flip", "pyramid", "pyramid_flip", "perceptual", "perceptual_flip",
            "contrastive", "sparsity", "background", "smoothness", "part_feature", "rerender_pose",
            "feature_clustering",
        }  # fmt: skip
    for name, value in one.items():
        # Weights passed through Adam's division by a tiny second moment, which amplifies rounding.
        tolerance = 2e-3 if "variable" in name else 1e-4
        np.testing.assert_allclose(two[name], value, rtol=tolerance, atol=1e-5, err_msg=name)
