"""A session that goes on from any of its states: many targets, one set of embeddings."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import PromptError, UsageError
from seganypet.inference import Session, SessionState
from seganypet.volume import Mask
from small_server import HOT, IN_HOT, IN_WARM, RAS, WARM, in_block, small_volume
from synthetic_model import box_as_mask, half_of_click


@pytest.fixture
def session():
    made = Session(half_of_click())
    made.set_volume(small_volume())
    return made


def test_a_state_that_is_gone_back_to_has_its_mask_and_clicks(session):
    session.add_click(IN_HOT)
    hot = session.state
    session.go_to(SessionState())
    assert session.clicks == ()
    assert not session.mask.array.any()
    np.testing.assert_array_equal(session.add_click(IN_WARM).array, in_block(WARM))
    session.go_to(hot)
    assert session.state is hot
    assert [click.ijk for click in session.clicks] == [IN_HOT]
    np.testing.assert_array_equal(session.mask.array, in_block(HOT))


def test_a_state_is_not_changed_by_what_is_done_after_it(session):
    session.add_click(IN_HOT)
    state = session.state
    kept = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    session.add_click((4, 5, 6), positive=False)
    session.undo()
    session.reset()
    assert {field.name: getattr(state, field.name) for field in dataclasses.fields(state)} == kept
    session.go_to(state)
    np.testing.assert_array_equal(session.mask.array, in_block(HOT))
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.clicks = ()


def test_undo_goes_back_no_further_than_to_where_the_session_went(session):
    session.add_click(IN_HOT)
    state = session.state
    session.add_click((4, 5, 6), positive=False)
    session.go_to(state)
    for step in (session.undo, session.redo):
        with pytest.raises(UsageError, match="nothing to"):
            step()
    session.add_click((4, 5, 6), positive=False)
    np.testing.assert_array_equal(session.undo().array, in_block(HOT))


def test_a_new_target_begins_with_a_positive_click(session):
    session.add_click(IN_HOT)
    session.go_to(SessionState())
    with pytest.raises(PromptError, match="first click must be positive"):
        session.add_click(IN_HOT, positive=False)


def test_a_state_holds_the_mask_and_the_box_that_it_began_with(session):
    session.add_mask(Mask(in_block(WARM), RAS))
    given_mask = session.state
    session.go_to(SessionState())
    session.go_to(given_mask)
    np.testing.assert_array_equal(session.mask.array, in_block(WARM))
    boxes = Session(box_as_mask())
    boxes.set_volume(small_volume())
    boxes.add_box((4, 5, 6), (7, 8, 9))
    boxed = boxes.state
    boxes.go_to(SessionState())
    assert boxes.box is None
    boxes.go_to(boxed)
    assert boxes.box.ijk_max == (7, 8, 9)
    np.testing.assert_array_equal(boxes.mask.array, in_block(HOT))


def test_targets_share_what_was_computed_of_the_volume(session):
    session.add_click(IN_HOT)
    encoded = session.model.network.encoded
    for _ in range(3):
        session.go_to(SessionState())
        session.add_click(IN_HOT)
    assert session.model.network.encoded == encoded


def test_another_volume_begins_anew(session):
    session.add_click(IN_HOT)
    session.set_volume(small_volume())
    assert session.state == SessionState()


CLICKS = st.tuples(st.integers(0, 2), st.sampled_from([IN_HOT, IN_WARM, (4, 5, 6), (7, 8, 9)]), st.booleans())


@settings(deadline=None, max_examples=15)
@given(st.lists(CLICKS, max_size=8))
def test_targets_that_are_worked_on_in_turn_are_what_they_are_alone(steps):
    """Whatever the order, each target is what a session of its own makes of its clicks."""
    shared = Session(half_of_click())
    shared.set_volume(small_volume())
    states = [SessionState()] * 3
    alone = []
    for _ in states:
        alone.append(Session(shared.model))
        alone[-1].set_volume(small_volume())
    for target, ijk, positive in steps:
        positive = positive or not states[target].clicks
        shared.go_to(states[target])
        mask = shared.add_click(ijk, positive).array
        states[target] = shared.state
        np.testing.assert_array_equal(mask, alone[target].add_click(ijk, positive).array)
