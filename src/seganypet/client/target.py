"""One object of a reading on a server: every action reaches it once, or not at all.

An answer that is lost leaves open whether the action was stored. Before anything else happens, the reading is then
looked at: with a new lease first, so that nothing which is still under way can change it any more; an action that was
stored is taken back. So an action that raised an error has not happened, and can be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from seganypet.client.connection import Connection
from seganypet.client.errors import LockedError, ServerError, UnreachableError
from seganypet.client.masks import OwnMask
from seganypet.client.scans import RemoteScan
from seganypet.errors import SegAnyPETError, UsageError

# Refusals; of other answers nobody knows whether the action was stored.
_REFUSED: Final = range(400, 500)


@dataclass(frozen=True, kw_only=True)
class _Action:
    """What is sent to change a reading.

    Attributes:
        kind: As the server names it; "undo" and "redo" are none of its kinds.
        method: Of HTTP.
        path: Below the reading.
        body: JSON.
    """

    kind: str
    method: str = "POST"
    path: str
    body: Mapping[str, Any] | None = None

    @property
    def step(self) -> int:
        """By how much it changes the number of actions in effect."""
        return -1 if self.kind == "undo" else 1


_UNDO: Final = _Action(kind="undo", path="/undo")
_REDO: Final = _Action(kind="redo", path="/redo")


class RemoteTarget:
    """A new object in a reader's reading.

    Args:
        connection: To the server.
        scan: The scan that is read.
        reader: Whose reading; begun if there is none.
        name: Of the object.
        held: The object that was worked on before: its lease goes on where it is of the same reading.
        take_over: Whether to end somebody else's work on it.

    Raises:
        LockedError: Somebody else works on the reading.
        SegAnyPETError: As for `Connection.call`.
    """

    def __init__(
        self,
        connection: Connection,
        scan: RemoteScan,
        reader: str,
        name: str,
        *,
        held: RemoteTarget | None = None,
        take_over: bool = False,
    ) -> None:
        self._connection = connection
        self.mask = OwnMask(scan.orientation)
        # Whether the reading must be looked at before anything else, and what may have been stored meanwhile.
        self._unsure = False
        self._lost: _Action | None = None
        begun = connection.call("POST", f"/api/scans/{scan.id}/readings", {"reader": reader})
        self.reading: Final[str] = begun["id"]
        self._path = f"/api/readings/{self.reading}"
        mine = held._lease if held is not None and held.reading == self.reading else None
        self._lease: str = self._take_lease(mine, take_over=take_over)
        try:
            added = connection.call("POST", f"{self._path}/objects", {"name": name}, lease=self._lease)
        except SegAnyPETError:
            if mine is None:
                self.release()
            raise
        self.id: Final[int] = added["object_id"]
        self._actions: int = added["state"]["actions"]
        self._done = self._ahead = 0

    def change(self, kind: str, what: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Do something to the object and return what the server says of it.

        Args:
            kind: As the server names the action.
            what: End of the route below the object; a mask is put there, everything else posted.
            body: JSON.

        Raises:
            UnreachableError: It did not happen, or is taken back before anything else happens.
            LockedError: Somebody else took the reading over.
            SegAnyPETError: The server refuses; nothing has changed.
        """
        self.settle()
        method = "PUT" if kind == "mask" else "POST"
        return self._do(_Action(kind=kind, method=method, path=f"/objects/{self.id}/{what}", body=body))

    def undo(self) -> None:
        """Take back the last change of this object; errors as for `change`.

        Raises:
            UsageError: There is none.
        """
        self.settle()
        if self._done == 0:
            raise UsageError("nothing to undo")
        self._do(_UNDO)

    def redo(self) -> None:
        """Do again what was taken back last; errors as for `change`.

        Raises:
            UsageError: There is nothing.
        """
        self.settle()
        if self._ahead == 0:
            raise UsageError("nothing to redo")
        self._do(_REDO)

    def uncertainty(self) -> Mapping[str, Any] | None:
        """Return how unsure the model is, as it goes over HTTP; errors as for `change`."""
        self.settle()
        reply: Mapping[str, Any] | None = self._connection.call(
            "GET", f"{self._path}/objects/{self.id}/uncertainty"
        )
        return reply

    def settle(self) -> None:
        """Take back an action whose answer was lost, if it was stored; nothing happens where none was.

        Raises:
            LockedError: Somebody else works on the reading.
            ServerError: Somebody else changed it, or no answer came.
        """
        if not self._unsure:
            return
        self._renew_lease()
        action, state = self._lost, self._state()
        if action is not None and self._is_stored(action, state):
            back = "/redo" if action.step < 0 else "/undo"
            self._connection.call("POST", f"{self._path}{back}", lease=self._lease)
            if action.kind not in ("undo", "redo"):
                self._ahead = 0  # what could be done again before is overtaken
            state = self._state()
        self._check_same(state)
        self._unsure, self._lost = False, None

    def release(self) -> None:
        """Let others work on the reading; that the server cannot be told does not matter."""
        with suppress(SegAnyPETError):
            self.settle()
        with suppress(SegAnyPETError):
            self._connection.call("DELETE", f"{self._path}/lease", lease=self._lease)

    def _do(self, action: _Action) -> Mapping[str, Any]:
        """Bring an action to the server, a second time where the first did not get there."""
        try:
            return self._sent(action)
        except UnreachableError as error:
            if error.timed_out:
                raise
        except LockedError:
            pass  # a server that was started anew knows no leases
        self.settle()
        return self._sent(action)

    def _sent(self, action: _Action) -> Mapping[str, Any]:
        """Send an action, and apply what it changed."""
        self._unsure, self._lost = True, action
        try:
            reply: Mapping[str, Any] = self._connection.call(
                action.method, f"{self._path}{action.path}", action.body, lease=self._lease
            )
        except SegAnyPETError as error:
            if not isinstance(error, ServerError) or error.status in _REFUSED:
                self._lost = None
                self._unsure = isinstance(error, LockedError)  # others may have been at work
            raise
        self.mask.turn(reply["change"])
        self._actions += action.step
        self._done += action.step
        self._ahead = {"undo": self._ahead + 1, "redo": self._ahead - 1}.get(action.kind, 0)
        self._unsure, self._lost = False, None
        return reply

    def _renew_lease(self) -> None:
        """Take a new lease, so that what is still under way with the old one is refused.

        Raises:
            LockedError: Somebody else works on the reading.
        """
        lease = self._take_lease(self._lease)
        if lease == self._lease:
            lease = self._take_lease(None, take_over=True)
        self._lease = lease

    def _take_lease(self, held: str | None, *, take_over: bool = False) -> str:
        reply = self._connection.call("POST", f"{self._path}/lease", {"lease": held, "take_over": take_over})
        lease: str = reply["lease"]
        return lease

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._connection.call("GET", self._path)
        return state

    def _is_stored(self, action: _Action, state: Mapping[str, Any]) -> bool:
        """Return whether what a reading has more, or less, than it had is an action of ours."""
        if state["actions"] != self._actions + action.step:
            return False
        return action.kind in ("undo", "redo") or state["undo"] == action.kind

    def _check_same(self, state: Mapping[str, Any]) -> None:
        """Refuse to go on where somebody else changed the reading.

        Raises:
            ServerError: It is not as it was left.
        """
        mask = state["masks"].get(str(self.id))
        if state["actions"] != self._actions or not self.mask.equals(mask):
            raise ServerError(
                f"{self._connection.address}: somebody else changed reading {self.reading} ({state['actions']} actions "
                f"in place of {self._actions}); begin anew with set_volume, under a reader's name of your own"
            )
