"""What nibabel finds wrong in a NIfTI header: refused where it makes the position up, else a warning."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nibabel import imageglobals

from seganypet.errors import GeometryError


class _Notes(logging.Handler):
    """Keeps messages instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def header_notes() -> Iterator[list[str]]:
    """Give a list that fills with what nibabel, which repairs headers silently or on standard error, notes inside.

    Each is a problem and, after a semicolon, what was done about it.
    """
    logger, notes = imageglobals.logger, _Notes()
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [notes], False
    try:
        yield notes.texts
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def repairs_of(notes: Sequence[str], header: Any) -> list[str]:
    """Return which notes are repairs that a reader should know of.

    Args:
        notes: From `header_notes`.
        header: The header as nibabel repaired it.

    Raises:
        GeometryError: The voxel size was repaired, and the position follows from it.
    """
    for note in notes:
        if note.startswith("pixdim[1") and int(header["sform_code"]) == 0:
            raise GeometryError(
                f"the header holds no sform and no usable voxel size ({note.split(';')[0]}), so that the position "
                "is unknown; repair the header, or convert the DICOM series again"
            )
    return [note for note in notes if "; set" in note and not note.startswith("pixdim[1")]
