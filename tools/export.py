"""Exports a trained model for TF Serving, and for phones and browsers.

    python -m tools.export --run_dir=runs/a --export_dir=models/igc
    python -m tools.export --weights=NAME --export_dir=models/igc --tflite_dir=models/lite

Writes models/igc/<version>/, the next free number, of stock TensorFlow ops only. Before it appears under
its name it is loaded in a fresh process and every output is compared with the live model's. With
--tflite_dir it also writes TFLite files of `parts` and `embed`, and prints how well they agree.
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
flags.mark_flag_as_required("export_dir")


def main(argv: list[str]) -> int:
    """Exports the model and prints where."""
    program.no_arguments(argv)
    with program.plain_errors():
        from igc_tf.serving import export

        config, model = model_flags.load(rasterizer="tensorflow")
        print(f"SavedModel: {export.export(config, model, FLAGS.export_dir)}")
        if FLAGS.tflite_dir:
            _tflite(config, model)
    return 0


def _tflite(config, model) -> None:
    from igc_tf.serving import lite, signatures

    served = signatures.ServedModel(config, model)
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
