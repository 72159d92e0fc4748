"""The memory that a method needs, apart from what measures it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from seganypet.evaluation.memory import MemoryWatch, release_memory
from seganypet.prompts import Click
from told_method import Told

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux begins anew to look for a peak")
MB = 300


class Hungry(Told):
    """Holds memory while it answers."""

    def click(self, *given):
        held = np.ones(MB * 10**6, np.uint8)
        assert held[-1]
        return super().click(*given)


def test_what_is_held_during_a_click_counts_and_what_is_held_between_does_not():
    mask = np.zeros((4, 4, 4), dtype=bool)
    quiet, hungry = MemoryWatch(Told(mask)), MemoryWatch(Hungry(mask))
    for method in (quiet, hungry):
        method.restart("liver")
        method.click(Click((1, 1, 1)))
        between = np.ones(2 * MB * 10**6, np.uint8)
        assert between[-1]
        del between
        method.click(Click((1, 1, 1)))
    assert hungry.peak_mb - quiet.peak_mb == pytest.approx(MB, abs=60)


def test_is_the_method_otherwise():
    mask = np.ones((4, 4, 4), dtype=bool)
    method = Told(mask)
    watch = MemoryWatch(method)
    watch.start("a scan")
    assert (watch.prompting, method.scan) == ("clicks", "a scan")
    assert not watch.restart("liver").any()
    assert watch.click(Click((1, 1, 1))) is mask
    assert (method.targets, method.clicks) == (["liver"], [Click((1, 1, 1))])


class Knot:
    """Refers to itself, as networks with hooks do, and so outlives its last name."""

    def __init__(self, held):
        self.held, self.itself = held, self


def resident_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1e3


def test_what_nobody_holds_any_more_goes_back_to_the_system():
    release_memory()  # what earlier tests have left would be used first
    before = resident_mb()
    # Pieces too small to be mapped one by one, and a last one that keeps the heap from shrinking by itself.
    knot = Knot([bytearray(50_000) for _ in range(20 * MB)])
    last = bytearray(50_000)
    assert resident_mb() - before > 0.8 * MB
    del knot
    release_memory()
    assert last is not None
    assert resident_mb() - before < 0.2 * MB
