"""Exports a trained model for TF Serving, and for phones and browsers.

    python -m tools.export --run_dir=runs/a --export_dir=models/igc
    python -m tools.export --weights=NAME --export_dir=models/igc --tflite_dir=models/lite
    python -m tools.export --run_dir=runs/a --web_dir=web/public/model

Writes models/igc/<version>/, the next free number, of stock TensorFlow ops only. Before it appears under
its name it is loaded in a fresh process and every output is compared with the live model's. With
--tflite_dir it also writes TFLite files of `parts` and `embed`, and prints how well they agree. With
--web_dir it writes the model of the page in web/ (docs/web.md).
"""

from __future__ import annotations

from absl import flags

from . import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_string("export_dir", None, "Folder of the versions.")
flags.DEFINE_string("tflite_dir", None, "Folder for TFLite files of `parts` and `embed`, too.")
flags.DEFINE_integer(
    "tflite_images",
    64,
    "Test pictures of the model's data set to measure their agreement on; 0 where it is not at hand.",
    lower_bound=0,
)
flags.DEFINE_string("web_dir", None, "Folder for the model of the page in web/.")


def main(argv: list[str]) -> int:
    """Exports the model and prints where."""
    program.no_arguments(argv)
    with program.plain_errors():
        if not (FLAGS.export_dir or FLAGS.tflite_dir or FLAGS.web_dir):
            raise ValueError("Say where to: --export_dir, --tflite_dir or --web_dir.")
        from igc_tf.serving import export, signatures

        config, model = model_flags.load(rasterizer="tensorflow")
        if FLAGS.export_dir:
            print(f"SavedModel: {export.export(config, model, FLAGS.export_dir)}")
        if FLAGS.tflite_dir or FLAGS.web_dir:
            served = signatures.ServedModel(config, model)
            if FLAGS.tflite_dir:
                _tflite(config, served)
            if FLAGS.web_dir:
                _web(served)
    return 0


def _web(served) -> None:
    from igc_tf.serving import lite
    from igc_tf.viewing import colors

    palette = colors.part_colors(served.config.model.parts).tolist()
    files = lite.convert_for_web(served, FLAGS.web_dir, palette, model_flags.training_data())
    for path in files.values():
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, for the page in web/ (docs/web.md)")


def _tflite(config, served) -> None:
    from igc_tf.serving import lite

    files = lite.convert(served, FLAGS.tflite_dir)
    for path in files.values():
        size = path.stat().st_size / 1e6
        print(f"{path}: {size:.1f} MB, {len(lite.ops(path))} kinds of op, all built in")
    if not FLAGS.tflite_images:
        return
    images = _pictures(config)
    print(f"Difference to the SavedModel's signatures on {len(images)} pictures:")
    for line in lite.agreement(served, files, images):
        print(f"  {line.file:20} {line.output:16} largest {line.largest:.1e}  mean {line.mean:.1e}")


def _pictures(config):
    """Test pictures of the model's own data set."""
    import numpy as np

    from igc_tf.datasets import catalog

    store = catalog.open_split(config.data, config.model.image_size, "test")
    return np.asarray(store.images[: FLAGS.tflite_images])


if __name__ == "__main__":
    program.run(main)
