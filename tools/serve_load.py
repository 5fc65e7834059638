"""Puts a model server under load, and says how long it took, what was lost, and what memory it took.

    python -m tools.serve_load --server=localhost:8500 --requests=2000 --clients=16 --server_pid=1234

Every client sends one request after the other. Memory is the resident set of --server_pid, a process on
this machine, once a quarter of the requests is done and at the end.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import pathlib
import time

import numpy as np
from absl import flags

from igc_tf import disk

from . import program

FLAGS = flags.FLAGS
flags.DEFINE_string("server", "localhost:8500", "host:port.")
flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "How to ask.")
flags.DEFINE_string("model", "igc", "Name of the model on the server.")
flags.DEFINE_string("signature", "serving_default", "Signature; its input must be `images`.")
flags.DEFINE_integer("requests", 2000, "Requests in all.", lower_bound=8)
flags.DEFINE_integer("clients", 16, "Clients at a time.", lower_bound=1)
flags.DEFINE_integer("batch_size", 1, "Pictures a request.", lower_bound=1, upper_bound=256)
flags.DEFINE_integer("side", 64, "Side of the pictures, px.", lower_bound=16, upper_bound=4096)
flags.DEFINE_float("timeout", 60.0, "Seconds a request may take.", lower_bound=0.001)
flags.DEFINE_integer("server_pid", None, "The server's process, whose memory to watch.")
flags.DEFINE_string("json", None, "File to write the numbers to.")


def main(argv: list[str]) -> int:
    """Prints the figures; 1 if a request was lost."""
    program.no_arguments(argv)
    with program.plain_errors():
        numbers = _measure()
        for name, value in numbers.items():
            print(f"{name:24} {value:,.4g}")
        if FLAGS.json:
            path = pathlib.Path(FLAGS.json)
            path.parent.mkdir(parents=True, exist_ok=True)
            disk.write_text(path, json.dumps(numbers, indent=2) + "\n")
    return 1 if numbers["lost"] else 0


def _measure() -> dict[str, float]:
    from igc_tf.serving import client

    side, count = FLAGS.side, FLAGS.batch_size
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    turns, memory = itertools.count(), {}
    warm = FLAGS.requests // 4

    def ask(number: int) -> tuple[list[float], list[str]]:
        del number
        connection = client.CONNECTIONS[FLAGS.protocol](
            FLAGS.server, FLAGS.model, None, FLAGS.timeout
        )
        seconds, lost = [], []
        while (turn := next(turns)) < FLAGS.requests:
            if turn == warm:
                memory["warm"] = _memory()
            start = time.perf_counter()
            try:
                client.predict(connection, FLAGS.signature, {"images": images})
                seconds.append(time.perf_counter() - start)
            except client.ServerError as error:
                lost.append(str(error))
        return seconds, lost

    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(FLAGS.clients) as pool:
        found = list(pool.map(ask, range(FLAGS.clients)))
    elapsed = time.perf_counter() - begin
    seconds = np.concatenate([taken for taken, _ in found])
    lost = [reason for _, reasons in found for reason in reasons]
    for reason in lost[:3]:
        print(f"WARNING: lost: {reason}")
    if not len(seconds):
        raise ValueError(f"No request was answered: {lost[0]}")
    numbers = {
        "requests": FLAGS.requests,
        "answered": len(seconds),
        "lost": len(lost),
        "p50_ms": 1e3 * float(np.percentile(seconds, 50)),
        "p99_ms": 1e3 * float(np.percentile(seconds, 99)),
        "requests_per_second": len(seconds) / elapsed,
        "pictures_per_second": len(seconds) * count / elapsed,
    }
    if FLAGS.server_pid:
        numbers["memory_warm_mb"], numbers["memory_end_mb"] = memory["warm"], _memory()
        growth = numbers["memory_end_mb"] / numbers["memory_warm_mb"] - 1
        numbers["memory_growth_percent"] = 100 * growth
    return numbers


def _memory() -> float:
    """Resident set of the server, MB; 0 where none is watched."""
    import psutil

    if not FLAGS.server_pid:
        return 0.0
    try:
        return psutil.Process(FLAGS.server_pid).memory_info().rss / 1e6
    except psutil.NoSuchProcess as error:
        raise ValueError(f"--server_pid={FLAGS.server_pid}: no such process.") from error


if __name__ == "__main__":
    program.run(main)
