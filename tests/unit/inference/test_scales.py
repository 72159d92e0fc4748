"""At which scale a target is looked at, and that its mask is the same wherever it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seganypet.evaluation import dice
from seganypet.inference import Session
from seganypet.inference.prior import Rough
from seganypet.inference.tiling import LogitBox
from seganypet.volume import Mask, Volume
from synthetic_model import half_of_click

PATCH = 16
ALL = (0.5, 1.0, 2.0)
SHAPE = (80, 48, 48)


def session_on(suv: np.ndarray, scales=ALL, spacing_mm=(4.0, 4.0, 4.0)) -> Session:
    session = Session(half_of_click(patch_size=PATCH, scales=scales))
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


def looked_at(session: Session) -> set[float]:
    return set(session._state.found.evidence)


@pytest.mark.parametrize(
    ("target", "shown", "scales", "agreement"),
    [(SMALL, 0.5, {0.5, 1.0}, 1.0), (MIDDLE, 1.0, {1.0}, 1.0), (LONG, 2.0, {1.0, 2.0}, 0.9)],
)
def test_size_decides_the_scale_and_the_mask_is_the_target(target, shown, scales, agreement):
    suv = hot(target)
    session = session_on(suv)
    mask = session.add_click([(part.start + part.stop) // 2 for part in target])
    assert dice(mask.array, suv > 5) >= agreement
    assert session._state.found.shown == shown
    assert looked_at(session) == scales


def test_what_turns_out_to_be_small_is_looked_at_closely_again():
    """The first click leaks along a bridge out of its window; a negative one cuts the bridge."""
    block = (slice(19, 25), slice(21, 27), slice(21, 27))
    session = session_on(hot(block, (slice(25, 60), slice(22, 26), slice(22, 26))))
    session.add_click((22, 24, 24))
    assert session._state.found.shown == 2.0
    mask = session.add_click((28, 24, 24), positive=False)
    assert session._state.found.shown < 2.0
    assert not mask.array[28:].any()
    assert dice(mask.array, hot(block) > 5) > 0.9


def test_a_coarser_scale_is_believed_where_it_is_surer_by_far(monkeypatch):
    """A block of the size of a finer window's target; how sure each scale is of it is given here."""
    for surest, shown in (({}, 0.5), ({2.0: 0.6}, 0.5), ({2.0: 0.7}, 2.0), ({1.5: 0.8, 2.0: 0.7}, 1.5)):
        session = session_on(hot(SMALL), scales=(0.5, 1.0, 1.5, 2.0))
        growth = session._scales._growth
        for scale in growth:
            sure = surest.get(scale, 0.5)
            monkeypatch.setattr(growth[scale], "certainty", lambda _, sure=sure: sure)
        session.add_click((22, 21, 21))
        assert session._state.found.shown == shown


