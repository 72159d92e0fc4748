"""Folders of a training: that they can be folders, and that one run at a time uses a run's."""

from __future__ import annotations

import errno
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from seganypet.errors import OutputError, SegAnyPETWarning, TrainingError
from seganypet.training.distributed import Processes

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK: Final = "lock"
"""Name of the file in a run folder that the run's first process keeps locked; it says which process that is."""

_held: set[Path] = set()


def require_folder(folder: Path) -> None:
    """Refuse a folder that is a file, or lies in one.

    Raises:
        OutputError: It names that file.
    """
    for place in (folder, *folder.parents):
        try:
            if place.is_dir():
                return
            there = place.exists()
        except OSError:  # may not be looked at: whoever writes will tell
            return
        if there:
            where = "" if place == folder else f", so {folder} cannot lie in it"
            raise OutputError(f"{place}: is a file{where}; choose another folder")


@contextmanager
def locked(run: Path, processes: Processes) -> Iterator[None]:
    """Keep a run folder to this run while the block lasts; the folder is created where it is missing.

    The first process holds the lock. It goes with that process, however it ends, so a run that was killed can be
    resumed at once. Blocks of one process for the same folder may be nested.

    Raises:
        TrainingError: Another process holds the folder.
        OutputError: The folder is a file, lies in one, or cannot be written to.
    """
    with ExitStack() as stack:
        processes.on_first(lambda: stack.enter_context(_locked(run)))
        yield


@contextmanager
def _locked(run: Path) -> Iterator[None]:
    require_folder(run)
    name = Path(os.path.realpath(run))
    if name in _held:
        yield
        return
    file = _opened(run)
    try:
        _lock(file, run)
        _held.add(name)
        yield
    finally:
        _held.discard(name)
        os.close(file)  # unlocks


def _opened(run: Path) -> int:
    try:
        run.mkdir(parents=True, exist_ok=True)
        return os.open(run / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"{run / LOCK}: cannot be written ({error.strerror}); choose another folder or free space"
        ) from error


def _lock(file: int, run: Path) -> None:
    """Lock an open file and write into it who did; warn where that is impossible, refuse where another has.

    The lock is POSIX's, not flock's: processes forked to load data do not inherit it, and so cannot keep it when the
    one that trains is killed.
    """
    try:
        if fcntl is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise TrainingError(
                f"{run} is in use by another training ({_holder(run)}); stop that one or wait for its end, or choose "
                "another folder"
            ) from error
        warnings.warn(
            f"{run}: cannot be locked here ({error.strerror}); see that no other training uses it",
            SegAnyPETWarning,
            stacklevel=2,
        )
    with suppress(OSError):  # a full disk; who holds the lock is for messages only
        os.ftruncate(file, 0)
        os.write(file, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode() + b"\n")


def _holder(run: Path) -> str:
    """Return who says to hold the lock."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        holder = json.loads((run / LOCK).read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}"
    return "process unknown"
