"""A correction changes the part that the click lies in: by hand, and in a session."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.inference import Session
from seganypet.inference.corrections import corrected
from seganypet.prompts import Click
from seganypet.volume import Volume
from synthetic_model import half_of_click

P = 12


def logits(*inside: tuple[slice, slice, slice], strength: float = 1.0) -> torch.Tensor:
    drawn = torch.full((1, 1, P, P, P), -strength)
    for box in inside:
        drawn[(0, 0, *box)] = strength
    return drawn


A, B, C = ((slice(n, n + 3),) * 3 for n in (0, 4, 8))


def test_a_positive_click_adds_its_part_and_takes_nothing_away():
    before, after = logits(A), logits(B, C, strength=2.0)
    found = corrected(before, after, Click((5, 5, 5)), P)
    assert torch.equal(found > 0, logits(A, B) > 0)
    assert found[0, 0, 5, 5, 5] == 2
    assert found[0, 0, 1, 1, 1] == 1  # kept as it was
    assert found[0, 0, 9, 9, 9] == -1
    assert found[0, 0, 0, 11, 0] == -2  # not changed: what the network says now


def test_a_negative_click_removes_its_part_and_adds_nothing():
    found = corrected(logits(A, B), logits(C), Click((5, 5, 5), positive=False), P)
    assert torch.equal(found > 0, logits(A) > 0)


def test_a_click_beside_a_part_by_one_voxel_means_it():
    found = corrected(logits(A), logits(A, B), Click((3, 4, 4)), P)
    assert torch.equal(found > 0, logits(A, B) > 0)


def test_logits_of_a_lower_resolution():
    """Of a window of twice as many voxels a side the click lies at half the coordinates."""
    found = corrected(logits(A), logits(B, C), Click((10.5, 10.5, 10.5)), 2 * P)
    assert torch.equal(found > 0, logits(A, B) > 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_changes_go_one_way_and_are_the_networks_own(seed, positive):
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randn(1, 1, 6, 6, 6, generator=generator) for _ in range(2))
    found = corrected(before, after, Click((2, 3, 4), positive), 6)
    old, new, now = before > 0, after > 0, found > 0
    assert not (now & ~old).any() if not positive else not (old & ~now).any()
    assert torch.equal(now[old == new], old[old == new])


@pytest.mark.parametrize("local", [False, True])
def test_a_session_keeps_what_was_not_clicked(local):
    """The second click is hotter, so that the network forgets the first block."""
    suv = np.ones((16, 16, 16), np.float32)
    suv[2:5, 2:5, 2:5], suv[10:13, 10:13, 10:13] = 5.0, 40.0
    session = Session(half_of_click(patch_size=32, local=local))
    session.set_volume(Volume(suv, np.diag([4.0, 4.0, 4.0, 1.0])))
    first = session.add_click((3, 3, 3)).array
    assert first[3, 3, 2]
    second = session.add_click((11, 11, 11)).array
    assert second[11, 11, 10]
    assert second[3, 3, 2] == local
