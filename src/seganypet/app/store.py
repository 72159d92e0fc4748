"""Everything that must outlive the server: scans, readings, actions, events. One SQLite file, uploads beside it.

An action is stored, with what it changes, in one transaction before it is answered. Where the reader is in the history
is stored with it, so a server that is killed loses nothing that it had answered.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from seganypet.app.changes import Change
from seganypet.app.history import Action
from seganypet.errors import StoreError

_VERSION: Final = 1
_BUSY_S: Final = 10.0
_TABLES: Final = """
CREATE TABLE scans (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, series_uid TEXT, second_path TEXT,
    fingerprint TEXT, added_at REAL NOT NULL, UNIQUE (path, series_uid));
CREATE TABLE readings (
    id TEXT PRIMARY KEY, scan_id TEXT NOT NULL REFERENCES scans, reader TEXT NOT NULL, assisted INTEGER NOT NULL,
    shape TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, view TEXT NOT NULL DEFAULT '{}', begun_at REAL NOT NULL,
    UNIQUE (scan_id, reader, assisted));
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, reading_id TEXT NOT NULL REFERENCES readings, kind TEXT NOT NULL,
    object_id INTEGER NOT NULL, made_at REAL NOT NULL, seconds REAL NOT NULL, details TEXT NOT NULL,
    start TEXT, shape TEXT, flipped BLOB, dropped INTEGER NOT NULL DEFAULT 0);
CREATE INDEX actions_of ON actions (reading_id, dropped, id);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, reading_id TEXT NOT NULL REFERENCES readings, kind TEXT NOT NULL,
    made_at REAL NOT NULL, details TEXT NOT NULL);
