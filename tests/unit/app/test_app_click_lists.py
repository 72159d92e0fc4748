"""Lists of clicks that clients send whole each time: what is known of them is not computed again."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.app import click_lists as module
from seganypet.app.assistant import Assistant
from seganypet.app.click_lists import ClickLists
from seganypet.errors import PromptError
from seganypet.inference import Session
from small_server import HOT, IN_HOT, IN_WARM, WARM, in_block, small_volume
from synthetic_model import half_of_click

COLD, EDGE = (1.0, 1.0, 1.0), (7.0, 8.0, 9.0)


@pytest.fixture
def session() -> Session:
    opened = Session(half_of_click())
    opened.set_volume(small_volume())
    return opened


@pytest.fixture
def lists(session) -> ClickLists:
    return ClickLists(session)


def decoded(session: Session) -> int:
    return session.model.network.decoded


def alone(positive, negative=()) -> np.ndarray:
    """Return what a session without a past makes of clicks, positive ones first."""
    fresh = Session(half_of_click())
    fresh.set_volume(small_volume())
    for ijk in positive:
        fresh.add_click(ijk)
    for ijk in negative:
        fresh.add_click(ijk, positive=False)
    return fresh.mask.array


def test_a_list_gives_what_its_clicks_give(lists):
    np.testing.assert_array_equal(lists.mask([IN_HOT], []), in_block(HOT))
    np.testing.assert_array_equal(lists.mask([IN_HOT, COLD], [EDGE]), alone([IN_HOT, COLD], [EDGE]))


def test_the_same_list_costs_nothing(lists, session):
    first = lists.mask([IN_HOT], [EDGE])
    before = decoded(session)
    np.testing.assert_array_equal(lists.mask([IN_HOT], [EDGE]), first)
    assert decoded(session) == before


def test_one_more_click_costs_one_click(lists, session):
    lists.mask([IN_HOT], [])
    one = decoded(session)
    lists.mask([IN_HOT], [EDGE])
    two = decoded(session)
    lists.mask([IN_HOT, (6.0, 6.0, 6.0)], [EDGE])
    assert two > one
    assert decoded(session) - two == two - one


def test_a_click_less_is_known(lists, session):
    first = lists.mask([IN_HOT], [])
    lists.mask([IN_HOT], [EDGE])
    before = decoded(session)
    np.testing.assert_array_equal(lists.mask([IN_HOT], []), first)
    assert decoded(session) == before


def test_clicks_are_kept_in_the_order_in_which_they_came(lists, session):
    lists.mask([IN_HOT], [])
    lists.mask([IN_HOT], [EDGE])
    lists.mask([IN_HOT, COLD], [EDGE])
    assert [click.ijk for click in session.clicks] == [IN_HOT, EDGE, COLD]


def test_targets_do_not_disturb_each_other(lists):
    lists.mask([IN_HOT], [])
    np.testing.assert_array_equal(lists.mask([IN_WARM], []), in_block(WARM))
    np.testing.assert_array_equal(lists.mask([IN_HOT], [EDGE]), alone([IN_HOT], [EDGE]))


def test_a_mask_to_start_from_is_corrected(lists):
    start = in_block(HOT)
    np.testing.assert_array_equal(lists.mask([], [], start), start)
    corrected = lists.mask([], [EDGE], start)
    assert not corrected[7, 8, 9]
    other = in_block(WARM)
    np.testing.assert_array_equal(lists.mask([], [], other), other)


def test_readings_and_lists_share_a_session(session):
    assistant = Assistant(half_of_click(), small_volume())
    first = assistant.lists.mask([IN_HOT], [])
    assistant.lists.mask([IN_WARM], [])
    np.testing.assert_array_equal(assistant.lists.mask([IN_HOT], []), first)


def test_what_was_forgotten_is_computed_anew(lists, session, monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 2)
    lists.mask([IN_HOT], [])
    lists.mask([IN_WARM], [])
    before = decoded(session)
    np.testing.assert_array_equal(lists.mask([IN_HOT], []), in_block(HOT))
    assert decoded(session) > before


def test_negative_clicks_alone_are_refused(lists):
    with pytest.raises(PromptError, match="no foreground click"):
        lists.mask([], [EDGE])


def test_an_empty_mask_is_refused(lists):
    with pytest.raises(PromptError, match="empty"):
        lists.mask([IN_HOT], [], np.zeros((20, 18, 16), bool))


def test_after_a_refusal_the_next_list_is_answered(lists):
    with pytest.raises(PromptError, match="outside"):
        lists.mask([IN_HOT, (99.0, 0.0, 0.0)], [])
    np.testing.assert_array_equal(lists.mask([IN_HOT], []), in_block(HOT))
