"""A work folder as it is now, to be read beside the server that works there."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from seganypet.app.store import Store
from seganypet.errors import StoreError

_BUSY_S: Final = 10.0


class StoredWork(Store):
    """The database of a work folder, which this never changes; all of it is as it was at the first look.

    Args:
        folder: What `seganypet serve --work` names.

    Raises:
        StoreError: There is no work, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "work.sqlite").is_file():
            raise StoreError(
                f"{folder}: holds no work.sqlite; give the folder that `seganypet serve --work` names"
            )
        super().__init__(folder)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        """Return a connection that reads alone, and takes nothing from a server."""
        # Without a log beside it nobody writes, and SQLite need not make one, which a folder may not allow.
        written = self.file.with_name(f"{self.file.name}-wal").exists()
        address = f"{self.file.resolve().as_uri()}?mode=ro{'' if written else '&immutable=1'}"
        return sqlite3.connect(
            address, uri=True, timeout=_BUSY_S, check_same_thread=False, isolation_level=None
        )

    def _prepare(self) -> None:
        if self._version() == 0:
            raise StoreError(f"{self.file}: holds no work yet; open a scan on the page and begin a reading")
        self._connection.execute("BEGIN")
