"""Starts Python programs in forks of one process that has imported TensorFlow and igc_tf already.

A program's start costs seconds, nearly all of them imports. `multiprocessing`'s fork server imports them
once a session and forks for every program. It runs no operation, so each child makes its own devices and
threads. What a fork cannot show: an import that a program forgets, and TensorFlow's optimization of
graphs, which is off. So `fresh=True` starts one as a user does, and every program is started so somewhere
in the tests.
"""

import importlib
import multiprocessing
import multiprocessing.forkserver
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from unittest import mock

from absl import flags

CHECKOUT = pathlib.Path(__file__).parents[1]
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def start(module, *arguments, fresh=False, log=None, environment=None, folder=CHECKOUT, run=None):
    """Starts `python -m MODULE ARGUMENTS`.

    Args:
      module: name of a module of this checkout.
      *arguments: words, made strings.
      fresh: in a process of its own, as a user starts it.
      log: file for its output; a temporary one by default.
      environment: its variables; those of the tests by default.
      folder: where it runs.
      run: function of `[module, *arguments]` that a fork runs instead.

    Returns:
      A `subprocess.Popen`, or what has the part of its interface that is needed.
    """
    environment = dict(os.environ if environment is None else environment)
    environment["PYTHONPATH"] = str(CHECKOUT)
    words = [module, *map(str, arguments)]
    if not fresh:
        return Forked(run or run_module, words, log, environment, folder)
    with open(log or os.devnull, "w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            stdout=file if log else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=folder,
        )


class Forked:
    """A program in a fork, as a `subprocess.Popen` whose standard error is in its output."""

    def __init__(self, run, words, log, environment, folder):
        self._log = open(log, "w+") if log else tempfile.NamedTemporaryFile("w+", prefix="igc_tf_")
        with mock.patch.dict(os.environ, PYTHONPATH=str(CHECKOUT), TF_CPP_MIN_LOG_LEVEL="3"):
            multiprocessing.forkserver.ensure_running()  # It reads these once, when it starts.
        self._process = _CONTEXT.Process(
            target=_in_fork, args=(run, words, self._log.name, environment, str(folder))
        )
        self._process.start()
        self.pid = self._process.pid
        self.send_signal = lambda number: os.kill(self.pid, number)
        self.terminate, self.kill = self._process.terminate, self._process.kill
        self.poll = lambda: self.returncode

    @property
    def returncode(self):
        return self._process.exitcode

    @property
    def stdout(self):
        """What it has written, from the beginning, however often it is asked for."""
        return open(self._log.name, errors="replace")

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        self.wait(timeout)
        with self.stdout as output:
            return output.read(), None


def _in_fork(run, words, log, environment, folder):
    assert "igc_tf.training.trainer" in sys.modules, "the fork server has imported nothing"
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = words
    try:
        run(words)
    except (Exception, KeyboardInterrupt) as error:  # as Python's own main does
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)
    finally:
        # As at Python's own end: joblib's pool is told to stop. multiprocessing would first wait for
        # its workers, which wait for work for five minutes.
        threading._shutdown()


def imported(tool):
    """The module of a program, for its functions; its flags, which others define too, are undone."""
    known = set(flags.FLAGS)
    module = importlib.import_module(f"tools.{tool}")
    for name in set(flags.FLAGS) - known:
        delattr(flags.FLAGS, name)
    return module


def script(words):
    """For `start`'s `run`: a program of the text words[0], as `python -c` runs it."""
    exec(compile(words[0], "<script>", "exec"), {"__name__": "__main__"})


def eagerly(words):
    """For `start`'s `run`: the module, its functions operation by operation; for a step or two
    that takes less than to make graphs."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    run_module(words)


def run_module(words):
    """What `start` runs unless told otherwise: the program of the module words[0]."""
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
