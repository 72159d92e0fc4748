"""Objects as they follow from actions."""

import numpy as np
import pytest

from seganypet.app.changes import Change
from seganypet.app.history import (
    ADD,
    BOX,
    CLEAR,
    CLICK,
    DESCRIBE,
    KINDS,
    MASK,
    REMOVE,
    STROKE,
    Action,
    Described,
    click_of,
    objects_of,
    since_last_edit,
)
from seganypet.prompts import Click

SOME = Change((0, 0, 0), np.ones((1, 1, 1), bool))


def act(number: int, kind: str, object_id: int = 1, change: Change | None = None, **details) -> Action:
    return Action(
        id=number, kind=kind, object_id=object_id, made_at=0.0, seconds=0.0, details=details, change=change
    )


def added(number: int, object_id: int = 1, change: Change | None = None) -> Action:
    return act(number, ADD, object_id, change, name=f"object {object_id}", colour="#e6194b")


def clicked(number: int, object_id: int = 1, positive: bool = True) -> Action:
    return act(number, CLICK, object_id, SOME, ijk=[number, 2, 3.5], positive=positive)


def test_objects_come_in_the_order_in_which_they_were_added():
    objects = objects_of([added(1, 2), added(2, 1), added(3, 7)])
    assert list(objects) == [2, 1, 7]
    assert objects[7] == Described(id=7, name="object 7", colour="#e6194b")


def test_a_description_changes_what_it_names_and_keeps_the_place():
    objects = objects_of([added(1), added(2, 2), clicked(3), act(4, DESCRIBE, name="liver")])
    assert list(objects) == [1, 2]
    assert objects[1].name == "liver"
    assert objects[1].colour == "#e6194b"
    assert len(objects[1].clicks) == 1
    assert objects_of([added(1), act(2, DESCRIBE, colour="#000000")])[1].colour == "#000000"


def test_a_removed_object_is_gone():
    assert list(objects_of([added(1), added(2, 2), act(3, REMOVE)])) == [2]


def test_clicks_of_each_object_are_listed_in_order_until_it_is_cleared():
    actions = [added(1), added(2, 2), clicked(3), clicked(4, 2), clicked(5, positive=False)]
    objects = objects_of(actions)
    assert objects[1].clicks == (Click((3, 2, 3.5)), Click((5, 2, 3.5), positive=False))
    assert objects[2].clicks == (Click((4, 2, 3.5)),)
    objects = objects_of([*actions, act(6, CLEAR), clicked(7)])
    assert objects[1].clicks == (Click((7, 2, 3.5)),)
    assert objects[2].clicks == (Click((4, 2, 3.5)),)


@pytest.mark.parametrize("kind", [BOX, STROKE, MASK])
def test_what_paints_keeps_the_clicks_that_are_listed(kind):
    assert len(objects_of([added(1), clicked(2), act(3, kind, 1, SOME)])[1].clicks) == 1


def test_a_click_of_an_action_is_the_one_that_was_made():
    assert click_of(clicked(4, positive=False)) == Click((4, 2, 3.5), positive=False)


def test_a_further_click_builds_on_all_clicks_of_its_object():
    actions = [added(1), clicked(2), added(3, 2), clicked(4, 2), clicked(5)]
    assert since_last_edit(actions, 1) == (None, [actions[1], actions[4]])
    assert since_last_edit(actions, 2) == (None, [actions[3]])
    assert since_last_edit(actions, 3) == (None, [])


@pytest.mark.parametrize("kind", [STROKE, MASK, CLEAR])
def test_a_further_click_builds_on_the_last_edit_by_hand_and_the_clicks_after_it(kind):
    actions = [added(1), clicked(2), act(3, kind, 1, SOME), clicked(4), act(5, STROKE, 2, SOME), clicked(6)]
    assert since_last_edit(actions, 1) == (actions[2], [actions[3], actions[5]])


def test_a_further_click_builds_on_the_mask_that_an_object_was_added_with():
    actions = [added(1, change=SOME), clicked(2)]
    assert since_last_edit(actions, 1) == (actions[0], [actions[1]])


def test_a_box_starts_anew():
    actions = [added(1), clicked(2), act(3, STROKE, 1, SOME), act(4, BOX, 1, SOME), clicked(5)]
    assert since_last_edit(actions, 1) == (None, actions[3:])


def test_a_description_is_no_edit():
    actions = [added(1), clicked(2), act(3, DESCRIBE, name="liver")]
    assert since_last_edit(actions, 1) == (None, [actions[1]])


def test_every_kind_has_a_name_of_its_own():
    assert len(set(KINDS)) == len(KINDS) == 8
