"""Processes that read or write many files side by side, and end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, TypeVar

from seganypet.errors import OutputError

T = TypeVar("T")


def side_by_side(
    work: Callable[..., T], arguments: Sequence[tuple[Any, ...]], jobs: int, *, called: str
) -> Iterator[tuple[int, T]]:
    """Do a work with each of several arguments; yield the number of each, from 0, and what it gave, as they finish.

    With one job, or one work to do, it is done in this process.

    Args:
        work: A function that a new process can import.
        arguments: Of each call.
        jobs: Processes that work at the same time.
        called: The function that a script calls for this, for the message.

    Raises:
        OutputError: A process was ended from outside.
    """
    if jobs == 1 or len(arguments) < 2:
        for number, given in enumerate(arguments):
            yield number, work(*given)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(jobs, len(arguments)), mp_context=context, initializer=_end_with_parent
    ) as pool:
        numbers = {pool.submit(work, *given): number for number, given in enumerate(arguments)}
        try:
            for future in as_completed(numbers):
                yield numbers[future], future.result()
        except BrokenProcessPool as error:
            raise OutputError(
                f"a process that {called} started was ended ({error}); give it more memory or fewer jobs, and in a "
                f'script call {called} under if __name__ == "__main__"'
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """Leave interrupts to the parent, and end when it ends, however it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def watch() -> None:
            connection.wait([sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
