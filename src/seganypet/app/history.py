"""What a reader did, in order, and the objects that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from seganypet.app.changes import Change
from seganypet.prompts import Click

ADD: Final = "add"
DESCRIBE: Final = "describe"
REMOVE: Final = "remove"
CLICK: Final = "click"
BOX: Final = "box"
STROKE: Final = "stroke"
MASK: Final = "mask"
CLEAR: Final = "clear"
KINDS: Final = (ADD, DESCRIBE, REMOVE, CLICK, BOX, STROKE, MASK, CLEAR)
"""All that can be done, undone and done again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """One thing that a reader did to an object.

    Attributes:
        id: Of the action, unique and growing within a store.
        kind: One of `KINDS`.
        object_id: Of the object.
        made_at: Seconds since 1970, UTC, when it was stored.
        seconds: How long the server took for it.
        details: What was asked for: name and colour, click, stroke, rule. JSON.
        change: What it did to the object's mask, if anything.
    """

    id: int
    kind: str
    object_id: int
    made_at: float
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None


@dataclass(frozen=True, kw_only=True)
class Described:
    """An object, its mask apart.

    Attributes:
        id: Unique within a reading, never given twice.
        name: Of an organ, "lesion …", or free.
        colour: "#rrggbb".
        clicks: In effect, in order: those since it was last painted, cleared or given a mask are what a further
            click builds on, but all are listed.
    """

    id: int
    name: str
    colour: str
    clicks: tuple[Click, ...] = ()


def objects_of(actions: Sequence[Action]) -> dict[int, Described]:
    """Return the objects after some actions, by id, in the order in which they were added."""
    found: dict[int, Described] = {}
    for action in actions:
        details = action.details
        if action.kind == ADD:
            found[action.object_id] = Described(
                id=action.object_id, name=details["name"], colour=details["colour"]
            )
            continue
        now = found[action.object_id]
        if action.kind == DESCRIBE:
            found[action.object_id] = replace(now, **details)
        elif action.kind == REMOVE:
            del found[action.object_id]
        elif action.kind == CLEAR:
            found[action.object_id] = replace(now, clicks=())
        elif action.kind == CLICK:
            found[action.object_id] = replace(now, clicks=(*now.clicks, click_of(action)))
    return found


def click_of(action: Action) -> Click:
    """Return the click of an action of this kind, in voxels of the reading's grid."""
    i, j, k = action.details["ijk"]
    return Click((i, j, k), action.details["positive"])


def since_last_edit(actions: Sequence[Action], object_id: int) -> tuple[Action | None, list[Action]]:
    """Return what a further click of an object builds on.

    Args:
        actions: In effect.
        object_id: Of the object.

    Returns:
        The last action that set its mask without the model, or None; and the clicks and boxes after it, in order.
    """
    prompts: list[Action] = []
    for action in reversed(actions):
        if action.object_id != object_id or action.kind in (DESCRIBE, REMOVE):
            continue
        if action.kind in (CLICK, BOX):
            prompts.append(action)
            if action.kind == BOX:  # a box starts anew
                return None, prompts[::-1]
        elif action.kind != ADD or action.change is not None:
            return action, prompts[::-1]
    return None, prompts[::-1]
