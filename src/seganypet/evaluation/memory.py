"""How much memory a method needs, apart from what measures it."""

from __future__ import annotations

import ctypes
import gc
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from seganypet.evaluation.fresh_process import peak_resident_bytes, reset_peak_resident
from seganypet.evaluation.methods.interface import Method, Prompting, Scan
from seganypet.prompts import Click
from seganypet.volume import BoolArray


def release_memory() -> None:
    """Give memory that nobody holds back to the system, where it takes it, lest the next method be charged for it.

    Linux's C library keeps freed pages for itself until it is asked (malloc_trim(3)).
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(ctypes.c_size_t(0))


class MemoryWatch:
    """A method, and the most memory that this process held while it worked.

    On systems that cannot begin anew to look for a peak it is the peak of the whole process so far. Neither a GPU's
    memory nor that of programs that a method starts is counted.

    Args:
        method: What is watched.

    Attributes:
        peak_mb: In 10⁶ bytes, Python and libraries included; NaN before any work, and where the system does not tell.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self.prompting: Prompting = method.prompting
        self.peak_mb = math.nan

    def start(self, scan: Scan) -> None:
        """Give the method a scan."""
        with self._watched():
            self._method.start(scan)

    def restart(self, target: str) -> BoolArray:
        """Return the method's mask without clicks."""
        with self._watched():
            return self._method.restart(target)

    def click(self, click: Click) -> BoolArray:
        """Return the method's mask after one more click."""
        with self._watched():
            return self._method.click(click)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        reset_peak_resident()
        try:
            yield
        finally:
            peak = peak_resident_bytes()
            if peak is not None:
                self.peak_mb = max(peak / 1e6, 0.0 if math.isnan(self.peak_mb) else self.peak_mb)
