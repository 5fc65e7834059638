"""Starts `server` in a process of its own."""

import contextlib
import json
import time

from tests import programs


@contextlib.contextmanager
def serve(folder):
    """The models of a folder of versions behind gRPC and REST: the process, and `server`'s first line."""
    process = programs.start("tests.serving.server", folder)
    try:
        while not (line := process.stdout.readline()).endswith("\n"):
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.05)
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait(30)
