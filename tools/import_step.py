"""Makes what `run_step.py` has trained on another machine a checkpoint of its run.

    cat trained.npz.* > trained.npz        # if it came in parts
    python -m tools.import_step --run_dir=RUN --trained=trained.npz

Then RUN is as any other: tools.train goes on with it, tools.evaluate and tools.release read it.
"""

from __future__ import annotations

import zipfile

from absl import flags

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Run that tools.export_step was given.", required=True)
flags.DEFINE_string("trained", None, "File that run_step.py saved.", required=True)


def main(argv: list[str]) -> int:
    """Writes the checkpoint."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.load(FLAGS.run_dir)

        import numpy as np
        import tensorflow as tf

        from igc_tf.training import exported_step, trainer

        try:
            with np.load(FLAGS.trained) as file:
                arrays = {key: file[key] for key in file.files}
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"--trained={FLAGS.trained} is damaged or no file of run_step.py's ({error}). Join all "
                "parts in their order."
            ) from error
        run = trainer.Trainer(config, FLAGS.run_dir, tf.distribute.get_strategy())
        try:
            step = exported_step.take(run, arrays)
        except ValueError as error:
            raise ValueError(f"--trained={FLAGS.trained}: {error}") from error
    print(f"{FLAGS.run_dir} stands at step {step}.")
    return 0


if __name__ == "__main__":
    program.run(main)
