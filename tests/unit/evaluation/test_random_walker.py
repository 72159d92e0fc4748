"""The random walker between clicks and the box around them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.evaluation.random_walker import RandomWalkerMethod
from seganypet.prompts import Click
from seganypet.volume import Volume

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


@pytest.fixture
def two_blocks() -> Volume:
    """Two hot blocks with a warm seam between them, in a body of SUV 1."""
    suv = np.ones((40, 30, 30), np.float32)
    suv[10:16, 12:18, 12:18] = 8.0
    suv[16, 12:18, 12:18] = 7.5
    suv[17:23, 12:18, 12:18] = 8.0
    return Volume(suv, AFFINE)


def test_a_click_gives_what_is_like_it_and_a_negative_one_takes_its_side_away(two_blocks):
    method = RandomWalkerMethod()
    method.start(two_blocks)
    both = method.click(Click((12, 15, 15), True))
    assert both[10:16, 12:18, 12:18].all()
    assert both[17:23, 12:18, 12:18].all()
    assert not both[:9].any()
    one = method.click(Click((20, 15, 15), False))
    assert one[10:16, 12:18, 12:18].all()
    assert not one[17:23].any()


def test_restart_forgets_the_clicks(two_blocks):
    method = RandomWalkerMethod()
    method.start(two_blocks)
    first = method.click(Click((12, 15, 15), True))
    method.click(Click((20, 15, 15), False))
    method.restart()
    assert np.array_equal(method.click(Click((12, 15, 15), True)), first)


def test_refuses_a_beta_that_is_none():
    with pytest.raises(UsageError, match=r"beta is 0\.0"):
        RandomWalkerMethod(0.0)


def test_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "seganypet\[evaluate\]"'):
        RandomWalkerMethod()
