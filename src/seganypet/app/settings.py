"""What a server is told when it starts."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_ALL_ADDRESSES = ("0.0.0.0", "::")


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Where a server finds scans, keeps work, and what it allows.

    Attributes:
        work: Folder of the database and of uploads.
        root: A scan, or the folder whose scans may be opened; None for uploads only.
        host: Address that is listened on.
        port: Its port.
        token: What requests must bring; None on the loopback address only.
        allowed_hosts: Names that the server may be called by, its host apart.
        allowed_origins: Other sites whose pages may use it, as "https://viewer.example".
        assisted: Whether the model may be used at all.
        dicomweb: Address of a DICOMweb server to fetch scans from.
        most_scans: Scans that are kept in memory.
        most_image_bytes: What their images may hold together.
        most_readings: Readings that are kept in memory.
        most_upload_bytes: One upload, all its files together.
        lease_s: How long a reader's page may be silent before another may go on with the reading.
    """

    work: Path
    root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    assisted: bool = True
    dicomweb: str | None = None
    most_scans: int = 4
    most_image_bytes: int = 2 << 30
    most_readings: int = 16
    most_upload_bytes: int = 4 << 30
    lease_s: float = 60.0

    @property
    def address(self) -> str:
        """Where the page is, with the token that it wants."""
        if self.host in _ALL_ADDRESSES:
            return self._at(socket.gethostname())
        return self._at(f"[{self.host}]" if ":" in self.host else self.host)

    def _at(self, host: str) -> str:
        return f"http://{host}:{self.port}/" + (f"?token={quote(self.token, safe='')}" if self.token else "")
