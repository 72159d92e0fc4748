"""Requests to stop: signals and a time limit, heeded when the optimiser step is done."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What a data-loading process has left after SIGTERM, in seconds.
_GRACE_S = 30
# Niceness of processes that prepare samples: a tenth of the weight of others.
_GIVES_WAY = 10
_IMPATIENT_AFTER_S = 2.0


class StopRequests:
    """While entered, SIGTERM and SIGINT only set `reason`; another SIGINT, seconds later, acts as it did before.

    Schedulers of computing centres send SIGTERM some time before they kill. They, and terminals, send it to torchrun
    as well, which passes it on: so the same wish arrives twice, and the second at once after the first means nothing.

    Args:
        after_s: Ask for a stop after this time, in seconds; None: never.
    """

    def __init__(self, after_s: float | None = None) -> None:
        self._after_s = after_s
        self._signal, self._noted = "", 0.0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> str:
        """Why to stop; empty: not yet."""
        if self._signal:
            return self._signal
        if self._after_s is not None and time.monotonic() - self._began >= self._after_s:
            return f"the time limit of {self._after_s:g} s"
        return ""

    def __enter__(self) -> StopRequests:
        self._began = time.monotonic()
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if number == signal.SIGINT and self._signal and now - self._noted > _IMPATIENT_AFTER_S:
            self._restore()
            signal.raise_signal(number)
        self._signal, self._noted = self._signal or signal.Signals(number).name, now

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)


def _give_way() -> None:
    """Let a process that prepares samples run where the training leaves room; on a CPU they share the cores.

    Threads that compute a step together wait for the slowest of them, so one that must share its core costs all.
    """
    if hasattr(os, "nice"):
        os.nice(_GIVES_WAY)
    with suppress(OSError):  # Linux weighs sessions first, and only then the processes of each
        Path("/proc/self/autogroup").write_text(str(_GIVES_WAY), encoding="ascii")


def leave_signals_to_the_loop(worker: int) -> None:
    """Make a data-loading process outlive SIGTERM and SIGINT, so that the step they interrupt can be finished.

    What is sent to the whole process group, as a terminal and `timeout` do, does not reach it. After a SIGTERM that
    does, it ends within half a minute: Python ends its child processes so when it exits, and waits for them.

    Args:
        worker: Its number, as `DataLoader(worker_init_fn=...)` gives it.
    """
    if hasattr(os, "setsid"):  # not on Windows
        os.setsid()
    _give_way()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):  # likewise
        signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(_GRACE_S))
