"""Trains IGC-Net.

    python -m tools.train --flagfile=flags/synthetic.flags --run_dir=runs/a

Stopping (Ctrl-C, SIGTERM) saves; the same command again continues. Watch it with
`tensorboard --logdir=runs`.
"""

from __future__ import annotations

from absl import flags, logging

from igc_tf import config as config_lib

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("run_dir", None, "Directory of the run: configuration, checkpoints, summaries.")
flags.mark_flag_as_required("run_dir")
config_lib.define_flags()


def main(argv: list[str]) -> int:
    """Trains the run the flags describe; 0 at its end, 128 + signal if stopped."""
    program.no_arguments(argv)
    with program.plain_errors():
        config = config_lib.from_flags()

        from igc_tf.training import trainer  # after the flags are known to be right

        try:
            trainer.Trainer(config, FLAGS.run_dir).train()
        except trainer.Interrupted as stop:
            logging.warning("%s The same command continues it.", stop)
            return 128 + stop.signal_number
    return 0


if __name__ == "__main__":
    program.run(main)
