"""Where the training step's operations go, as far as a machine without an accelerator can tell."""

import json
import subprocess
import sys
import textwrap

import pytest

# The second of two logical CPUs stands for the accelerator, so that what is pinned to the host shows.
# TensorFlow's wheel lists its GPU kernels where there is no GPU too, so what has none shows as well.
_PROGRAM = textwrap.dedent(
    """
    import json, sys
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

    from tensorflow.python.framework import kernels, op_def_registry
    from igc_tf import igc_net
    from igc_tf.config import Config
    from igc_tf.losses.objective import Objective
    from igc_tf.training import optimizers, trainer
    from igc_tf.training.step import TrainingStep

    config = Config().replace(
        image_size=32, map_size=32, parts=3, shape_dim=8, albedo_dim=8, view_dim=4,
        encoder_channels=4, decoder_channels=4, confidence_channels=2, batch_size=2,
        pyramid_weight=1.0, smoothness_weight=1.0, backdrop=True, retake_weight=1.0,
        rasterizer=sys.argv[1],
        precision=sys.argv[2], decoder_head=sys.argv[3], decoder_norm=sys.argv[4],
    )
    tf.keras.mixed_precision.set_global_policy(config.training.precision)
    strategy = trainer.make_strategy(config.training, ["cpu:1"])
    with strategy.scope():
        model = igc_net.build(config)
        optimizer = optimizers.make(config.training, 10)
        optimizers.build(optimizer, model.trainable_variables)
    step = TrainingStep(config, model, Objective(config), optimizer, strategy)
    traced = step.__call__.get_concrete_function(
        tf.TensorSpec([2, 32, 32, 3], tf.uint8), tf.TensorSpec([], tf.int64)
    )
    graph = traced.graph.as_graph_def()
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(n for function in graph.library.function for n in function.node_def)]

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

    hostbound = {
        node.op
        for node in nodes
        if node.op not in functions
        and node.op != "Placeholder"
        and computes(node)
        and not any(
            runs_on_a_gpu(node, kernel)
            for kernel in kernels.get_registered_kernels_for_op(node.op).kernel
        )
    }
    # What the step reports goes to the host, as the function's outputs, named Identity, Identity_1...
    pinned = {
        (node.op, node.name)
        for node in nodes
        if node.device and not node.device.endswith("CPU:1")
        and not node.name.startswith("Identity")
    }
    print(json.dumps({
        "nodes": len(nodes), "hostbound": sorted(hostbound), "pinned": sorted(pinned),
        "variables": sorted({v.device for v in model.trainable_variables}),
    }))
    """
)


_SETTINGS = {
    "tensorflow": ("mixed_bfloat16", "half", "none"),
    "native": ("float32", "full", "group"),
}


@pytest.fixture(scope="module")
def started():
    """The programs of both rasterisers, side by side."""
    processes = {
        rasterizer: subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, rasterizer, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rasterizer, words in _SETTINGS.items()
    }
    yield processes
    for process in processes.values():
        process.kill()


def _placed(process):
    output, errors = process.communicate()
    assert process.returncode == 0, errors[-3000:]
    found = json.loads(output.splitlines()[-1])
    assert found["nodes"] > 1000
    assert [device.rpartition("/")[2] for device in found["variables"]] == ["device:CPU:1"]
    return found


@pytest.mark.slow
def test_every_operation_of_the_step_runs_on_a_gpu(started):
    found = _placed(started["tensorflow"])
    assert found["hostbound"] == [] and found["pinned"] == []


@pytest.mark.slow
def test_only_the_asked_for_cpu_kernel_stays_on_the_host(compiled, started):
    found = _placed(started["native"])
    assert found["hostbound"] == [
        "IgcInterpolate", "IgcInterpolateGrad", "IgcRasterize", "IgcRasterizeGrad",
    ]  # fmt: skip
    assert found["pinned"] == []
