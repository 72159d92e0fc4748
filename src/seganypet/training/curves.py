"""The numbers of a log as TensorBoard's curves: an extra, which never stops a training."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seganypet.errors import SegAnyPETWarning


class Curves:
    """Writes curves; where that is impossible it warns once, and writes none from then on.

    Args:
        folder: For TensorBoard's files.
        step: Optimiser steps done before; curves beyond it are replaced.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._give_up("TensorBoard is not installed", 'for curves, pip install "seganypet[train]"')
            return
        new_writer: Any = SummaryWriter  # untyped
        try:
            self._writer = new_writer(str(folder), purge_step=step + 1 if folder.exists() else None)
        except OSError as error:
            self._fail(error)

    def add(self, line: Mapping[str, Any], prefix: str = "") -> None:
        """Write the numbers of a line of a log; its `step` says where they belong."""
        if self._writer is None:
            return
        try:
            for name, value in _flat(line).items():
                self._writer.add_scalar(prefix + name, value, line["step"])
            self._writer.flush()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """End the files."""
        if self._writer is None:
            return
        try:
            self._writer.close()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self._give_up(
            f"{self._folder}: cannot be written ({error.strerror or error})",
            "free space, or move what is in the way, and resume to have them again",
        )

    def _give_up(self, why: str, remedy: str) -> None:
        self._writer = None
        warnings.warn(
            f"{why}: no curves are written, log.jsonl has the same numbers; {remedy}",
            SegAnyPETWarning,
            stacklevel=4,
        )


def _flat(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a line, those of inner mappings as "outer/inner"; without the step."""
    numbers: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, Mapping):
            numbers |= _flat(value, f"{prefix}{key}/")
        elif value is not None and key != "step":
            numbers[prefix + key] = value
    return numbers
