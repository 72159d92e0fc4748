"""What the store keeps of readings, as a study log: all that was done, in order, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seganypet.app.history import ADD, Action
from seganypet.app.reading import Reading
from seganypet.app.store import Store
from seganypet.app.stored_work import StoredWork
from seganypet.io.study_log import StudyEntry, StudyObject, StudyReading


def work_log(folder: Path) -> list[StudyReading]:
    """Return all readings of a work folder, the oldest first; a server may work there meanwhile.

    Args:
        folder: What `seganypet serve --work` names.

    Raises:
        StoreError: There is no work, or it cannot be read.
    """
    store = StoredWork(folder)
    try:
        return [reading_log(store, Reading(store, stored)) for stored in store.readings()]
    finally:
        store.close()


def reading_log(store: Store, reading: Reading) -> StudyReading:
    """Return what a study needs to know of a reading.

    Args:
        store: That holds it.
        reading: Nobody changes it meanwhile.

    Raises:
        StoreError: The store cannot be read.
    """
    stored, scan = store.reading(reading.id), store.scan(reading.scan_id)
    assert stored is not None, "a reading of this store"
    assert scan is not None, "the scan of a reading"
    return StudyReading(
        id=reading.id,
        scan_id=reading.scan_id,
        scan_name=scan.name,
        reader=reading.reader,
        assisted=reading.assisted,
        begun_at_s=stored.begun_at,
        shape=reading.shape,
        timeline=tuple(_timeline(store, reading)),
        objects=tuple(_objects(reading)),
    )


def _objects(reading: Reading) -> Iterator[StudyObject]:
    for described in reading.objects.values():
        box = reading.mask(described.id).box()
        if box is None:
            yield StudyObject(id=described.id, name=described.name)
        else:
            yield StudyObject(id=described.id, name=described.name, start=box.start, inside=box.flipped)


def _timeline(store: Store, reading: Reading) -> Iterator[StudyEntry]:
    """Give actions and events by time; an undo or redo concerns the object whose action it moved."""
    actions = store.all_actions(reading.id)
    in_effect = {action.id for action in reading.actions}
    names = _names(reading, actions)
    done: list[Action] = []
    undone: list[Action] = []
    moments: list[Action | dict[str, Any]] = [*actions, *store.events(reading.id)]
    for moment in sorted(moments, key=_at):
        if isinstance(moment, Action):
            done.append(moment)
            undone.clear()
            yield StudyEntry(
                kind=moment.kind,
                at_s=moment.made_at,
                object_id=moment.object_id,
                name=names[moment.object_id],
                seconds=moment.seconds,
                in_effect=moment.id in in_effect,
                details=_short(moment),
            )
            continue
        moved = _moved(moment["kind"], done, undone)
        number = None if moved is None else moved.object_id
        yield StudyEntry(
            kind=moment["kind"],
            at_s=moment["made_at"],
            object_id=number,
            name="" if number is None else names[number],
            details=moment["details"],
        )


def _moved(event: str, done: list[Action], undone: list[Action]) -> Action | None:
    """Move what an undo or redo moves from one list to the other, and return it; None of other events."""
    source, target = {"undo": (done, undone), "redo": (undone, done)}.get(event, ([], []))
    if not source:
        return None
    target.append(source.pop())
    return target[-1]


def _names(reading: Reading, actions: list[Action]) -> dict[int, str]:
    """Return the names of all objects that there ever were, the last ones of those that there are."""
    first = {action.object_id: str(action.details["name"]) for action in actions if action.kind == ADD}
    return first | {described.id: described.name for described in reading.objects.values()}


def _short(action: Action) -> dict[str, Any]:
    """Return what an action asked for, of a stroke only how many points it has."""
    details = dict(action.details)
    if "points_mm" in details:
        details["points"] = len(details.pop("points_mm"))
    return details


def _at(moment: Action | dict[str, Any]) -> float:
    at: float = moment.made_at if isinstance(moment, Action) else moment["made_at"]
    return at
