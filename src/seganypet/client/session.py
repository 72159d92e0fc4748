"""`RemoteSession`: what `Session` does, on a server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from seganypet.client.connection import Connection
from seganypet.client.errors import ServerError
from seganypet.client.masks import packed
from seganypet.client.scans import RemoteScan, download, entropy, open_scan, upload
from seganypet.client.target import RemoteTarget
from seganypet.errors import GeometryError, ImageReadError, PromptError, UsageError
from seganypet.io import read_volume
from seganypet.prompts import Box, Click
from seganypet.volume import Affine, FloatArray, Mask, Source, Volume


@dataclass(frozen=True)
class _Step:
    """What is in effect after an action; `Session` calls it a state.

    Attributes:
        clicks: In the volume's own voxels, in order.
        box: Likewise.
        expected_dice: As of `RemoteSession`.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    expected_dice: float | None = None


class RemoteSession:
    """Segments one target of one volume, click by click, on a server; all voxels are counted as in the volume's file.

    Takes the place of `Session`, without torch: the model is the server's, where `seganypet serve` named it. What the
    session does is kept there as an object of a reading, which the page can open.

    The session holds its reading as long as it works: another page or session of the same reader gets a `LockedError`,
    unless this one was silent for longer than the server allows (60 s). An action that raises an error has not
    happened, also where the connection broke. Not thread-safe.

    Of `Session` there is no `model`, `state`, `go_to` and `working_spacing_mm`.

    Args:
        address: As "http://127.0.0.1:8000"; that which `seganypet serve` prints will do.
        token: What the server wants, if it wants one and the address does not hold it.
        reader: Whose reading it is.
        timeout_s: How long an answer may take; the first may have to wait until the model is loaded.
        take_over: Whether to end somebody else's work on the same reading.

    Raises:
        UnreachableError: No server answers.
        UsageError: The address is none.
        ServerError: The token is wrong, or this is no SegAnyPET server.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        reader: str = "api",
        timeout_s: float = 600.0,
        take_over: bool = False,
    ) -> None:
        self._connection = Connection(address, token=token, timeout_s=timeout_s)
        self._reader, self._take_over = reader, take_over
        self._scan: RemoteScan | None = None
        self._volume: Volume | None = None
        self._target: RemoteTarget | None = None
        self._history, self._now = [_Step()], 0
        try:
            self._connection.call("GET", "/api/server")
        except BaseException:
            self._connection.close()
            raise

    def set_volume(
        self,
        volume: Volume | str | Path,
        *,
        series_uid: str | None = None,
        name: str = "object",
        on_server: bool | None = None,
    ) -> None:
        """Take another volume; clicks and masks start anew, with a new object.

        Args:
            volume: In SUVbw; or a path: of a file or folder here, whose SUV are uploaded, or below the folder that the
                server serves.
            series_uid: Which DICOM series, where a folder holds several.
            name: Of the object, as the page shows it.
            on_server: Where to look for a path; by default here, and on the server what is not here.

        Raises:
            LockedError: Somebody else works on this reader's reading of the scan.
            ImageReadError: The path is neither here nor there.
            SegAnyPETError: As for `read_volume`; what the server refuses; no answer. The volume before stays.
        """
        if isinstance(volume, Volume):
            given: Volume | None = volume
        elif on_server or (on_server is None and not Path(volume).exists()):
            given = None
        else:
            given = read_volume(volume, series_uid=series_uid)
        scan = (
            upload(self._connection, given) if given else self._on_server(str(volume), series_uid, on_server)
        )
        before = self._target
        if before is not None:
            with suppress(ServerError):  # what became of the work before is no matter any more
                before.settle()
        self._target = RemoteTarget(
            self._connection, scan, self._reader, name, held=before, take_over=self._take_over
        )
        if before is not None and before.reading != self._target.reading:
            before.release()
        self._scan, self._volume = scan, given
        self._history, self._now = [_Step()], 0

    @property
    def volume(self) -> Volume:
        """The volume at work; one that lies on the server is fetched at the first use.

        Raises:
            UsageError: There is none yet.
            SegAnyPETError: The server refuses, or does not answer.
        """
        scan = self._open_scan
        if self._volume is None:
            self._volume = download(self._connection, scan)
        return self._volume

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels of the volume along i, j, k; nothing is fetched."""
        return self._open_scan.orientation.native_shape

    @property
    def affine(self) -> Affine:
        """Voxel index of the volume to RAS+ world in mm, float64 [4, 4]; nothing is fetched."""
        return self._open_scan.orientation.native_affine

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in effect, in order, in the volume's own voxels."""
        return self._step.clicks

    @property
    def box(self) -> Box | None:
        """The box in effect, in the volume's own voxels."""
        return self._step.box

    def add_click(self, ijk: Sequence[float], positive: bool = True) -> Mask:
        """Add a click and return the new mask on the volume's own grid; see `Session.add_click`.

        Args:
            ijk: Voxel coordinate in the volume's own order; integer = voxel centre.
            positive: True inside the target, False outside.

        Raises:
            PromptError: The click is outside the volume, or a negative one comes first.
            UsageError: There is no volume, or the server's model is off.
            SegAnyPETError: The server refuses, or does not answer.
        """
        scan, step = self._open_scan, self._step
        click = Click(tuple(ijk), positive)  # type: ignore[arg-type]
        if not all(-0.5 <= c <= n - 0.5 for c, n in zip(click.ijk, self.shape, strict=True)):
            raise PromptError(f"click at voxel {click.ijk} is outside the volume of shape {self.shape}")
        place = scan.orientation.apply_ijk(click.ijk).tolist()
        reply = self._change("click", "clicks", {"ijk": place, "positive": positive})
        self._push(_Step((*step.clicks, click), step.box, reply["expected_dice"]))
        return self.mask

    def add_click_mm(self, xyz_mm: Sequence[float], positive: bool = True) -> Mask:
        """Add a click at a RAS+ world position in mm; otherwise as `add_click`."""
        if len(xyz_mm) != 3 or not np.isfinite(xyz_mm).all():
            raise PromptError(f"click at {tuple(xyz_mm)} mm; expected three finite world coordinates x, y, z")
        offset = np.asarray(xyz_mm, dtype=np.float64) - self.affine[:3, 3]
        return self.add_click(np.linalg.solve(self.affine[:3, :3], offset).tolist(), positive)

    def add_mask(self, mask: Mask) -> Mask:
        """Start from a mask, to be corrected with clicks; clicks so far are dropped.

        Args:
            mask: On the volume's own grid.

        Raises:
            GeometryError: It is on another grid.
            PromptError: It is empty.
            SegAnyPETError: The server refuses, or does not answer.
        """
        scan = self._open_scan
        if mask.shape != self.shape or not np.allclose(mask.affine, self.affine, atol=1e-3):
            raise GeometryError(
                f"mask of shape {mask.shape} is not on the volume's grid of shape {self.shape}; resample it"
            )
        if not mask.array.any():
            raise PromptError("the mask to start from is empty; click instead")
        self._change("mask", "mask", packed(mask.array, scan.orientation))
        self._push(_Step())
        return self.mask

    def add_box(self, ijk_min: Sequence[float], ijk_max: Sequence[float]) -> Mask:
        """Start from a box around the target, to be corrected with clicks; clicks so far are dropped.

        Args:
            ijk_min: First voxel along each axis, in the volume's own order.
            ijk_max: Last voxel along each axis.

        Raises:
            PromptError: The server's weights never learned boxes, or the box cannot be used; see `Session.add_box`.
            UsageError: There is no volume, or the server's model is off.
            SegAnyPETError: The server refuses, or does not answer.
        """
        scan = self._open_scan
        box = Box(tuple(ijk_min), tuple(ijk_max))  # type: ignore[arg-type]
        if min(box.ijk_min) < 0 or any(c > n - 1 for c, n in zip(box.ijk_max, self.shape, strict=True)):
            raise PromptError(
                f"box from {box.ijk_min} to {box.ijk_max} reaches beyond the volume, whose voxels run from (0, 0, 0) "
                f"to {tuple(n - 1 for n in self.shape)}; give the first and last voxel that it holds"
            )
        corners = scan.orientation.apply_ijk([box.ijk_min, box.ijk_max])
        body = {"ijk_min": corners.min(axis=0).tolist(), "ijk_max": corners.max(axis=0).tolist()}
        self._change("box", "boxes", body)
        self._push(_Step(box=box))
        return self.mask

    def undo(self) -> Mask:
        """Take back the last click, box, mask or reset; return the mask before it.

        Raises:
            UsageError: There is nothing to take back.
            SegAnyPETError: The server refuses, or does not answer.
        """
        self._open_target.undo()
        self._now -= 1
        return self.mask

    def redo(self) -> Mask:
        """Do again what was taken back last; return the mask after it.

        Raises:
            UsageError: Nothing was taken back, or something new was done since.
            SegAnyPETError: The server refuses, or does not answer.
        """
        self._open_target.redo()
        self._now += 1
        return self.mask

    def reset(self) -> Mask:
        """Drop clicks, box and mask (undo brings them back); return the empty mask; errors as for `undo`."""
        self._change("clear", "clear")
        self._push(_Step())
        return self.mask

    @property
    def mask(self) -> Mask:
        """The mask on the volume's own grid; empty before the first prompt."""
        source = Source() if self._volume is None else self._volume.source
        return Mask(self._open_target.mask.array, self.affine, source=source)

    @property
    def probability(self) -> None:
        """None: the server does not tell it."""
        return

    @property
    def uncertainty(self) -> FloatArray:
        """Entropy of target against background, in nats, at most ln 2 [P1 eq. 4]; on the volume's own grid.

        In 255 steps, and 0 outside the box around what exceeds 12 of them.

        Raises:
            UsageError: There is no volume.
            SegAnyPETError: The server refuses, or does not answer.
        """
        return entropy(self._open_target.uncertainty(), self._open_scan)

    @property
    def expected_dice(self) -> float | None:
        """How good the mask is likely to be, 0 to 1; see `Session.expected_dice`."""
        return self._step.expected_dice

    def close(self) -> None:
        """Let others work on the reading, and close the connection; the work stays on the server."""
        if self._target is not None:
            self._target.release()
        self._target = self._scan = None
        self._connection.close()

    def __enter__(self) -> RemoteSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _step(self) -> _Step:
        return self._history[self._now]

    @property
    def _open_scan(self) -> RemoteScan:
        if self._scan is None:
            raise UsageError("the session has no volume; call set_volume first")
        return self._scan

    @property
    def _open_target(self) -> RemoteTarget:
        if self._target is None:
            raise UsageError("the session has no volume; call set_volume first")
        return self._target

    def _on_server(self, path: str, series_uid: str | None, told: bool | None) -> RemoteScan:
        """Return a scan of the server's folder."""
        try:
            return open_scan(self._connection, Path(path).as_posix(), series_uid)
        except ServerError as error:
            if error.kind != "NotFoundError" or told:
                raise
            raise ImageReadError(
                f"{path}: neither here nor on the server ({error}); check the path"
            ) from error

    def _change(self, kind: str, what: str, body: dict[str, Any] | None = None) -> Any:
        return self._open_target.change(kind, what, body)

    def _push(self, step: _Step) -> None:
        self._history = [*self._history[: self._now + 1], step]
        self._now += 1
