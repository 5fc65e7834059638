"""Times a training: the step, its stages, the exported model, the rasterizers.

    python -m tools.benchmark --flagfile=flags/synthetic.flags --json=benchmark.json

Everything is a median after a warm-up, with its quartiles. What is compared is timed in turn in the
same process, so that a busy machine slows both. Nothing is trained: the run directory is a temporary
one.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tempfile

from absl import flags

from igc_tf import config as config_lib
from igc_tf import disk

from . import program

FLAGS = flags.FLAGS
SECTIONS = ("step", "stages", "inference", "rasterizer", "scaling")
flags.DEFINE_string("json", None, "File to write the numbers to.")
flags.DEFINE_string(
    "reference",
    "flags/reference_cpu.flags",
    "Flag file of the configuration that the step is compared with; empty for none.",
)
flags.DEFINE_string("profile", None, "Folder to write a TensorBoard profile of five steps to.")
flags.DEFINE_list("sections", list(SECTIONS[:-1]), f"What to time, of {', '.join(SECTIONS)}.")
flags.DEFINE_float("seconds", 4.0, "Time spent on each figure, after its warm-up.", lower_bound=0.0)
flags.DEFINE_list("sides", ["32", "64", "128", "256"], "Sides of the rasterizers' pictures, px.")
flags.register_validator(
    "sections", lambda names: set(names) <= set(SECTIONS), f"--sections: of {', '.join(SECTIONS)}"
)
flags.register_validator(
    "sides", lambda sides: all(side.isdigit() and int(side) > 1 for side in sides), "--sides: px"
)
config_lib.define_flags()

_RASTERIZED_BATCH = 16
_INFERENCE_BATCHES = (1, 32)


def main(argv: list[str]) -> int:
    """Prints the tables and writes the JSON."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.from_flags()
        reference = _reference(config) if FLAGS.reference and "step" in FLAGS.sections else None
        report = _Report()
        sections = {
            "step": lambda: _step(report, config, reference),
            "stages": lambda: _stages(report, config),
            "inference": lambda: _inference(report, config),
            "rasterizer": lambda: _rasterizer(report),
            "scaling": lambda: _scaling(report, config),
        }
        for name in SECTIONS:
            if name in FLAGS.sections:
                sections[name]()
        if FLAGS.json:
            path = pathlib.Path(FLAGS.json)
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.write_text(path, json.dumps(report.numbers, indent=2) + "\n")
            print(f"numbers: {path}")
    return 0


class _Report:
    """Tables for the terminal and numbers for the JSON."""

    def __init__(self):
        from rich.console import Console

        self.console = Console()
        self.numbers: dict[str, float | str] = {}

    def machine(self) -> tuple[dict[str, float], float]:
        """Peaks of matrix products by type, operations a second, and bytes copied a second."""
        import tensorflow as tf

        from igc_tf.benchmarks import machine

        self.numbers["machine"] = machine.describe()
        peaks = {dtype.name: machine.matmul_peak(dtype) for dtype in (tf.float32, tf.bfloat16)}
        bandwidth = machine.copy_bandwidth()
        for name, peak in peaks.items():
            self.numbers[f"machine.matmul_{name}_gflops"] = peak / 1e9
        self.numbers["machine.copy_gb_per_second"] = bandwidth / 1e9
        self.console.print(
            f"{self.numbers['machine']}: large matrix products "
            + ", ".join(f"{peak / 1e9:.0f} GFLOP/s {name}" for name, peak in peaks.items())
            + f"; copies {bandwidth / 1e9:.1f} GB/s"
        )
        return peaks, bandwidth

    def timing(self, name: str, timing, scale: float) -> None:
        """`name` in the unit of `scale` times seconds, with its quartiles."""
        self.numbers[name] = timing.median * scale
        self.numbers[f"{name}.low"] = timing.low * scale
        self.numbers[f"{name}.high"] = timing.high * scale

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        from rich.table import Table

        table = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            table.add_column(column, justify="right" if index else "left")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)


def _reference(config):
    """The configuration of --reference, on the same data."""
    values = flags.FlagValues()
    config_lib.define_flags(values)
    try:
        values(["", f"--flagfile={FLAGS.reference}"])
    except flags.Error as error:
        raise ValueError(f"--reference={FLAGS.reference}: {error}") from error
    data = {
        field.name: getattr(config.data, field.name) for field in dataclasses.fields(config.data)
    }
    return config_lib.from_flags(values).replace(**data)


