"""Where a target grows, where it stops, and what of the prediction belongs to it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from seganypet.errors import SegAnyPETWarning
from seganypet.inference import Session
from seganypet.inference.growth import Evidence, Growth
from seganypet.inference.regions import stand_in
from seganypet.prompts import Click
from seganypet.volume import Mask, Volume
from synthetic_model import half_of_click

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
PATCH = 16
POLICIES = ("all", "newest")


def session_on(suv: np.ndarray, **described) -> Session:
    session = Session(half_of_click(patch_size=PATCH, **described))
    session.set_volume(Volume(suv, AFFINE))
    return session


def hot(shape: tuple[int, int, int], *boxes: tuple[slice, slice, slice]) -> np.ndarray:
    suv = np.ones(shape, np.float32)
    for box in boxes:
        suv[box] = 10.0
    return suv


LONG = (slice(2, 62), slice(8, 16), slice(8, 16))
ENDS = [(slice(6, 10), slice(10, 14), slice(10, 14)), (slice(86, 90), slice(10, 14), slice(10, 14))]


def windows_of(session: Session) -> dict:
    return dict(session.state.found.now().windows)


def given(session: Session, *boxes: tuple[slice, slice, slice]) -> np.ndarray:
    """Let the session start from a mask; return it."""
    prior = np.zeros(session.volume.shape, bool)
    for box in boxes:
        prior[box] = True
    session.add_mask(Mask(prior, AFFINE))
    return prior


class TestLimit:
    LIMIT = 4

    @pytest.fixture
    def leaking(self, monkeypatch) -> Session:
        monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", self.LIMIT)
        session = session_on(hot((64, 24, 24), LONG))
        with pytest.warns(SegAnyPETWarning, match="growth stopped"):
            session.add_click((32, 12, 12))
        return session

    def test_no_more_windows_than_that(self, leaking):
        assert len(windows_of(leaking)) == self.LIMIT

    def test_the_warning_points_at_the_click(self, monkeypatch):
        monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", 2)
        with pytest.warns(SegAnyPETWarning) as caught:
            session_on(hot((64, 24, 24), LONG)).add_click((32, 12, 12))
        assert [w.filename for w in caught] == [__file__]

    def test_a_target_complete_at_the_limit_gives_no_warning(self, monkeypatch):
        session = session_on(hot((64, 24, 24), LONG))
        session.add_click((32, 12, 12))
        monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", len(windows_of(session)))
        session.reset()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session.add_click((32, 12, 12))

    def test_a_negative_click_is_decoded_in_all_windows_that_hold_it(self, leaking):
        before = windows_of(leaking)
        held = [w for w in before if w[0] + 1.6 <= 34 <= w[0] + PATCH - 2.6]
        assert len(held) >= 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SegAnyPETWarning)
            mask = leaking.add_click((34, 12, 12), positive=False).array
        after = windows_of(leaking)
        assert list(after) == list(before)
        assert [w for w in after if after[w] is not before[w]] == held
        assert not mask[34, 12, 12]

    def test_excluding_what_leaks_ends_the_warning(self, leaking):
        last = max(windows_of(leaking))[0] + PATCH - 3
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mask = leaking.add_click((last, 12, 12), positive=False).array
        assert not caught
        assert not mask[last:].any()

    def test_a_click_beside_all_windows_is_decoded_all_the_same(self, monkeypatch):
        monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", self.LIMIT)
        session = session_on(hot((96, 24, 24), LONG, (slice(82, 90), slice(8, 16), slice(8, 16))))
        with pytest.warns(SegAnyPETWarning):
            session.add_click((32, 12, 12))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mask = session.add_click((86, 12, 12)).array
        assert mask[82:90, 8:16, 8:16].all()

    def test_a_negative_click_near_the_last_face_is_decoded_all_the_same(self, leaking):
        before, last = leaking.mask.array, max(windows_of(leaking))[0] + PATCH - 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SegAnyPETWarning)
            mask = leaking.add_click((last, 12, 12), positive=False).array
        assert before.sum() - mask.sum() > 100


class TestStandIn:
    """The positive click that is shown to windows which the target grows into, and that hold none of the reader's."""

    THIN = (slice(2, 62), slice(12, 15), slice(12, 15))

    @pytest.mark.parametrize("policy", POLICIES)
    def test_it_lies_in_the_target_and_not_in_a_larger_hotter_organ_beside_it(self, policy):
        suv = hot((64, 32, 32), self.THIN)
        suv[2:62, 17:24, 12:20] = 30.0
        session = session_on(suv, prompt_policy=policy)
        mask = session.add_click((32, 13, 13)).array
        assert mask[self.THIN].all()
        alone = session_on(hot((64, 32, 32), self.THIN), prompt_policy=policy)
        alone.add_click((32, 13, 13))
        assert set(windows_of(session)) == set(windows_of(alone))

    def test_it_is_not_where_a_negative_click_is(self):
        bladder = (slice(70, 79), slice(8, 17), slice(8, 17))
        session = session_on(hot((96, 24, 24), bladder))
        given(session, bladder)
        mask = session.add_click((74, 12, 12), positive=False).array
        coords, labels, _ = session.model.network.seen[0]
        assert labels.tolist() == [[1, 0]]
        assert (coords[0, 0] != coords[0, 1]).any()
        assert mask.sum() < 9**3 / 2

    def test_there_is_none_where_nothing_is_known_of_the_target(self):
        assert stand_in(np.zeros((3, 3, 3), bool), []) is None
        lone = np.zeros((3, 3, 3), bool)
        lone[1, 2, 0] = True
        assert stand_in(lone, []) == Click((1, 2, 0))
        assert stand_in(lone, [Click((1.4, 1.6, -0.3), positive=False)]) is None
        assert lone.sum() == 1  # the target itself is left as it is


