"""What the routes work with: the store, scans and readings in memory, the model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from seganypet.app.leases import Leases
from seganypet.app.metrics import Metrics
from seganypet.app.model import SharedModel
from seganypet.app.open_scans import OpenScan, OpenScans
from seganypet.app.problems import NotFoundError
from seganypet.app.reading import Reading
from seganypet.app.settings import ServerSettings
from seganypet.app.store import Store, StoredScan
from seganypet.app.uploads import Uploads
from seganypet.errors import SegAnyPETError, StoreError


@dataclass(eq=False)
class _Held:
    reading: Reading
    lock: threading.RLock
    users: int = 0


class Services:
    """One server's parts.

    Args:
        settings: What the server was told.
        model: The model that all scans share.
    """

    def __init__(self, settings: ServerSettings, model: SharedModel) -> None:
        self.settings, self.model = settings, model
        self.store = Store(settings.work)
        self.scans = OpenScans(most=settings.most_scans, most_bytes=settings.most_image_bytes)
        self.metrics = Metrics(lambda: len(self.scans.ids()), lambda: self.scans.bytes)
        self.uploads = Uploads(self.store.uploads, settings.most_upload_bytes)
        self.leases = Leases(settings.lease_s)
        self._readings: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def stored_scan(self, scan_id: str) -> StoredScan:
        """Return a scan by its id.

        Raises:
            NotFoundError: There is none.
        """
        stored = self.store.scan(scan_id)
        if stored is None:
            raise NotFoundError(f"no scan {scan_id!r}; choose one of the list")
        return stored

    def scan(self, scan_id: str) -> OpenScan:
        """Return a scan, read from its files if it is not in memory.

        Raises:
            NotFoundError: There is none of this id.
            SegAnyPETError: As for `read_volume`.
        """
        return self._as_first_read(self.stored_scan(scan_id))

    def new_scan(self, path: Path, series_uid: str | None = None, name: str | None = None) -> OpenScan:
        """Return a path as a scan, known from now on; one that cannot be read does not become known.

        Args:
            path: File or folder.
            series_uid: Where the folder holds several series.
            name: What readers see; by default that of the file or folder.

        Raises:
            SegAnyPETError: As for `read_volume`.
        """
        stored = self.store.add_scan(name or path.name or str(path), path, series_uid)
        try:
            return self._as_first_read(stored)
        except SegAnyPETError:
            self.store.remove_scan(stored.id)
            raise

    def _as_first_read(self, stored: StoredScan) -> OpenScan:
        """Return a scan in memory; work on it would lie in the wrong place were it another image than at first."""
        opened = self.scans.get(stored)
        if stored.fingerprint is None:
            self.store.set_fingerprint(stored.id, opened.fingerprint)
        elif stored.fingerprint != opened.fingerprint:
            self.scans.forget(stored.id)
            raise StoreError(
                f"{stored.path}: is another image than when it was first opened here; put that one back, or give this "
                "one another name, so that no work on the one lies over the other"
            )
        return opened

    def with_second(self, scan_id: str, path: Path | None) -> OpenScan:
        """Return a scan with a CT or MR to be shown with it, or none; one that cannot be read is not taken.

        Raises:
            SegAnyPETError: As for `read_anatomy`.
        """
        scan = self.scan(scan_id)
        before = scan.stored
        scan.show_with(replace(before, second_path=path))
        try:
            if path is not None:
                scan.anatomy()
        except SegAnyPETError:
            scan.show_with(before)
            raise
        self.store.set_second(scan_id, path)
        return scan

    @contextmanager
    def reading(self, reading_id: str) -> Iterator[Reading]:
        """Give a reading, which nobody else works on until the block ends.

        Raises:
            NotFoundError: There is none of this id.
            StoreError: What is stored of it cannot be read.
        """
        with self._lock:
            held = self._readings.get(reading_id)
            if held is None:
                stored = self.store.reading(reading_id)
                if stored is None:
                    raise NotFoundError(f"no reading {reading_id!r}; begin one on a scan")
                # Where the model is off, it is off for readings that were begun with it as well.
                stored = replace(stored, assisted=stored.assisted and self.settings.assisted)
                held = self._readings[reading_id] = _Held(Reading(self.store, stored), threading.RLock())
                self._forget_some()
            self._readings.move_to_end(reading_id)
            held.users += 1
        try:
            with held.lock:
                yield held.reading
        finally:
            with self._lock:
                held.users -= 1

    @contextmanager
    def reading_on_scan(self, reading_id: str) -> Iterator[tuple[Reading, OpenScan]]:
        """Give a reading and its scan.

        Raises:
            NotFoundError, SegAnyPETError: As for `reading` and `scan`.
            StoreError: The files of the scan have changed since the reading was begun.
        """
        with self.reading(reading_id) as reading:
            scan = self.scan(reading.scan_id)
            if scan.volume.shape != reading.shape:
                raise StoreError(
                    f"{scan.stored.path}: has {scan.volume.shape} voxels, and had {reading.shape} when the reading was "
                    "begun; put the old file back, or add the new one as another scan"
                )
            yield reading, scan

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _forget_some(self) -> None:
        """Drop readings that nobody works on, the one that was not used for longest first; all is stored."""
        *earlier, _ = self._readings
        for reading_id in earlier:
            if len(self._readings) > self.settings.most_readings and not self._readings[reading_id].users:
                del self._readings[reading_id]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Served = Annotated[Services, Depends(_services)]
"""What a route asks for to get the services."""