def _trainer(config, folder: str):
    from igc_tf.training import trainer

    return trainer.Trainer(config.replace(max_steps=1_000_000), folder)


def _step(report: _Report, config, reference) -> None:
    import tensorflow as tf

    from igc_tf.benchmarks import machine, steps, timing

    with tempfile.TemporaryDirectory() as folder:
        ours = steps.WholeStep(_trainer(config, f"{folder}/ours"))
        compared = {"ours": timing.measure(ours, FLAGS.seconds)}
        report.numbers["peak_memory_gib"] = machine.peak_memory_bytes() / 2**30
        if FLAGS.profile:
            with tf.profiler.experimental.Profile(FLAGS.profile):
                for _ in range(5):
                    ours()
            print(f"profile: {FLAGS.profile}")
        fetched = timing.measure(ours.input_pipeline(), FLAGS.seconds)
        work = ours.work()
        batch = ours.batch_size
        if reference is not None:
            theirs = steps.WholeStep(_trainer(reference, f"{folder}/reference"))
            compared = timing.alternate({"ours": ours, "reference": theirs}, 4 * FLAGS.seconds)
            per_image = timing.Timing(compared["ours"].seconds / batch)
            their_image = timing.Timing(compared["reference"].seconds / theirs.batch_size)
            report.timing("step.vs_reference", timing.ratio(their_image, per_image), 1)
            report.timing("step.reference_ms_per_image", their_image, 1e3)
            report.numbers["step.reference_images_per_second"] = 1 / their_image.median

    step = compared["ours"]
    precision = ours.trainer.config.training.precision
    peaks, bandwidth = report.machine()
    peak = peaks["bfloat16" if "bfloat16" in precision else "float32"]
    report.timing("step.ms_per_image", step, 1e3 / batch)
    report.timing("input.ms_per_image", fetched, 1e3 / batch)
    floor = max(work.operations / peak, work.bytes / bandwidth)
    n = report.numbers
    n["step.images_per_second"] = batch / step.median
    n["step.precision"] = precision
    n["input.share_of_step"] = fetched.median / step.median
    n["input.images_per_second"] = batch / fetched.median
    n["step.gflop_per_image"] = work.operations / batch / 1e9
    n["step.mb_per_image"] = work.bytes / batch / 1e6
    n["step.floor_ms_per_image"] = floor / batch * 1e3
    n["step.share_of_peak"] = work.operations / step.median / peak
    rows = [
        f"step|{n['step.images_per_second']:.1f} images/s|{_spread(step, 1e3 / batch)} ms an image",
        f"its convolutions and products|{n['step.gflop_per_image']:.3f} GFLOP an image|"
        f"{n['step.share_of_peak']:.1%} of the {precision} peak",
        f"floor: those at the peak, or their bytes copied|{n['step.floor_ms_per_image']:.2f} ms an image|"
        f"{n['step.mb_per_image']:.1f} MB an image",
        f"input pipeline alone|{n['input.images_per_second']:,.0f} images/s|"
        f"{n['input.share_of_step']:.2%} of the step",
        f"peak memory|{n['peak_memory_gib']:.2f} GiB|",
    ]
    if reference is not None:
        rows.insert(
            1,
            f"{pathlib.Path(FLAGS.reference).name}, in turn|"
            f"{n['step.reference_images_per_second']:.1f} images/s|ratio {n['step.vs_reference']:.2f} "
            f"({n['step.vs_reference.low']:.2f} to {n['step.vs_reference.high']:.2f})",
        )
    title = f"Training step: batch {batch}, {config.model.image_size} px, M = {config.model.parts}"
    report.table(title, ["", "", ""], [row.split("|") for row in rows])


def _stages(report: _Report, config) -> None:
    from igc_tf.benchmarks import steps

    with tempfile.TemporaryDirectory() as folder:
        whole = steps.WholeStep(_trainer(config, folder))
        rows = []
        scale = 1e3 / whole.batch_size
        for stage in steps.stages(whole.trainer, whole.batch, FLAGS.seconds / 2):
            key = f"stage.{stage.name.replace(' ', '_')}"
            report.timing(f"{key}.forward_ms_per_image", stage.forward, scale * stage.times)
            report.timing(f"{key}.ms_per_image", stage.both, scale * stage.times)
            name = stage.name + (f" (x{stage.times})" if stage.times > 1 else "")
            taken = (stage.forward, stage.both)
            rows.append([name, *(_spread(one, scale * stage.times) for one in taken)])
    report.table("Stages by themselves, ms an image", ["", "forward", "forward and backward"], rows)


