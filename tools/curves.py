"""Sets the learning curves of runs side by side, image for image.

    python -m tools.curves --tag=Training/l1 runs/a runs/b

Prints the mean of a scalar over equal stretches of each training, and plots the curves. Runs are called
what they are called on the command line; each once.
"""

from __future__ import annotations

import pathlib

import numpy as np
from absl import flags

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("tag", "Training/l1", "TensorBoard scalar to compare.")
flags.DEFINE_string("plot", None, "PNG to plot the curves to.")
flags.DEFINE_integer("stretches", 8, "Rows of the table.", lower_bound=1)


def main(argv: list[str]) -> int:
    """Prints the table, saves the plot."""
    with program.plain_errors():
        if len(argv) < 2:
            raise ValueError("Name one or more runs: python -m tools.curves RUN1 RUN2 ...")
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from igc_tf.disk import shown

        curves = {shown(run): _curve(pathlib.Path(run)) for run in argv[1:]}
        shortest = min(images[-1] for images, _ in curves.values())
        edges = np.linspace(0, shortest, FLAGS.stretches + 1)
        table = Table("images", title=Text(FLAGS.tag), title_justify="left")
        for run in curves:
            table.add_column(Text(run, overflow="fold"), overflow="fold")
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            means = [
                values[(images > low) & (images <= high)].mean()
                for images, values in curves.values()
            ]
            table.add_row(f"{low:,.0f} to {high:,.0f}", *(f"{mean:.4f}" for mean in means))
        Console().print(table)
        if FLAGS.plot:
            _draw(curves, pathlib.Path(FLAGS.plot))
            print(f"plot: {FLAGS.plot}")
    return 0


def _curve(run: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """(images trained on, value) of a run's scalar, in the order of the images."""
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    from igc_tf import config

    batch = config.load(run).training.batch_size
    everything = {event_accumulator.TENSORS: 0}
    events = event_accumulator.EventAccumulator(str(run), size_guidance=everything).Reload()
    if FLAGS.tag not in events.Tags()["tensors"]:
        raise ValueError(f"{run} has no scalar {FLAGS.tag!r}; TensorBoard lists those it has.")
    found = {
        event.step: float(tensor_util.make_ndarray(event.tensor_proto))
        for event in events.Tensors(FLAGS.tag)
    }
    steps = np.array(sorted(found))
    return steps * batch, np.array([found[step] for step in steps])


def _draw(curves: dict[str, tuple[np.ndarray, np.ndarray]], path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from igc_tf.disk import written

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=120, layout="constrained")
    lines = []
    for images, values in curves.values():
        width = max(1, len(values) // 40)
        smooth = np.convolve(values, np.ones(width) / width, mode="valid")
        (line,) = axes.plot(images[width - 1 :], smooth)
        lines.append(line)
        axes.plot(images, values, color=line.get_color(), alpha=0.2, linewidth=0.8)
    axes.set(xlabel="images", ylabel=FLAGS.tag, ylim=(0, None))
    axes.grid(alpha=0.3)
    # Set afterwards: of a label matplotlib reads $ as mathematics, and hides one that begins with _.
    for text, name in zip(
        axes.legend(lines, ["run"] * len(lines)).get_texts(), curves, strict=True
    ):
        text.set_parse_math(False)
        text.set_text(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as stream:
        figure.savefig(stream, format="png")


if __name__ == "__main__":
    program.run(main)
