"""Scans in memory: read when a reader opens them, forgotten when others need the room."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from seganypet.analysis.rotating import RotatingProjection
from seganypet.app.assistant import Assistant
from seganypet.app.model import SharedModel
from seganypet.app.store import StoredScan
from seganypet.errors import SegAnyPETWarning, UsageError
from seganypet.io import read_volume
from seganypet.io.anatomy import AnatomicalImage, read_anatomy
from seganypet.preprocessing.orientation import Orientation, Shape, canonical_orientation
from seganypet.volume import BoolArray, Mask, Source, Volume

_MARGIN_MM: Final = 30.0
Stamp = tuple[tuple[int, int], ...]


@dataclass(eq=False)
class OpenScan:
    """A scan in memory, its axes brought nearest to right, anterior, superior; nothing is resampled.

    Attributes:
        stored: What the store knows of it.
        volume: In SUVbw, on the grid that the page and all readings count voxels on.
        orientation: From the file's own grid to this one.
        notes: What reading it warned of.
        stamp: Size and time of its files when they were read.
        fingerprint: Of voxels and affine: another image has another.
        lock: To be held by whoever works with the assistant or the projection.
    """

    stored: StoredScan
    volume: Volume
    orientation: Orientation
    source: Source
    notes: tuple[str, ...]
    stamp: Stamp
    fingerprint: str
    lock: threading.RLock = field(default_factory=threading.RLock)
    _assistant: Assistant | None = None
    _projection: RotatingProjection | None = None
    _anatomy: AnatomicalImage | None = None

    def assistant(self, model: SharedModel) -> Assistant:
        """Return the session on this scan, made at its first use."""
        with self.lock:
            if self._assistant is None:
                self._assistant = Assistant(model.get(), self.volume)
            return self._assistant

    def anatomy(self) -> AnatomicalImage:
        """Return the CT or MR that is shown with the scan, read at its first use.

        Raises:
            UsageError: There is none.
            SegAnyPETError: As for `read_anatomy`.
        """
        if self.stored.second_path is None:
            raise UsageError("no CT or MR is shown with this scan; choose one first")
        with self.lock:
            if self._anatomy is None:
                self._anatomy = read_anatomy(self.stored.second_path)
            return self._anatomy

    def show_with(self, stored: StoredScan) -> None:
        """Take another CT or MR, or none.

        Args:
            stored: This scan with its new second path.
        """
        with self.lock:
            self.stored, self._anatomy = stored, None

    @property
    def projection(self) -> RotatingProjection:
        """The maximum-intensity projections, made at their first use."""
        with self.lock:
            if self._projection is None:
                self._projection = RotatingProjection(self.volume)
            return self._projection

    @property
    def shown(self) -> tuple[Shape, Shape]:
        """First voxel and shape of the part that holds the body, with a margin."""
        with self.lock:
            body = self.projection.body
        start, shape = [], []
        for (first, last), n, mm in zip(body, self.volume.shape, self.volume.spacing_mm, strict=True):
            margin = round(_MARGIN_MM / mm)
            start.append(max(first - margin, 0))
            shape.append(min(last + margin + 1, n) - start[-1])
        return (start[0], start[1], start[2]), (shape[0], shape[1], shape[2])

    def native(self, mask: BoolArray) -> Mask:
        """Return a mask of this grid on the file's own, as it is written to files.

        Args:
            mask: bool [I, J, K].
        """
        own = np.ascontiguousarray(self.orientation.invert(mask))
        return Mask(own, self.orientation.native_affine, source=self.source)

    @property
    def bytes(self) -> int:
        """About how much memory it holds, the session's embeddings apart."""
        second = self._anatomy.array.nbytes if self._anatomy else 0
        return self.volume.array.nbytes + second + (self._projection.bytes if self._projection else 0)


class OpenScans:
    """The scans in memory, the one used last at the end.

    Args:
        most: How many are kept; the one that was not used for longest goes first.
        most_bytes: How much their images may hold together; one is kept in any case.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._open: OrderedDict[str, OpenScan] = OrderedDict()
        self._reading = threading.Lock()  # one after the other: warnings are collected for the whole process
        self._lock = threading.Lock()

    def get(self, stored: StoredScan) -> OpenScan:
        """Return a scan, read from its files if it is not in memory.

        Raises:
            SegAnyPETError: As for `read_volume`.
        """
        if held := self._held(stored.id):
            return held
        with self._reading:
            if held := self._held(stored.id):
                return held
            opened = open_scan(stored)
            with self._lock:
                self._open[stored.id] = opened
                self._forget_some()
            return opened

    def forget(self, scan_id: str) -> None:
        """Drop a scan from memory; its files and the work on it stay."""
        with self._lock:
            self._open.pop(scan_id, None)

    def ids(self) -> list[str]:
        """Return the ids of the scans in memory."""
        with self._lock:
            return list(self._open)

    @property
    def bytes(self) -> int:
        """About how much memory all scans hold."""
        with self._lock:
            return sum(scan.bytes for scan in self._open.values())

    def _held(self, scan_id: str) -> OpenScan | None:
        """Return a scan that is in memory, as long as its files are those that were read."""
        with self._lock:
            held = self._open.get(scan_id)
            if held is not None and held.stamp != stamp_of(held.stored.path, held.source):
                del self._open[scan_id]
                return None
            if held is not None:
                self._open.move_to_end(scan_id)
                self._forget_some()
            return held

    def _forget_some(self) -> None:
        while len(self._open) > 1 and (
            len(self._open) > self._most or sum(s.bytes for s in self._open.values()) > self._most_bytes
        ):
            self._open.popitem(last=False)


def open_scan(stored: StoredScan) -> OpenScan:
    """Return a scan read from its files.

    Raises:
        SegAnyPETError: As for `read_volume`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SegAnyPETWarning)
        volume = read_volume(stored.path, series_uid=stored.series_uid)
        orientation = canonical_orientation(volume.affine, volume.shape)
        array = np.ascontiguousarray(orientation.apply(volume.array))
        array.setflags(write=False)
        canonical = Volume(array, orientation.affine, source=replace(volume.source, sform=None, qform=None))
    texts = [str(w.message) for w in caught if issubclass(w.category, SegAnyPETWarning)]
    notes = dict.fromkeys(text.removeprefix(f"{stored.path}: ") for text in texts)
    fingerprint = hashlib.blake2b(canonical.array.data, digest_size=16)
    fingerprint.update(canonical.affine.tobytes())
    return OpenScan(
        stored,
        canonical,
        orientation,
        volume.source,
        tuple(notes),
        stamp_of(stored.path, volume.source),
        fingerprint.hexdigest(),
    )


def stamp_of(path: Path, source: Source) -> Stamp:
    """Return size and time of change of each file of a scan; nothing of a file that is gone."""
    stamps = []
    for file in source.dicom_files or (path,):
        with suppress(OSError):
            found = Path(file).stat()
            stamps.append((found.st_size, found.st_mtime_ns))
    return tuple(stamps)