def test_a_model_of_one_scale_stays_there():
    for target in (SMALL, MIDDLE, LONG):
        session = session_on(hot(target), scales=(1.0,))
        session.add_click([(part.start + part.stop) // 2 for part in target])
        assert looked_at(session) == {1.0}


def test_a_finer_scale_sees_what_the_networks_own_blurs():
    """A lesion of 6 mm in voxels of 2 mm: a voxel of 4 mm cannot have its shape."""
    lesion = (slice(40, 43), slice(40, 43), slice(41, 44))
    suv = hot(lesion, shape=(80, 80, 80))
    wanted, scores = suv > 5, {}
    for scales in ((1.0,), ALL):
        session = session_on(suv, scales=scales, spacing_mm=(2.0, 2.0, 2.0))
        found = session.add_click((41, 41, 42)).array
        scores[scales] = 2 * (found & wanted).sum() / (found.sum() + wanted.sum())
    assert scores[ALL] == 1
    assert scores[(1.0,)] < 0.9


def test_a_second_click_far_off_leads_back_to_the_networks_own_scale():
    suv = hot(SMALL, FAR)
    session = session_on(suv)
    session.add_click((22, 21, 21))
    assert session._state.found.shown == 0.5
    mask = session.add_click((61, 21, 21))
    assert session._state.found.shown == 1.0
    assert np.array_equal(mask.array, suv > 5)


def test_a_second_click_nearby_stays_on_the_finer_scale():
    session = session_on(hot(SMALL))
    first = session.add_click((22, 21, 21))
    windows = session._state.found.now().windows
    again = session.add_click((21, 20, 20))
    assert np.array_equal(first.array, again.array)
    assert set(session._state.found.now().windows) == set(windows)
    assert session._state.found.shown == 0.5


@pytest.mark.parametrize(("afar", "shown"), [(0.41, 2.0), (0.39, 1.0)])
def test_a_target_that_leaves_its_window_later_stays_where_the_coarser_scale_is_less_sure(
    monkeypatch, afar, shown
):
    """How sure each scale is of the target is given here."""
    session = session_on(hot(MIDDLE), scales=(1.0, 2.0))
    session.add_click((23, 24, 24))
    growth = session._scales._growth
    opened = growth[1.0].reached(session._state.found.now())._replace(open=True)
    monkeypatch.setattr(growth[1.0], "reached", lambda _: opened)
    monkeypatch.setattr(growth[1.0], "certainty", lambda _: 0.5)
    monkeypatch.setattr(growth[2.0], "certainty", lambda _: afar)
    monkeypatch.setattr(session._scales, "_fits", lambda *_: False)
    session.add_click((24, 24, 24))
    assert session._state.found.shown == shown


def test_undo_brings_back_the_scale():
    session = session_on(hot(SMALL, FAR))
    first = session.add_click((22, 21, 21))
    session.add_click((61, 21, 21))
    assert np.array_equal(session.undo().array, first.array)
    assert session._state.found.shown == 0.5
    session.redo()
    assert session._state.found.shown == 1.0


@pytest.mark.parametrize(("target", "scale"), [(SMALL, 0.5), (MIDDLE, 1.0), (LONG, 1.0)])
def test_a_mask_to_start_from_decides_the_scale_and_clicks_keep_it(target, scale):
    suv = hot(target)
    session = session_on(suv)
    given = session.add_mask(Mask(suv > 5, session.volume.affine))
    assert np.array_equal(given.array, suv > 5)
    clicked = session.add_click([part.start + 1 for part in target])
    assert np.array_equal(clicked.array, suv > 5)
    assert looked_at(session) == {scale}


def test_probability_comes_from_the_scale_that_is_shown():
    session = session_on(hot(SMALL))
    session.add_click((22, 21, 21))
    probability = session.probability
    assert (probability[SMALL] > 0.5).all()
    assert (
        0 < (probability > 0).sum() <= (PATCH * 2 // 4 + 1) ** 3
    )  # a window of 16 voxels of 2 mm, and no more


@pytest.mark.parametrize("ratio", [0.5, 0.25, 2.0])
def test_logits_of_another_scale_keep_their_place_in_the_body(ratio):
    """A linear function of the place in mm is the same function on every grid; outside the box nothing is known."""
    edge, start, size = 4.0, (3, 5, 2), (12, 10, 14)
    grids = [edge * (np.arange(n) + a + 0.5) for n, a in zip(size, start, strict=True)]
    field = sum(w * g for w, g in zip((1.0, -2.0, 0.5), np.meshgrid(*grids, indexing="ij"), strict=True))
    box = LogitBox(start, field.astype(np.float32), np.ones(size, bool))
    first, count = tuple(round((s + 2) / ratio) for s in start), (4, 3, 2)
    found = Rough([box], ratio).crop(first, count)
    places = [edge * ratio * (np.arange(n) + a + 0.5) for n, a in zip(count, first, strict=True)]
    expected = sum(w * g for w, g in zip((1.0, -2.0, 0.5), np.meshgrid(*places, indexing="ij"), strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert not Rough([box], ratio).crop((500, 0, 0), count).any()


def test_reach_by_hand():
    session = session_on(hot(MIDDLE), scales=(1.0,))
    session.add_click((22, 24, 24))
    scales, found = session._scales, session._state.found
    reach = scales._reached(found)
    assert (reach.low, reach.high) == ((18, 20, 20), (28, 28, 28))
    assert (reach.length, reach.open) == (10, False)
    cut = session_on(hot(LONG), scales=(1.0,))
    cut.add_click((32, 24, 24))
    evidence = cut._state.found.now()
    middle = {start: logits for start, logits in evidence.windows.items() if start[0] == 24}
    alone = replace(evidence, windows=middle)
    assert cut._scales._growth[1.0].reached(alone).open
    assert not cut._scales._growth[1.0].reached(evidence).open
