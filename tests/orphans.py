"""Whether processes outlive the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

on_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="asks Linux which processes run")


def assert_none_outlives(
    script: Path, arguments: Sequence[object], pids: Sequence[Path], number: int
) -> None:
    """Start a script, wait until its processes have written their ids into files, end it; they must end too.

    Args:
        script: To be run by Python.
        arguments: Its own.
        pids: The files.
        number: The signal that ends it, and only it.
    """
    command = [sys.executable, str(script), *map(str, arguments)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _wait_for(lambda: all(path.exists() and path.read_text() for path in pids))
        process.send_signal(number)
        assert process.wait() == -number
        _wait_for(lambda: not any(map(_runs, pids)))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.05)


def _runs(path: Path) -> bool:
    """Return whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{path.read_text()}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
