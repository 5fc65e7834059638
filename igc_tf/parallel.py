"""Many small calls on all cores, in order."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")

#: Calls made ahead; bounds what waits in memory.
_AHEAD = 64


def ahead(calls: Iterable[tuple[Key, Callable[[], Result]]]) -> Iterator[tuple[Key, Result]]:
    """(key, what the call returned), in the order of `calls`.

    The calls run in threads, a few ahead of the consumer: it pays for those that leave the interpreter to
    others, such as Pillow's decoding and resizing. What a call raises is raised here.
    """
    waiting: collections.deque[tuple[Key, Future]] = collections.deque()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        try:
            for key, call in calls:
                waiting.append((key, pool.submit(call)))
                if len(waiting) >= _AHEAD:
                    key, future = waiting.popleft()
                    yield key, future.result()
            for key, future in waiting:
                yield key, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
