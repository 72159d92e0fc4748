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
    found = corrected(before, after, [Click((5, 5, 5))], P)
    assert torch.equal(found > 0, logits(A, B) > 0)
    assert found[0, 0, 5, 5, 5] == 2
    assert found[0, 0, 1, 1, 1] == 1  # kept as it was
    assert found[0, 0, 9, 9, 9] == -1
    assert found[0, 0, 0, 11, 0] == -2  # not changed: what the network says now


def test_a_negative_click_removes_its_part_and_adds_nothing():
    found = corrected(logits(A, B), logits(C), [Click((5, 5, 5), positive=False)], P)
    assert torch.equal(found > 0, logits(A) > 0)


def test_a_click_beside_a_part_by_one_voxel_means_it():
    found = corrected(logits(A, C), logits(A, B, C), [Click((3, 5, 5))], P)
    assert (found[0, 0, 4:6, 5, 5] > 0).all()
    assert not (logits(A, C) > 0)[0, 0, 4:6, 5, 5].any()


@pytest.mark.parametrize("positive", [True, False])
def test_a_correction_of_a_trusted_mask_reaches_no_farther_than_the_target_is_large(positive):
    """27 voxels are a ball of 1.86 voxels radius: of a bar along i one to each side of the click changes."""
    bar = (slice(0, P), slice(10, 11), slice(10, 11))
    before, after = (logits(A), logits(A, bar)) if positive else (logits(A, bar), logits(A))
    found = corrected(before, after, [Click((6, 10, 10), positive)], P, trusted=True)[0, 0] > 0
    reach = 1 if positive else 2  # 39 voxels before the negative click: 2.1
    changed = torch.nonzero(found != (before[0, 0] > 0)).tolist()
    assert changed == [[i, 10, 10] for i in range(6 - reach, 7 + reach)]


def test_what_was_not_shown_is_no_target_and_bridges_nothing():
    """C hangs on nothing that was clicked; the new prediction joins it to B, but only B is near the click."""
    bridge = (slice(7, 8),) * 3
    before, after = logits(A, C), logits(A, B, C, bridge)
    found = corrected(before, after, [Click((1, 1, 1)), Click((5, 5, 5))], P, trusted=True)[0, 0] > 0
    assert found[1, 1, 1]
    assert found[5, 5, 5]
    assert not found[8:, 8:, 8:].any()
    far = corrected(before, logits(A, B), [Click((1, 1, 1)), Click((5, 5, 5))], P)[0, 0] > 0
    assert torch.equal(far, logits(A, B)[0, 0] > 0)


def test_nothing_limits_what_is_added_where_there_was_no_target():
    found = corrected(logits(), logits((slice(1, 11),) * 3), [Click((5, 5, 5))], P, trusted=True)
    assert (found > 0).sum() == 1000


def test_logits_of_a_lower_resolution():
    """Of a window of twice as many voxels a side the click lies at half the coordinates."""
    found = corrected(logits(A), logits(B, C), [Click((10.5, 10.5, 10.5))], 2 * P)
    assert torch.equal(found > 0, logits(A, B) > 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_changes_go_one_way_and_are_the_networks_own(seed, positive):
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randn(1, 1, 6, 6, 6, generator=generator) for _ in range(2))
    found = corrected(before, after, [Click((2, 3, 4), positive)], 6)
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