class TestNegativeClickInNewWindow:
    def test_under_newest_it_is_shown_once_a_positive_one_came(self):
        session = session_on(hot((96, 24, 24), *ENDS), prompt_policy="newest")
        session.add_click((8, 12, 12))
        session.add_click((92, 12, 12), positive=False)
        before = len(session.model.network.seen)
        session.add_click((87, 12, 12))
        assert [labels.tolist() for _, labels, _ in session.model.network.seen[before:]] == [[[1]], [[0]]]

    def test_under_newest_it_comes_after_the_middle_of_what_is_known(self):
        session = session_on(hot((64, 24, 24), LONG), prompt_policy="newest", passes=(3, 2))
        given(session, LONG)
        mask = session.add_click((44, 12, 12), positive=False).array
        seen = session.model.network.seen
        assert [labels.tolist() for _, labels, _ in seen[:5]] == [[[1]]] * 3 + [[[0]]] * 2
        assert all(low_res is not None for _, _, low_res in seen)
        assert not mask[44, 12, 12]

    def test_under_all_it_comes_with_the_middle_of_what_is_known(self):
        session = session_on(hot((64, 24, 24), LONG))
        given(session, LONG)
        session.add_click((44, 12, 12), positive=False)
        assert session.model.network.seen[0][1].tolist() == [[1, 0]]

    @pytest.mark.parametrize("policy", POLICIES)
    def test_alone_it_opens_none_and_excludes_its_voxel(self, policy):
        session = session_on(hot((96, 24, 24), *ENDS), prompt_policy=policy)
        before = session.add_click((8, 12, 12)).array
        windows, decoded = windows_of(session), session.model.network.decoded
        after = session.add_click((88, 12, 12), positive=False).array
        assert list(windows_of(session)) == list(windows)
        assert session.model.network.decoded == decoded
        np.testing.assert_array_equal(after, before)
        session.add_click((88, 12, 12))  # what is clicked later is found all the same
        assert session.mask.array[ENDS[1]].all()

    def test_a_stand_in_is_looked_for_only_where_it_is_shown(self, monkeypatch):
        session = session_on(hot((64, 24, 24), LONG), prompt_policy="newest")
        given(session, LONG)
        session.add_click((44, 12, 12), positive=False)
        monkeypatch.setattr("seganypet.inference.regions.deepest_voxel", None)
        session.add_click((45, 12, 12), positive=False)


def test_windows_apart_are_merged_apart():
    session = session_on(hot((96, 24, 24), *ENDS))
    session.add_click((8, 12, 12))
    mask = session.add_click((88, 12, 12)).array
    boxes = list(session._scales.merged(session.state.found))
    assert [box.logits.shape for box in boxes] == [(PATCH,) * 3] * 2
    np.testing.assert_array_equal(mask, session.volume.array > 1)
    assert not session.probability[20:76].any()
    assert (session.probability > 0.9).sum() == mask.sum()


def test_what_no_click_touches_is_dropped_also_in_windows_apart():
    suv = hot((96, 24, 24), *ENDS)
    suv[86:90, 16:18, 10:14] = 10.0  # in the second window, apart from the second click's block
    session = session_on(suv)
    session.add_click((8, 12, 12))
    mask = session.add_click((88, 12, 12)).array
    assert not mask[86:90, 16:18].any()
    assert mask[ENDS[1]].all()


