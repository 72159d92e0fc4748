"""Which scale's answer is shown, and that the mask is the target wherever it comes from."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.evaluation import dice
from seganypet.inference import Session
from seganypet.models.judgement import CONSTANT, FEATURES
from seganypet.volume import Mask, Volume
from synthetic_model import half_of_click

PATCH = 16
ALL = (0.5, 1.0, 2.0)
SHAPE = (80, 48, 48)


def session_on(suv: np.ndarray, scales=ALL, spacing_mm=(4.0, 4.0, 4.0), **described) -> Session:
    session = Session(half_of_click(patch_size=PATCH, scales=scales, **described))
    session.set_volume(Volume(suv, np.diag([*spacing_mm, 1.0])))
    return session


def hot(*boxes: tuple[slice, slice, slice], shape=SHAPE) -> np.ndarray:
    suv = np.ones(shape, np.float32)
    for box in boxes:
        suv[box] = 10.0
    return suv


SMALL = (slice(20, 24), slice(20, 23), slice(20, 23))
MIDDLE = (slice(18, 28), slice(20, 28), slice(20, 28))
LONG = (slice(6, 62), slice(20, 28), slice(20, 28))
FAR = (slice(60, 63), slice(20, 23), slice(20, 23))


def shown(session: Session) -> float:
    return session.state.found.shown


def estimate(monkeypatch: pytest.MonkeyPatch, **by_scale: float) -> None:
    """Let the estimates be these, in the order of the grids."""
    values = np.array(list(by_scale.values()))
    monkeypatch.setattr("seganypet.inference.scales.estimated_dice", lambda *_: values)


def favouring(best: float) -> dict[str, dict[str, float]]:
    """Return a judgement that shows a scale whatever it says: coefficients of 0 leave the constants."""
    return {
        f"{scale:g}": dict.fromkeys(FEATURES, 0.0) | {CONSTANT: 0.9 if scale == best else 0.1}
        for scale in ALL
    }


@pytest.mark.parametrize(("target", "scale"), [(SMALL, 0.5), (MIDDLE, 1.0), (LONG, 2.0)])
def test_every_scale_answers_and_the_mask_is_the_target(target, scale):
    suv = hot(target)
    session = session_on(suv, judgement=favouring(scale))
    mask = session.add_click([(part.start + part.stop) // 2 for part in target])
    assert set(session.state.found.evidence) == set(ALL)
    assert shown(session) == scale
    assert session.working_spacing_mm == 4.0 * scale
    assert dice(mask.array, suv > 5) >= 0.9


def test_the_scale_whose_mask_is_likely_to_be_best_is_shown(monkeypatch):
    for values in ((0.7, 0.6, 0.5), (0.5, 0.6, 0.5), (0.5, 0.6, 0.61)):
        estimate(monkeypatch, **dict(zip("abc", values, strict=True)))
        session = session_on(hot(SMALL))
        session.add_click((22, 21, 21))
        assert shown(session) == ALL[int(np.argmax(values))]


@pytest.mark.parametrize(("better", "after"), [(0.549, 0.5), (0.551, 2.0)])
def test_what_a_reader_sees_gives_way_only_to_what_is_clearly_better(monkeypatch, better, after):
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=0.3)
    session = session_on(hot(SMALL))
    session.add_click((22, 21, 21))
    assert shown(session) == 0.5
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=better)
    session.add_click((21, 20, 20))
    assert shown(session) == after


def test_a_session_tells_how_good_its_mask_is_likely_to_be(monkeypatch):
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=0.3)
    session = session_on(hot(SMALL))
    assert session.expected_dice is None
    session.add_click((22, 21, 21))
    assert session.expected_dice == 0.5
    session.reset()
    assert session.expected_dice is None


@pytest.mark.parametrize(("estimated", "asked"), [(0.31, True), (0.29, False)])
def test_later_clicks_are_shown_to_scales_that_may_turn_out_best(monkeypatch, estimated, asked):
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=estimated)
    session = session_on(hot(SMALL))
    session.add_click((22, 21, 21))
    session.add_click((21, 20, 20))
    placed = {scale: len(found.placed) for scale, found in session.state.found.evidence.items()}
    assert placed == {0.5: 2, 1.0: 1, 2.0: 1 + asked}


@pytest.mark.parametrize(("estimated", "trusted"), [(0.41, True), (0.39, False)])
def test_a_mask_that_is_likely_to_be_good_is_trusted(monkeypatch, estimated, trusted):
    estimate(monkeypatch, fine=estimated, own=0.0, coarse=0.0)
    session = session_on(hot(SMALL))
    session.add_click((22, 21, 21))
    assert not session.state.found.now().trusted
    session.add_click((21, 20, 20))
    assert session.state.found.now().trusted == trusted


def test_a_model_of_one_scale_stays_there():
    for target in (SMALL, MIDDLE, LONG):
        session = session_on(hot(target), scales=(1.0,))
        session.add_click([(part.start + part.stop) // 2 for part in target])
        assert set(session.state.found.evidence) == {1.0}


def test_a_finer_scale_sees_what_the_networks_own_blurs():
    """A lesion of 6 mm in voxels of 2 mm: a voxel of 4 mm cannot have its shape."""
    lesion = (slice(40, 43), slice(40, 43), slice(41, 44))
    suv = hot(lesion, shape=(80, 80, 80))
    wanted, scores = suv > 5, {}
    for scales, judgement in (((1.0,), {}), (ALL, favouring(0.5))):
        session = session_on(suv, scales=scales, spacing_mm=(2.0, 2.0, 2.0), judgement=judgement)
        found = session.add_click((41, 41, 42)).array
        scores[scales] = 2 * (found & wanted).sum() / (found.sum() + wanted.sum())
    assert scores[ALL] == 1
    assert scores[(1.0,)] < 0.9


def test_a_second_click_far_off_is_answered_too():
    suv = hot(SMALL, FAR)
    session = session_on(suv)
    session.add_click((22, 21, 21))
    mask = session.add_click((61, 21, 21))
    assert np.array_equal(mask.array, suv > 5)


def test_a_second_click_nearby_needs_no_further_windows():
    session = session_on(hot(SMALL))
    first = session.add_click((22, 21, 21))
    before = session.state.found.evidence
    again = session.add_click((21, 20, 20))
    assert np.array_equal(first.array, again.array)
    for scale, evidence in session.state.found.evidence.items():
        assert set(evidence.windows) == set(before[scale].windows)


def test_undo_brings_back_the_scale(monkeypatch):
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=0.3)
    session = session_on(hot(SMALL, FAR))
    first = session.add_click((22, 21, 21))
    estimate(monkeypatch, fine=0.5, own=0.9, coarse=0.3)
    session.add_click((61, 21, 21))
    assert np.array_equal(session.undo().array, first.array)
    assert shown(session) == 0.5
    session.redo()
    assert shown(session) == 1.0


@pytest.mark.parametrize(("target", "scale"), [(SMALL, 0.5), (MIDDLE, 1.0), (LONG, 1.0)])
def test_a_mask_to_start_from_decides_the_scale_and_clicks_keep_it(target, scale):
    suv = hot(target)
    session = session_on(suv)
    given = session.add_mask(Mask(suv > 5, session.volume.affine))
    assert np.array_equal(given.array, suv > 5)
    clicked = session.add_click([part.start + 1 for part in target])
    assert np.array_equal(clicked.array, suv > 5)
    assert set(session.state.found.evidence) == {scale}


def test_probability_comes_from_the_scale_that_is_shown(monkeypatch):
    estimate(monkeypatch, fine=0.5, own=0.2, coarse=0.3)
    session = session_on(hot(SMALL))
    session.add_click((22, 21, 21))
    probability = session.probability
    assert (probability[SMALL] > 0.5).all()
    assert (
        0 < (probability > 0).sum() <= (PATCH * 2 // 4 + 1) ** 3
    )  # a window of 16 voxels of 2 mm, and no more
