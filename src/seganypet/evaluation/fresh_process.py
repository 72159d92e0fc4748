"""Work in a process of its own, whose peak memory nothing else has raised."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch

from seganypet.errors import SegAnyPETWarning, UsageError

T = TypeVar("T")


def in_fresh_process(function: Callable[..., T], *arguments: Any, threads: int | None = None) -> T:
    """Return what a function returns when a new interpreter runs it.

    Args:
        function: Of a module's top level; like its arguments and its result, it must pickle.
        *arguments: Given to the function.
        threads: Of torch; its own choice by default.

    Raises:
        UsageError: The process came to an end by itself, as where memory runs out.
        Exception: What the function raises.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_run, function, arguments, threads).result()
        except BrokenProcessPool as error:
            raise UsageError(
                "the measuring process was ended from outside, most likely for want of memory; "
                "choose a smaller --shape or fewer networks"
            ) from error


def peak_resident_bytes() -> int | None:
    """Return the largest memory this process has held so far on the host, or None where the system does not tell.

    On Linux this is VmHWM, which begins anew with each program; `ru_maxrss` there is inherited from the
    process that started this one.
    """
    system = platform.system()
    if system == "Linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    if system == "Darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes; kilobytes elsewhere
    return None


def reset_peak_resident() -> bool:
    """Begin anew to look for the peak; return whether the system can (Linux: proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_gpu_bytes(device: torch.device) -> int | None:
    """Return the largest memory this process's tensors have held so far on a GPU; None on another device."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def _run(function: Callable[..., T], arguments: tuple[Any, ...], threads: int | None) -> T:
    """Run in the new process; whoever asked for it has given the warnings."""
    if threads is not None:
        torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegAnyPETWarning)
        return function(*arguments)
