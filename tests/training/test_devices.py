"""One step on two devices is one step on one."""

import concurrent.futures
import subprocess
import sys
import textwrap

import numpy as np
import pytest

# Logical devices must be made before TensorFlow starts, so each count of devices is its own process.
_PROGRAM = textwrap.dedent(
    """
    import sys
    import numpy as np
    import tensorflow as tf

    replicas = int(sys.argv[1])
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    from igc_tf import igc_net
    from igc_tf.config import Config
    from igc_tf.losses.objective import Objective
    from igc_tf.training import optimizers, trainer
    from igc_tf.training.step import TrainingStep

    found = {}
    for kind in ("adam", "lamb"):  # one of Keras' own, one of TF Addons' on the legacy base
        config = Config().replace(
            image_size=32, map_size=32, parts=3, shape_dim=12, albedo_dim=12, view_dim=6,
            encoder_channels=4, decoder_channels=4, confidence_channels=2, batch_size=4,
            pyramid_weight=1.0, smoothness_weight=0.1, learning_rate=1e-3, optimizer=kind,
        )
        tf.keras.utils.set_random_seed(0)
        strategy = trainer.make_strategy(config.training, ["cpu:0", "cpu:1"][:replicas])
        assert strategy.num_replicas_in_sync == replicas
        with strategy.scope():
            model = igc_net.build(config)
            optimizer = optimizers.make(config.training, 10)
            step = TrainingStep(config, model, Objective(config), optimizer, strategy)
        images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
        dataset = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(images))
        for batch in dataset:
            values = step(batch, tf.constant(0, tf.int64))
        found.update({f"{kind}/{name}": value.numpy() for name, value in values.items()})
        for index, variable in enumerate(model.trainable_variables):
            found[f"{kind}/variable/{index}"] = variable.numpy()
    np.savez(sys.argv[2], **found)
    """
)


def _run(replicas, path):
    command = [sys.executable, "-c", _PROGRAM, str(replicas), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.slow
def test_two_replicas_give_the_loss_and_update_of_one(tmp_path):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        one, two = pool.map(_run, (1, 2), (tmp_path / "one.npz", tmp_path / "two.npz"))
    assert one.keys() == two.keys()
    assert one["adam/loss/contrastive"] > 0  # the loss that looks across the devices
    for name, value in one.items():
        # Weights passed through Adam's division by a tiny second moment, which amplifies rounding.
        tolerance = 2e-3 if "variable" in name else 1e-4
        np.testing.assert_allclose(two[name], value, rtol=tolerance, atol=1e-5, err_msg=name)
