"""Writes a run's training step as one program that JAX runs without TensorFlow, on a newer GPU.

    python -m tools.export_step --flagfile=flags/celeba_cpu.flags --run_dir=RUN --step_dir=STEP

Then `python run_step.py --step_dir=STEP` on the other machine, and `tools.import_step` back here;
docs/training.md has the whole way. --run_dir is begun if it is new, else its last checkpoint is where the
step goes on. The batch's size and all losses are in the program: another flag means another export.
"""

from __future__ import annotations

import pathlib
import shutil

from absl import flags

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Directory of the run whose step it is.", required=True)
flags.DEFINE_string("step_dir", None, "Folder to write the step to; new or empty.", required=True)
flags.DEFINE_bool(
    "small", False, "Photos as WebP, and distances of features as bytes: a quarter of the size."
)
config_lib.define_flags()


def main(argv: list[str]) -> int:
    """Writes the step, and run_step.py beside it."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.from_flags()
        folder = pathlib.Path(FLAGS.step_dir)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileExistsError(f"--step_dir={folder} is there already; give another one.")

        import tensorflow as tf

        from igc_tf.training import exported_step, trainer

        run = trainer.Trainer(config, FLAGS.run_dir, tf.distribute.get_strategy())
        exported_step.write(run, folder, FLAGS.small)
        shutil.copy(pathlib.Path(__file__).with_name("run_step.py"), folder)
    sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(folder.iterdir())}
    print(f"Wrote {folder}: " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))
    return 0


if __name__ == "__main__":
    program.run(main)