CREATE INDEX events_of ON events (reading_id, id);
"""


@dataclass(frozen=True, kw_only=True)
class StoredScan:
    """A scan that the server knows.

    Attributes:
        id: Random; stands in addresses.
        name: What a reader sees.
        path: File or folder.
        series_uid: Where the folder holds several series.
        second_path: CT or MR to be shown with it.
        fingerprint: Of its voxels and affine when it was first read.
        added_at: Seconds since 1970.
    """

    id: str
    name: str
    path: Path
    series_uid: str | None
    second_path: Path | None
    added_at: float
    fingerprint: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredReading:
    """One reader's work on one scan.

    Attributes:
        id: Random; stands in addresses.
        scan_id: Of the scan.
        reader: Name of the reader.
        assisted: Whether the model may be used.
        shape: Of the grid that all voxels are counted on.
        done: How many of the stored actions are in effect; those after it were undone.
        view: What the page wants to find again: visible objects, window, place. JSON.
        begun_at: Seconds since 1970.
    """

    id: str
    scan_id: str
    reader: str
    assisted: bool
    shape: tuple[int, int, int]
    done: int
    view: Mapping[str, Any]
    begun_at: float


class Store:
    """The database of a work folder.

    Args:
        folder: Is created; holds `work.sqlite` and `uploads/`.

    Raises:
        StoreError: It cannot be created or opened, was written by a newer version, or another server works there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "work.sqlite"
        self._lock = threading.RLock()
        # Not the thread's own: the one that closes need not be the one that opened.
        self._alone = FileLock(folder / "server.lock", thread_local=False)
        try:
            self._connection = self._opened()
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.file}: cannot be opened ({error}); choose another work folder"
            ) from error

    @property
    def uploads(self) -> Path:
        """Folder of what was uploaded."""
        return self.folder / "uploads"

    def close(self) -> None:
        """Close the database; nothing waits to be written."""
        self._connection.close()
        self._alone.release()

    def add_scan(self, name: str, path: Path, series_uid: str | None = None) -> StoredScan:
        """Return a new scan, or the one that is known of this path and series."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT id FROM scans WHERE path = ? AND series_uid IS ?", (str(path), series_uid)
            ).fetchone()
            scan_id: str = row["id"] if row else secrets.token_hex(8)
            if row is None:
                db.execute(
                    "INSERT INTO scans (id, name, path, series_uid, added_at) VALUES (?, ?, ?, ?, ?)",
                    (scan_id, name, str(path), series_uid, time.time()),
                )
        found = self.scan(scan_id)
        assert found is not None, "a scan that was just stored"
        return found

    def remove_scan(self, scan_id: str) -> None:
        """Forget a scan that nobody began to read; one with readings stays."""
        with self._transaction() as db:
            db.execute(
                "DELETE FROM scans WHERE id = ? AND id NOT IN (SELECT scan_id FROM readings)", (scan_id,)
            )

    def scan(self, scan_id: str) -> StoredScan | None:
        """Return a scan, or None where there is none of this id."""
        return next((scan for scan in self.scans() if scan.id == scan_id), None)

    def scans(self) -> list[StoredScan]:
        """Return all scans, the oldest first."""
        return [
            StoredScan(
                id=row["id"],
                name=row["name"],
                path=Path(row["path"]),
                series_uid=row["series_uid"],
                second_path=Path(row["second_path"]) if row["second_path"] else None,
                fingerprint=row["fingerprint"],
                added_at=row["added_at"],
            )
            for row in self._rows("SELECT * FROM scans ORDER BY added_at, rowid")
        ]

    def set_fingerprint(self, scan_id: str, fingerprint: str) -> None:
        """Store what a scan's voxels and affine were when it was first read."""
        with self._transaction() as db:
            db.execute("UPDATE scans SET fingerprint = ? WHERE id = ?", (fingerprint, scan_id))

    def set_second(self, scan_id: str, path: Path | None) -> None:
        """Store which image is shown with a scan."""
        with self._transaction() as db:
            db.execute("UPDATE scans SET second_path = ? WHERE id = ?", (path and str(path), scan_id))

    def begin_reading(
        self, scan_id: str, reader: str, *, assisted: bool, shape: tuple[int, int, int]
    ) -> StoredReading:
        """Return a new reading, or this reader's reading of this scan that was begun before."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT id FROM readings WHERE scan_id = ? AND reader = ? AND assisted = ?",
                (scan_id, reader, int(assisted)),
            ).fetchone()
            reading_id: str = row["id"] if row else secrets.token_hex(8)
            if row is None:
                db.execute(
                    "INSERT INTO readings (id, scan_id, reader, assisted, shape, begun_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (reading_id, scan_id, reader, int(assisted), json.dumps(shape), time.time()),
                )
        found = self.reading(reading_id)
        assert found is not None, "a reading that was just stored"
        return found

    def reading(self, reading_id: str) -> StoredReading | None:
        """Return a reading, or None where there is none of this id."""
        rows = self._rows("SELECT * FROM readings WHERE id = ?", reading_id)
        return _reading(rows[0]) if rows else None

    def readings(self, scan_id: str | None = None) -> list[StoredReading]:
        """Return the readings of a scan, or all, the oldest first."""
        if scan_id is None:
            return [_reading(row) for row in self._rows("SELECT * FROM readings ORDER BY begun_at, rowid")]
        query = "SELECT * FROM readings WHERE scan_id = ? ORDER BY begun_at, rowid"
        return [_reading(row) for row in self._rows(query, scan_id)]

    def set_view(self, reading_id: str, view: Mapping[str, Any]) -> None:
        """Store what the page wants to find again."""
        with self._transaction() as db:
            db.execute("UPDATE readings SET view = ? WHERE id = ?", (json.dumps(view), reading_id))

    def actions(self, reading_id: str) -> list[Action]:
        """Return the actions of a reading in order: those in effect, then those that were undone and can be redone."""
        rows = self._rows(
            "SELECT * FROM actions WHERE reading_id = ? AND dropped = 0 ORDER BY id", reading_id
        )
        return [_action(row) for row in rows]

    def all_actions(self, reading_id: str) -> list[Action]:
        """Return every action ever made in a reading, those that were undone and then overtaken included."""
        return [
            _action(row)
            for row in self._rows("SELECT * FROM actions WHERE reading_id = ? ORDER BY id", reading_id)
        ]

    def append(
        self,
        reading_id: str,
        *,
        kind: str,
        object_id: int,
        details: Mapping[str, Any],
        change: Change | None,
        seconds: float,
        done: int,
    ) -> Action:
        """Store an action, and drop those that were undone before it.

        Args:
            reading_id: Of the reading.
            kind: As of `Action`.
            object_id: Likewise.
            details: Likewise.
            change: Likewise.
            seconds: Likewise.
            done: How many actions were in effect before it.

        Raises:
            StoreError: The disk is full, or the database cannot be written; then nothing has changed.
        """
        made_at = time.time()
        with self._transaction() as db:
            db.execute(
                "UPDATE actions SET dropped = 1 WHERE id IN (SELECT id FROM actions WHERE reading_id = ? "
                "AND dropped = 0 ORDER BY id LIMIT -1 OFFSET ?)",
                (reading_id, done),
            )
            cursor = db.execute(
                "INSERT INTO actions (reading_id, kind, object_id, made_at, seconds, details, start, shape, flipped) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    reading_id,
                    kind,
                    object_id,
                    made_at,
                    seconds,
                    json.dumps(details),
                    change and json.dumps(change.start),
                    change and json.dumps(change.shape),
                    change and change.packed(),
                ),
            )
            db.execute("UPDATE readings SET done = ? WHERE id = ?", (done + 1, reading_id))
            number = cursor.lastrowid
        assert number is not None, "the row that was just inserted"
        return Action(
            id=number,
            kind=kind,
            object_id=object_id,
            made_at=made_at,
            seconds=seconds,
            details=details,
            change=change,
        )

    def set_done(self, reading_id: str, done: int, event: str) -> None:
        """Store how many actions are in effect after an undo or redo, and that it was one."""
        with self._transaction() as db:
            db.execute("UPDATE readings SET done = ? WHERE id = ?", (done, reading_id))
            self._insert_event(db, reading_id, event, {})

    def add_event(self, reading_id: str, kind: str, details: Mapping[str, Any]) -> None:
        """Store something that changes no object: a reading opened, closed, looked at."""
        with self._transaction() as db:
            self._insert_event(db, reading_id, kind, details)

    def events(self, reading_id: str) -> list[dict[str, Any]]:
        """Return the events of a reading in order: kind, made_at, details."""
        rows = self._rows("SELECT * FROM events WHERE reading_id = ? ORDER BY id", reading_id)
        return [
            {"kind": row["kind"], "made_at": row["made_at"], "details": json.loads(row["details"])}
            for row in rows
        ]

    def next_object_id(self, reading_id: str) -> int:
        """Return an id that no object of a reading ever had."""
        row = self._rows("SELECT MAX(object_id) AS highest FROM actions WHERE reading_id = ?", reading_id)[0]
        return (row["highest"] or 0) + 1

    def _opened(self) -> sqlite3.Connection:
        """Return a connection that nobody else has."""
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._alone.acquire(blocking=False)
        return sqlite3.connect(self.file, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)

    def _prepare(self) -> None:
        """Make the tables of a new database, and set what makes a transaction last through a power cut."""
        with self._lock:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            if self._version() == 0:
                self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _version(self) -> int:
        """Return the format of the database, 0 of a new one; refuse one that is too new."""
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise StoreError(
                f"{self.file}: written by a newer SegAnyPET (format {version}, this one reads {_VERSION}); "
                "update, or choose another work folder"
            )
        return int(version)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):  # of a full disk SQLite may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                if not isinstance(error, sqlite3.Error):
                    raise
                raise StoreError(
                    f"{self.file}: cannot be written ({error}); free space and try again"
                ) from error

    def _rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"{self.file}: cannot be read ({error}); is the disk sound?") from error

    @staticmethod
    def _insert_event(db: sqlite3.Connection, reading_id: str, kind: str, details: Mapping[str, Any]) -> None:
        db.execute(
            "INSERT INTO events (reading_id, kind, made_at, details) VALUES (?, ?, ?, ?)",
            (reading_id, kind, time.time(), json.dumps(details)),
        )


def _reading(row: sqlite3.Row) -> StoredReading:
    i, j, k = json.loads(row["shape"])
    return StoredReading(
        id=row["id"],
        scan_id=row["scan_id"],
        reader=row["reader"],
        assisted=bool(row["assisted"]),
        shape=(i, j, k),
        done=row["done"],
        view=json.loads(row["view"]),
        begun_at=row["begun_at"],
    )


def _action(row: sqlite3.Row) -> Action:
    change = None
    if row["flipped"] is not None:
        (a, b, c), (d, e, f) = json.loads(row["start"]), json.loads(row["shape"])
        change = Change.unpacked((a, b, c), (d, e, f), row["flipped"])
    return Action(
        id=row["id"],
        kind=row["kind"],
        object_id=row["object_id"],
        made_at=row["made_at"],
        seconds=row["seconds"],
        details=json.loads(row["details"]),
        change=change,
    )