def test_a_prediction_that_misses_its_clicks_is_shown(monkeypatch):
    session = session_on(hot((16, 16, 16), (slice(2, 6), slice(2, 6), slice(2, 6))))
    logits = torch.full((1, 1, 16, 16, 16), -4.0)
    logits[:, :, 2:6, 2:6, 2:6] = 4.0
    monkeypatch.setattr(session.model, "decode", lambda *_: logits)
    mask = session.add_click((8, 8, 8)).array
    assert mask[2:6, 2:6, 2:6].all()


def test_what_touches_the_given_mask_belongs_to_the_target():
    session = session_on(hot((16, 16, 16), (slice(2, 6),) * 3, (slice(7, 11),) * 3))
    given(session, (slice(2, 4), slice(2, 6), slice(2, 6)))
    mask = session.add_click((8, 8, 8)).array
    assert mask[7:11, 7:11, 7:11].all()
    assert mask[2:6, 2:6, 2:6].all()  # not connected to the click


def test_into_the_given_mask_the_target_does_not_grow():
    session = session_on(hot((64, 24, 24), LONG))
    given(session, LONG)
    session.add_click((32, 12, 12))
    assert len(windows_of(session)) == 1


def test_a_click_near_the_face_of_a_window_gets_another():
    session = session_on(hot((64, 24, 24), (slice(26, 38), slice(8, 16), slice(8, 16))))
    session.add_click((32, 12, 12))
    assert list(windows_of(session)) == [(24, 4, 4)]
    session.add_click((38, 12, 12))  # 1.5 voxels from the face at 39.5
    assert len(windows_of(session)) == 2


@pytest.mark.parametrize("policy", POLICIES)
def test_a_lone_window_on_a_given_mask_is_shown_its_own_logits(policy):
    block = (slice(26, 38), slice(8, 16), slice(8, 16))
    session = session_on(hot((64, 24, 24), block), prompt_policy=policy)
    given(session, block)
    session.add_click((32, 12, 12), positive=False)
    (own,) = windows_of(session).values()
    session.add_click((33, 12, 12), positive=False)
    assert torch.equal(session.model.network.seen[-1][2], own)


def test_beyond_the_image_a_given_mask_says_nothing():
    session = session_on(hot((24, 24, 24), (slice(0, 6),) * 3))
    given(session, (slice(0, 4),) * 3)
    prior = session.state.found.now().prior.crop((-2, 0, 0), (4, 2, 2))
    assert (prior[:2] == 0).all()
    assert (prior[2:] == 5).all()


def growth_of(session: Session) -> Growth:
    return session._scales._growth[1.0]


def inside(growth: Growth, state: Evidence, shape: tuple[int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for box in growth.merged(state):
        mask[tuple(slice(a, a + n) for a, n in zip(box.start, box.logits.shape, strict=True))] = (
            box.logits > 0
        )
    return mask


def test_windows_that_are_added_later_are_those_of_a_target_that_grew_at_once():
    suv = hot((64, 24, 24), LONG)
    session = session_on(suv)
    session.add_click((32, 12, 12))
    growth, click = growth_of(session), Evidence(placed=(Click((32.0, 12.0, 12.0)),))
    alone = replace(click, windows=growth.click(click, grow=False))
    assert len(alone.windows) == 1
    grown = growth.grown(alone)
    assert set(grown) == set(windows_of(session))
    assert np.array_equal(inside(growth, replace(alone, windows=grown), suv.shape), suv > 5)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_new_window_at_a_click_changes_little_of_a_trusted_mask(trusted):
    """The half of a block that the new window holds is a ball of 2 voxels radius; the click lies in a long bar."""
    shape, bar = (64, 24, 24), (slice(16, 60), slice(10, 12), slice(10, 12))
    suv = hot(shape, (slice(8, 12), slice(10, 14), slice(10, 14)), bar)
    growth = growth_of(session_on(suv, local=True))
    first = Evidence(placed=(Click((10.0, 12.0, 12.0)),))
    first = replace(first, windows=growth.click(first, grow=False))
    second = replace(first, placed=(*first.placed, Click((18.0, 10.0, 10.0))), trusted=trusted)
    second = replace(second, windows=growth.click(second, grow=False))
    assert len(second.windows) == 2
    added = inside(growth, second, shape) & ~inside(growth, first, shape)
    assert added[18, 10, 10]
    assert added[22, 10, 10] != trusted