def _inference(report: _Report, config) -> None:
    from igc_tf.benchmarks import inference, timing

    rows = []
    found = inference.compare(config, _INFERENCE_BATCHES, FLAGS.seconds)
    for batch, timings in found.items():
        for name, taken in timings.items():
            report.timing(f"inference.{name}.batch_{batch}.ms_per_image", taken, 1e3 / batch)
        speed = timing.ratio(timings["live"], timings["exported"])
        report.timing(f"inference.batch_{batch}.vs_live", speed, 1)
        spreads = [_spread(taken, 1e3 / batch) for taken in timings.values()]
        rows.append([str(batch), *spreads, _spread(speed, 1)])
    columns = "batch|live Keras model|with its own rasterizer|SavedModel|live over SavedModel"
    report.table("Inference, uint8 pictures to all outputs, ms an image", columns.split("|"), rows)


def _rasterizer(report: _Report) -> None:
    from igc_tf.benchmarks import rasterizers, timing
    from igc_tf.graphics.rasterizers import rasterizer

    backends = tuple(name for name in rasterizer.BACKENDS if name != "auto")
    rows = []
    for side in map(int, FLAGS.sides):
        found = rasterizers.compare(side, side, _RASTERIZED_BATCH, backends, FLAGS.seconds)
        row = [f"{side} x {side}"]
        for name, taken in found.items():
            key = f"rasterizer.{name.replace(' ', '_')}.{side}"
            report.timing(f"{key}.ms_per_image", taken, 1e3 / _RASTERIZED_BATCH)
            speed = timing.ratio(found[rasterizers.REFERENCE], taken)
            if name != rasterizers.REFERENCE:
                report.timing(f"{key}.vs_tfg", speed, 1)
            if name == "native" and side == 64:
                report.timing("rasterizer.vs_tfg", speed, 1)
            row.append(f"{taken.median * 1e3 / _RASTERIZED_BATCH:.2f} ({speed.median:.1f}x)")
        rows.append(row)
    report.table(
        f"Rasterizers, forward and backward, batch {_RASTERIZED_BATCH}, ms an image (times as fast as "
        "TF Graphics' own path)",
        ["mesh and picture", rasterizers.REFERENCE, *backends],
        rows,
    )


def _scaling(report: _Report, config) -> None:
    from igc_tf.benchmarks import rasterizers, steps, timing

    def seconds_per_image(**changes) -> float:
        with tempfile.TemporaryDirectory() as folder:
            whole = steps.WholeStep(_trainer(config.replace(**changes), folder))
            taken = timing.measure(whole, FLAGS.seconds)
        name = ", ".join(f"{k}={v}" for k, v in changes.items())
        rows.append([name, _spread(taken, 1e3 / whole.batch_size)])
        return taken.median / whole.batch_size

    rows: list[list[str]] = []
    sizes, parts = [32, 64, 128], [2, 4, 8]
    by_size = [seconds_per_image(image_size=size, map_size=size) for size in sizes]
    by_parts = [seconds_per_image(parts=count) for count in parts]
    report.numbers["scaling.pixels_exponent"] = rasterizers.exponent(sizes, by_size)
    # Linear: what a part costs is the same from 2 to 4 as from 4 to 8.
    first = (by_parts[1] - by_parts[0]) / 2
    second = (by_parts[2] - by_parts[1]) / 4
    report.numbers["scaling.parts_slope_ratio"] = second / first
    report.table("Scaling of the step, ms an image", ["", "median, quartiles"], rows)
    report.console.print(
        f"cost ~ pixels^{report.numbers['scaling.pixels_exponent']:.2f}; a part costs "
        f"{second * 1e3:.2f} ms from 4 to 8 parts, {first * 1e3:.2f} ms from 2 to 4"
    )


def _spread(timing, scale: float) -> str:
    return f"{timing.median * scale:.2f} ({timing.low * scale:.2f} to {timing.high * scale:.2f})"


if __name__ == "__main__":
    program.run(main)
