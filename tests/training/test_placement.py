"""Where the training step's operations go, as far as a machine without an accelerator can tell."""

import json
import textwrap

import pytest

from tests import programs, recipes
from tests.fake_squeezenet import LAYERS, write

# The second of two logical CPUs stands for the accelerator, so that what is pinned to the host shows.
# TensorFlow's wheel lists its GPU kernels where there is no GPU too, so what has none shows as well.
_PROGRAM = textwrap.dedent(
    """
    import functools, json, sys
    import tensorflow as tf
    from absl import flags

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    from tensorflow.python.framework import kernels, op_def_registry
    from igc_tf import config as config_lib
    from igc_tf import igc_net
    from igc_tf.losses.objective import Objective
    from igc_tf.training import optimizers, trainer
    from igc_tf.training.step import TrainingStep
    from tests.recipes import random_clusters

    path, rasterizer, vgg16, squeezenet, *files = sys.argv[1:]
    tf.keras.applications.VGG16(include_top=False, weights=None).save_weights(vgg16)

    def recipe(file):  # with few channels, and in the compute type of a GPU
        values = flags.FlagValues()
        config_lib.define_flags(values)
        values(["", f"--flagfile={file}", "--data_dir=none", f"--squeezenet_weights={squeezenet}",
                "--efficientnet_weights=none"])
        config = config_lib.from_flags(values)
        precision = config.training.precision.replace("auto", "mixed_bfloat16")
        return config.replace(
            shape_dim=8, view_dim=4, encoder_channels=4, decoder_channels=4,
            batch_size=2, vgg_weights=vgg16, rasterizer=rasterizer,
            precision=precision, image_size=32, map_size=32,
        )

    def traced(config):  # the step's nodes, its functions' names, where its variables lie
        tf.keras.mixed_precision.set_global_policy(config.training.precision)
        strategy = trainer.make_strategy(["cpu:1"])
        with strategy.scope():
            model = igc_net.build(config)
            optimizer = optimizers.make(config.training, 10)
            optimizers.build(optimizer, model.trainable_variables)
        side = config.model.image_size
        batch, clusters = tf.TensorSpec([2, side, side, 3], tf.uint8), None
        if config.loss.feature_clustering_weight:
            clusters = random_clusters(config, 2)
            batch = batch, tf.TensorSpec(clusters.distances.shape, tf.float16)
        step = TrainingStep(config, model, Objective(config, clusters), optimizer, strategy)
        graph = step.__call__.get_concrete_function(
            batch, tf.TensorSpec([], tf.int64)
        ).graph.as_graph_def()
        functions = {function.signature.name for function in graph.library.function}
        nodes = [*graph.node, *(n for function in graph.library.function for n in function.node_def)]
        return nodes, functions, sorted({v.device for v in model.trainable_variables})

    @functools.cache
    def kernels_of(op):
        return kernels.get_registered_kernels_for_op(op).kernel

    def runs_on_a_gpu(node, kernel):
        if kernel.device_type not in ("GPU", "DEFAULT"):  # DEFAULT: of every kind of device
            return False
        for constraint in kernel.constraint:
            value = node.attr[constraint.name]
            if not set(value.list.type or [value.type]) <= set(constraint.allowed_values.list.type):
                return False
        return True

    def computes(node):  # Shapes are int32 and stay in the host's memory by TensorFlow's design.
        types = {t for value in node.attr.values() for t in (value.list.type or [value.type])}
        types |= {output.type for output in op_def_registry.get(node.op).output_arg}
        return {tf.float32.as_datatype_enum, tf.bfloat16.as_datatype_enum} & types

    def placed(config):
        nodes, functions, variables = traced(config)
        hostbound = {
            node.op
            for node in nodes
            if node.op not in functions
            and node.op != "Placeholder"
            and computes(node)
            and not any(runs_on_a_gpu(node, kernel) for kernel in kernels_of(node.op))
        }
        # What the step reports goes to the host, as the function's output, named Identity.
        pinned = {
            (node.op, node.name)
            for node in nodes
            if node.device and not node.device.endswith("CPU:1")
            and not node.name.startswith("Identity")
        }
        return {
            "nodes": len(nodes), "hostbound": sorted(hostbound), "pinned": sorted(pinned),
            "variables": variables,
        }

    # What decides which operations there are: words and switches; of a model's number, whether it is 0.
    # Losses are a sum: of recipes that differ in their numbers only, the sum of all is traced.
    def shape_of(config):
        values = {**config.flat(), **dict.fromkeys(vars(config.data))}
        for name in "train_images learning_rate learning_rate_schedule warmup_steps l2".split():
            values[name] = None
        for name, value in values.items():
            if type(value) in (int, float):
                values[name] = None if name in vars(config.loss) else bool(value)
        return (*values.values(), config.model.parts == 1)

    def with_losses_of(config, other):
        largest = {
            name: max(value, getattr(other.loss, name))
            for name, value in vars(config.loss).items() if type(value) in (int, float)
        }
        return config.replace(**largest)

    groups = {}
    for file in files:
        config = recipe(file)
        shape = shape_of(config)
        together, members = groups.get(shape, (config, []))
        groups[shape] = with_losses_of(together, config), [*members, file]
    report = {"files": {}, "traced": len(groups)}
    for config, members in groups.values():
        report["files"].update(dict.fromkeys(members, placed(config)))
    with open(path, "w") as file:
        json.dump(report, file)
    """
)

#: Operations of the compiled rasterizer, for CPUs alone.
_FOR_CPUS = ["IgcInterpolate", "IgcInterpolateGrad", "IgcRasterize", "IgcRasterizeGrad"]


def _placed(rasterizer, files, folder):
    """What the program finds out of flag files: `{"files": {name: found}, "traced": number}`."""
    squeezenet, path = write(folder / "squeezenet.h5", LAYERS), folder / "report.json"
    words = [path, rasterizer, folder / "vgg16.h5", squeezenet, *files]
    process = programs.start(_PROGRAM, *words, run=programs.script)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-3000:]
    report = json.loads(path.read_text())
    for found in report["files"].values():
        assert found["nodes"] > 1000 and found["pinned"] == []
        assert [device.rpartition("/")[2] for device in found["variables"]] == ["device:CPU:1"]
    return report


@pytest.mark.slow
def test_only_the_asked_for_cpu_kernel_of_every_recipes_step_stays_on_the_host(kernels, tmp_path):
    """The compiled rasterizer, where there is one, makes the smaller graphs."""
    files = list(map(str, recipes.FLAG_FILES))
    asked = "tensorflow" if kernels else "native"
    report = _placed(asked, files, tmp_path)
    hostbound = {file: found["hostbound"] for file, found in report["files"].items()}
    assert hostbound == dict.fromkeys(files, [] if kernels else _FOR_CPUS)
    assert 6 <= report["traced"] < len(files)  # several files differ by numbers only


@pytest.mark.slow
def test_every_operation_of_a_step_runs_on_a_gpu(tmp_path):
    """Of one recipe: those of the rasterizer in TensorFlow, every recipe's, are all that is added."""
    (file,) = (str(file) for file in recipes.FLAG_FILES if file.stem == "quickstart")
    (found,) = _placed("tensorflow", [file], tmp_path)["files"].values()
    assert found["hostbound"] == []
