"""One reader's work on one scan: objects, their masks, and a history that goes back to the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seganypet.app.changes import Change, ObjectMask
from seganypet.app.history import ADD, Action, Described, objects_of
from seganypet.app.store import Store, StoredReading
from seganypet.errors import StoreError, UsageError
from seganypet.volume import BoolArray


class Reading:
    """What a store holds of a reading, and the masks that follow from it.

    Not thread-safe: whoever works on it holds its lock.

    Args:
        store: Where every action goes first.
        stored: The reading.

    Raises:
        StoreError: What is stored cannot be read.
    """

    def __init__(self, store: Store, stored: StoredReading) -> None:
        self.id, self.scan_id, self.reader = stored.id, stored.scan_id, stored.reader
        self.assisted, self.shape = stored.assisted, stored.shape
        self._store = store
        self._actions = store.actions(stored.id)
        self._done = stored.done
        if self._done > len(self._actions):
            raise StoreError(
                f"{store.file}: reading {stored.id} counts {self._done} actions of {len(self._actions)}; "
                "restore the file from a copy"
            )
        self._masks: dict[int, ObjectMask] = {}
        for action in self.actions:
            self._turn(action)

    @property
    def actions(self) -> list[Action]:
        """The actions in effect, in order."""
        return self._actions[: self._done]

    @property
    def undoable(self) -> Action | None:
        """What `undo` would take back."""
        return self._actions[self._done - 1] if self._done else None

    @property
    def redoable(self) -> Action | None:
        """What `redo` would do again."""
        return self._actions[self._done] if self._done < len(self._actions) else None

    @property
    def objects(self) -> dict[int, Described]:
        """The objects by id, in the order in which they were added."""
        return objects_of(self.actions)

    def mask(self, object_id: int) -> ObjectMask:
        """Return an object's mask; empty where nothing is inside yet."""
        return self._masks.get(object_id, ObjectMask(self.shape))

    def array(self, object_id: int) -> BoolArray:
        """Return an object's mask on the whole grid, bool [I, J, K]."""
        return self.mask(object_id).array()

    def add(
        self, name: str, colour: str, change: Change | None = None, details: Mapping[str, Any] | None = None
    ) -> Action:
        """Add an object, with a mask if it has one, and return the action.

        Args:
            name: Of the object.
            colour: "#rrggbb".
            change: Its mask, as what makes it out of nothing.
            details: Where the mask came from.

        Raises:
            StoreError: It cannot be stored; then nothing has changed.
        """
        object_id = self._store.next_object_id(self.id)
        return self.do(ADD, object_id, {**(details or {}), "name": name, "colour": colour}, change)

    def do(
        self,
        kind: str,
        object_id: int,
        details: Mapping[str, Any],
        change: Change | None = None,
        seconds: float = 0.0,
    ) -> Action:
        """Store an action, apply it and return it; what was undone before cannot be redone any more.

        Args:
            kind: As of `Action`.
            object_id: Of an object that there is; of a new one with kind "add".
            details: As of `Action`.
            change: Likewise.
            seconds: Likewise.

        Raises:
            StoreError: It cannot be stored; then nothing has changed.
        """
        action = self._store.append(
            self.id,
            kind=kind,
            object_id=object_id,
            details=details,
            change=change,
            seconds=seconds,
            done=self._done,
        )
        self._actions = [*self.actions, action]
        self._done += 1
        self._turn(action)
        return action

    def undo(self) -> Action:
        """Take back the last action in effect and return it.

        Raises:
            UsageError: There is none.
            StoreError: It cannot be stored; then nothing has changed.
        """
        action = self.undoable
        if action is None:
            raise UsageError("nothing to undo")
        self._store.set_done(self.id, self._done - 1, "undo")
        self._done -= 1
        self._turn(action)
        return action

    def redo(self) -> Action:
        """Do again what was taken back last and return it.

        Raises:
            UsageError: There is nothing.
            StoreError: It cannot be stored; then nothing has changed.
        """
        action = self.redoable
        if action is None:
            raise UsageError("nothing to redo")
        self._store.set_done(self.id, self._done + 1, "redo")
        self._done += 1
        self._turn(action)
        return action

    def _turn(self, action: Action) -> None:
        if action.change is not None:
            self._masks.setdefault(action.object_id, ObjectMask(self.shape)).turn(action.change)
