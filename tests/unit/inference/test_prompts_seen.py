"""What the network is shown, click by click: coordinates, labels, previous logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seganypet.inference import Session
from seganypet.volume import Volume
from synthetic_model import half_of_click

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
PATCH = 16
POLICIES = ("all", "newest")
# The window is placed around the first click, so that this one lies in its voxel 8, 8, 8.
FIRST, EXCLUDED, SECOND = (8, 8, 8), (9, 12, 8), (6, 7, 9)


def one_window(policy: str, shrink: int = 1) -> Session:
    """A hot block inside a volume of one window."""
    suv = np.ones((PATCH, PATCH, PATCH), np.float32)
    suv[5:11, 5:14, 5:11] = 10.0
    session = Session(half_of_click(patch_size=PATCH, shrink=shrink, prompt_policy=policy))
    session.set_volume(Volume(suv, AFFINE))
    return session


def long_block(policy: str, shrink: int = 1) -> Session:
    """A hot block that spans several windows along its first axis."""
    suv = np.ones((64, 24, 24), np.float32)
    suv[2:62, 8:16, 8:16] = 10.0
    session = Session(half_of_click(patch_size=PATCH, shrink=shrink, prompt_policy=policy))
    session.set_volume(Volume(suv, AFFINE))
    return session


def seen(session: Session, call: int = -1) -> tuple[list[list[float]], list[int], torch.Tensor | None]:
    """Return the clicks, labels and previous logits of a decoding."""
    coords, labels, previous = session.model.network.seen[call]
    return coords[0].tolist(), labels[0].tolist(), previous


def said(session: Session) -> torch.Tensor:
    """Return the logits of the only window."""
    (low_res,) = session.state.found.now().windows.values()
    return low_res.clone()


def point(ijk: tuple[int, int, int]) -> list[float]:
    return [float(c) for c in ijk]


@pytest.mark.parametrize("shrink", [1, 4])
@pytest.mark.parametrize("policy", POLICIES)
def test_clicks_and_logits_one_after_the_other_with_undo_in_between(policy, shrink):
    session = one_window(policy, shrink)
    session.add_click(FIRST)
    assert seen(session) == ([point(FIRST)], [1], None)
    after_first = said(session)

    session.add_click(EXCLUDED, positive=False)
    coords, labels, previous = seen(session)
    earlier = policy == "all"
    assert coords == [point(FIRST)] * earlier + [point(EXCLUDED)]
    assert labels == [1] * earlier + [0]
    assert torch.equal(previous, after_first)
    after_exclusion = said(session)

    session.undo()
    session.add_click(SECOND)
    coords, labels, previous = seen(session)
    assert coords == [point(FIRST)] * earlier + [point(SECOND)]
    assert labels == [1] * earlier + [1]
    assert torch.equal(previous, after_first)

    session.undo()
    session.redo()
    session.undo()
    session.add_click(EXCLUDED, positive=False)  # as if nothing else had been done in between
    assert torch.equal(said(session), after_exclusion)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("again", ["undo", "reset", "set_volume"])
def test_nothing_is_known_when_a_window_is_looked_at_first(policy, again):
    session = one_window(policy)
    session.add_click(FIRST)
    if again == "set_volume":
        session.set_volume(session.volume)
    else:
        getattr(session, again)()
    session.add_click(FIRST)
    assert seen(session) == ([point(FIRST)], [1], None)


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_known_in_a_window_apart_from_all_others(policy):
    suv = np.ones((64, 24, 24), np.float32)
    suv[6:10, 10:14, 10:14] = suv[50:54, 10:14, 10:14] = 10.0
    session = Session(half_of_click(patch_size=PATCH, prompt_policy=policy))
    session.set_volume(Volume(suv, AFFINE))
    session.add_click((8, 12, 12))
    session.add_click((52, 12, 12))
    coords, labels, previous = seen(session)
    assert (len(coords), labels, previous) == (1, [1], None)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_pass_is_shown_the_logits_of_the_pass_before(policy):
    session = Session(half_of_click(patch_size=PATCH, prompt_policy=policy, passes=(3, 2)))
    session.set_volume(one_window(policy).volume)
    session.add_click(FIRST)
    session.add_click(EXCLUDED, positive=False)
    previous = [seen(session, call)[2] for call in range(5)]
    assert previous[0] is None
    assert all(p is not None for p in previous[1:])
    clicks = [len(seen(session, call)[0]) for call in range(5)]
    assert clicks == ([1, 1, 1, 2, 2] if policy == "all" else [1] * 5)


@pytest.mark.parametrize("policy", POLICIES)
def test_only_windows_that_hold_the_newest_click_are_decoded_again(policy):
    session = long_block(policy)
    session.add_click((32, 12, 12))
    windows = dict(session.state.found.now().windows)
    assert len(windows) >= 6
    decoded = session.model.network.decoded
    session.add_click((56, 12, 12))
    changed = [w for w, low_res in session.state.found.now().windows.items() if low_res is not windows[w]]
    assert 1 <= len(changed) == session.model.network.decoded - decoded
    for window in changed:
        assert window[0] <= 56 < window[0] + PATCH
    for call in range(decoded, session.model.network.decoded):
        coords, labels, _ = seen(session, call)
        assert labels == [1]  # the other click is in none of these windows
        assert coords[0][1:] == [12.0 - next(iter(changed))[1], 12.0 - next(iter(changed))[2]]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_window_without_a_click_is_shown_the_middle_of_what_is_known(policy):
    session = long_block(policy)
    session.add_click(
        (32, 12, 12)
    )  # its window is voxels 24 to 39; the next begin at 16 and 32, with the click; then 8
    calls = {
        tuple(c - p for c, p in zip((32, 12, 12), coords[0, 0].tolist(), strict=True)): previous
        for coords, _, previous in session.model.network.seen
    }
    assert calls[(24, 4, 4)] is None
    without = [
        (seen(session, n), w) for n, w in enumerate(session.state.found.now().windows) if w[0] in (8, 40)
    ]
    assert without
    for (coords, labels, previous), window in without:
        assert labels == [1]
        here = [round(c) + w for c, w in zip(coords[0], window, strict=True)]
        assert 2 <= here[0] < 62
        assert all(8 <= c < 16 for c in here[1:])
        assert (previous > 0).any()
        assert (previous == 0).any()  # what no window has seen yet


@pytest.mark.parametrize("shrink", [1, 4])
def test_logits_of_several_windows_are_not_blurred_by_every_click(shrink):
    session = long_block("newest", shrink)
    session.add_click((32, 12, 12))
    for _ in range(6):
        before = dict(session.state.found.now().windows)
        session.add_click((32, 12, 12))
        now = session.state.found.now().windows
        *_, last = (window for window in before if now[window] is not before[window])
        # all windows agree, so that each is shown what it said itself
        torch.testing.assert_close(seen(session)[2], before[last], atol=1e-3, rtol=0)
