"""A session holds boxes of the working grid, never the whole of it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seganypet.evaluation.fresh_process import in_fresh_process, peak_resident_bytes
from seganypet.inference import Session
from seganypet.volume import Mask, Volume
from synthetic_model import half_of_click

SHAPE, SPACING_MM, CENTRE = (80, 80, 100), 6.0, (40, 40, 50)
AFFINE = np.diag([SPACING_MM] * 3 + [1.0])
PATCH, SHRINK, WORKING_MM = 32, 4, 1.5
WORKING_GRID_BYTES = 4 * np.prod(SHAPE) * (SPACING_MM / WORKING_MM) ** 3  # 164 MB
MASK_BYTES = np.prod(SHAPE)  # 0.6 MB
WINDOW_BYTES = 4 * PATCH**3  # 0.1 MB


@pytest.fixture
def session() -> Session:
    """A lesion of 18 mm in a body of 480 × 480 × 600 mm, and a network that works at 1.5 mm."""
    return lesion()


def lesion(shape: tuple[int, int, int] = SHAPE, *others: tuple[int, int, int]) -> Session:
    suv = np.ones(shape, np.float32)
    for centre in (tuple(n // 2 for n in shape), *others):
        suv[tuple(slice(c - 1, c + 2) for c in centre)] = 10
    session = Session(half_of_click(patch_size=PATCH, shrink=SHRINK, spacing_mm=WORKING_MM))
    session.set_volume(Volume(suv, AFFINE))
    return session


def traced(action: Callable[[], object]) -> int:
    """Return by how many bytes an action raised what numpy had allocated, at its highest."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_taking_a_volume_costs_nothing(session):
    assert traced(lambda: session.set_volume(session.volume)) < 100_000


def test_a_click_costs_its_mask_and_some_windows(session):
    assert traced(lambda: session.add_click(CENTRE)) < 2 * MASK_BYTES + 20 * WINDOW_BYTES
    assert len(session.state.found.now().windows) == 1


def test_a_given_mask_is_kept_as_it_is(session):
    given = np.zeros(SHAPE, bool)
    given[tuple(slice(c - 3, c) for c in CENTRE)] = True
    mask = Mask(given, AFFINE)
    assert traced(lambda: session.add_mask(mask)) < 2 * MASK_BYTES + 20 * WINDOW_BYTES
    assert session.state.found.now().prior.mask.array is mask.array
    assert traced(lambda: session.add_click(CENTRE)) < 2 * MASK_BYTES + 20 * WINDOW_BYTES


def test_a_long_target_costs_its_windows(session):
    suv = session.volume.array.copy()
    suv[25:65, 39:42, 49:52] = 10
    session.set_volume(Volume(suv, AFFINE))
    peak = traced(lambda: session.add_click(CENTRE))
    windows = len(session.state.found.now().windows)
    assert windows >= 8
    assert peak < 2 * MASK_BYTES + 10 * windows * WINDOW_BYTES < 0.2 * WORKING_GRID_BYTES


def test_undo_keeps_the_decoders_own_logits_and_nothing_else(session):
    for _ in range(8):
        session.add_click(CENTRE)
    kept = {id(t): t for state in session._history for t in state.found.now().windows.values()}
    assert len(kept) == 8
    assert all(t.shape[-1] == PATCH // SHRINK for t in kept.values())
    assert all(t.untyped_storage().nbytes() == WINDOW_BYTES / SHRINK**3 for t in kept.values())

    def clicks() -> None:
        for _ in range(20):
            session.add_click(CENTRE)

    assert traced(clicks) < 2 * MASK_BYTES + 20 * WINDOW_BYTES  # as for one


def test_probability_and_uncertainty_cost_themselves_once(session):
    session.add_click(CENTRE)
    for name in ("probability", "uncertainty"):
        assert traced(lambda name=name: getattr(session, name)) < 1.2 * session.volume.array.nbytes + 1e6


def raised_resident() -> dict[str, int]:
    """Return by how many bytes each of a reader's acts raised the process's peak memory, torch's included."""
    lesion((8, 8, 8)).add_click((4, 4, 4))  # what the libraries need at their first use is no session's
    far = (8, 8, 8)
    session = lesion(SHAPE, far)
    acts: dict[str, Callable[[], object]] = {
        "volume": lambda: session.set_volume(session.volume),
        "click": lambda: session.add_click(CENTRE),
        "click far away": lambda: session.add_click(far),
        "probability": lambda: session.probability,
        "undo": session.undo,
        "mask": lambda: session.add_mask(session.mask),
        "click on it": lambda: session.add_click(CENTRE),
    }
    raised = {}
    for name, act in acts.items():
        before = peak_resident_bytes()
        act()
        raised[name] = peak_resident_bytes() - before
    return raised


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is Linux's to tell")
def test_nothing_raises_the_memory_of_the_process_by_a_part_of_the_working_grid():
    for name, raised in in_fresh_process(raised_resident, threads=1).items():
        assert raised < 0.1 * WORKING_GRID_BYTES, name
