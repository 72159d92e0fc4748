"""Random walker and watershed between clicks and the box around them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.seeded import SPREADS, SeededMethod
from seganypet.prompts import Click
from seganypet.volume import Volume

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


@pytest.fixture
def two_blocks() -> Scan:
    """Two hot blocks with a warm seam between them, in a body of SUV 1."""
    suv = np.ones((40, 30, 30), np.float32)
    suv[10:16, 12:18, 12:18] = 8.0
    suv[16, 12:18, 12:18] = 7.5
    suv[17:23, 12:18, 12:18] = 8.0
    return Scan(case="a", volume=Volume(suv, AFFINE))


def inner(start: int) -> tuple[slice, slice, slice]:
    """A block without its outermost voxels, where the slope is steep."""
    return slice(start + 1, start + 5), slice(13, 17), slice(13, 17)


@pytest.mark.parametrize("spread", SPREADS)
def test_a_click_gives_what_is_like_it_and_a_negative_one_takes_its_side_away(two_blocks, spread):
    method = SeededMethod(SPREADS[spread])
    method.start(two_blocks)
    both = method.click(Click((12, 15, 15), True))
    assert both[inner(10)].all()
    assert both[inner(17)].all()
    assert not both[:9].any()
    one = method.click(Click((20, 15, 15), False))
    assert one[inner(10)].all()
    assert not one[18:].any()


def test_a_random_walk_finds_the_border_to_the_voxel(two_blocks):
    method = SeededMethod(SPREADS["random_walker"])
    method.start(two_blocks)
    assert np.array_equal(method.click(Click((12, 15, 15), True)), two_blocks.volume.array > 2)


@pytest.mark.parametrize("spread", SPREADS)
def test_restart_forgets_the_clicks(two_blocks, spread):
    method = SeededMethod(SPREADS[spread])
    method.start(two_blocks)
    first = method.click(Click((12, 15, 15), True))
    method.click(Click((20, 15, 15), False))
    assert not method.restart("lesion").any()
    assert np.array_equal(method.click(Click((12, 15, 15), True)), first)


def test_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "seganypet\[evaluate\]"'):
        SeededMethod(SPREADS["watershed"])
