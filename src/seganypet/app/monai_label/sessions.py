"""Sessions: an image that a client sent to work on, until the client ends it."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seganypet.app.problems import NotFoundError
from seganypet.errors import OutputError, StoreError
from seganypet.io import write_json


@dataclass(frozen=True)
class SentImage:
    """A session.

    Attributes:
        id: Random; stands in addresses.
        scan_id: Of the image.
        begun_at: Seconds since 1970.
    """

    id: str
    scan_id: str
    begun_at: int

    def wire(self) -> dict[str, Any]:
        """Return it as clients expect it; expiry 0 is none, and paths of ours are nobody's business."""
        return {
            "name": self.id,
            "path": "",
            "image": self.scan_id,
            "meta": {},
            "create_ts": self.begun_at,
            "last_access_ts": self.begun_at,
            "expiry": 0,
        }


@dataclass(frozen=True)
class Sessions:
    """The sessions of a work folder, `sessions/<id>.json`; they outlive the server.

    Attributes:
        folder: Of the server's work.
    """

    folder: Path

    def begin(self, scan_id: str) -> SentImage:
        """Return a new session on a scan.

        Raises:
            OutputError: It cannot be stored.
        """
        session = SentImage(secrets.token_hex(8), scan_id, int(time.time()))
        write_json({"scan_id": scan_id, "begun_at": session.begun_at}, self._path(session.id))
        return session

    def get(self, session_id: str) -> SentImage:
        """Return a session.

        Raises:
            NotFoundError: There is none of this id, or it has ended.
            StoreError: What is stored of it cannot be read.
        """
        path = self._path(session_id)
        if not re.fullmatch("[0-9a-f]{16}", session_id) or not path.is_file():
            raise NotFoundError(f"no session {session_id[:40]!r}; create one with the image")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return SentImage(session_id, str(stored["scan_id"]), int(stored["begun_at"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); remove it") from error

    def end(self, session_id: str) -> SentImage:
        """Forget a session; return what it was.

        Raises:
            NotFoundError, StoreError: As for `get`.
            OutputError: It cannot be removed.
        """
        session, path = self.get(session_id), self._path(session_id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: cannot be removed ({error.strerror}); remove it by hand") from error
        return session

    def _path(self, session_id: str) -> Path:
        return self.folder / "sessions" / f"{session_id}.json"
