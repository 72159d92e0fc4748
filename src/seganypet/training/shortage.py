"""What the machine could not give to a training: memory, or the life of a process."""

from __future__ import annotations

import re
from typing import Final

import torch

from seganypet.errors import TrainingError

_LOST_PROCESS: Final = "DataLoader worker (pid"
# What ends a process that was asked to stop, see `stopping.leave_signals_to_the_loop`; Killed, for want of memory.
_ASKED_TO: Final = ("Terminated", "Alarm clock")
_NO_MEMORY: Final = re.compile(r"out of memory|can't allocate memory|not enough memory|ALLOC_FAILED")


class ShortageError(TrainingError):
    """A machine that has no more memory, or has ended a process that prepares samples."""


def shortage(error: BaseException) -> ShortageError | None:
    """Return what an error tells of the machine, with the remedy; None where it tells of other things.

    Args:
        error: As torch's allocators, its data loader and Python raise them.
    """
    if not isinstance(error, RuntimeError | MemoryError):
        return None
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if _LOST_PROCESS in reason and any(signal in reason for signal in _ASKED_TO):
        return ShortageError(
            f"a process that prepares patches was told to stop ({reason}) and the training was not; stop the training "
            "itself, and resume"
        )
    if _LOST_PROCESS in reason:
        return ShortageError(
            f"a process that prepares patches was ended ({reason}), mostly because memory ran out; resume with fewer "
            "--workers, or begin a new run with a lower batch_size"
        )
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _NO_MEMORY.search(reason):
        return ShortageError(
            f"memory ran out ({reason}); begin a new run with a lower batch_size and, to make up for it, a higher "
            "loop.accumulation, or with a lower episode.clicks; or free memory and resume"
        )
    return None
