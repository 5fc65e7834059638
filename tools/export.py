"""Exports a trained run as a SavedModel for TF Serving.

    python -m tools.export --run_dir=runs/a --export_dir=models/igc
    python -m tools.export --weights=NAME --export_dir=models/igc

Writes models/igc/<version>/, the next free number, of stock TensorFlow ops only, checked against the
live model before it appears under its name.
"""

from __future__ import annotations

from absl import flags

from tools import model_flags, program

FLAGS = flags.FLAGS
flags.DEFINE_string("export_dir", None, "Folder of the versions.")
flags.mark_flag_as_required("export_dir")


def main(argv: list[str]) -> int:
    """Exports the run and prints where."""
    program.no_arguments(argv)
    with program.plain_errors():
        from igc_tf.serving import export

        config, model = model_flags.load(rasterizer="tensorflow")
        print(f"SavedModel: {export.export(config, model, FLAGS.export_dir)}")
    return 0


if __name__ == "__main__":
    program.run(main)
