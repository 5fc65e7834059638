"""Runs programs of `tools`, each in a fork of one process that has imported TensorFlow already.

A program's start costs seconds, nearly all of them imports. Reads from standard input a JSON list
of phases; a phase is a list of {"argv": [program, flags...], "log": file} that do
not depend on each other. Writes their exit statuses in the same form.
"""

import importlib
import json
import os
import runpy
import sys

from absl import flags

#: Children at a time.
WORKERS = 2


def start(argv: list[str], log: str, parse: bool) -> int:
    """Starts a program; returns the child's number."""
    child = os.fork()
    if child:
        return child
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = argv
    status = 1
    try:
        if parse:
            importlib.import_module(f"tools.{argv[0]}")
            flags.FLAGS(argv)
        else:
            runpy.run_module(f"tools.{argv[0]}", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(phase: list[dict]) -> list[int]:
    """Exit statuses of the programs of a phase."""
    waiting, running, statuses = list(enumerate(phase)), {}, [1] * len(phase)
    while waiting or running:
        while waiting and len(running) < WORKERS:
            index, job = waiting.pop(0)
            running[start(**job)] = index
        child, status = os.wait()
        statuses[running.pop(child)] = os.waitstatus_to_exitcode(status)
    return statuses


def main() -> None:
    """Imports what all programs need, then runs them."""
    import tensorflow_datasets  # noqa: F401

    import igc_tf.examination  # noqa: F401
    import igc_tf.inference  # noqa: F401
    import igc_tf.training.trainer  # noqa: F401

    json.dump([run(phase) for phase in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
