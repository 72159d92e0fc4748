"""Masks that any other system has written: one label map a case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seganypet.errors import ManifestError, MethodError, SegAnyPETError
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.io import read_labels
from seganypet.io.label_map import read_label_map
from seganypet.io.manifest import LABELS_NAME
from seganypet.prompts import Click
from seganypet.targets import LESION, LESIONS
from seganypet.volume import BoolArray


class PredictionsMethod:
    """A folder with CASE.nii.gz, label maps on the PETs' grids, and labels.json, {name: [ids]}.

    All lesions together are what labels.json calls "lesion"; one lesion of several cannot be told from the others.

    Args:
        folder: The folder.

    Raises:
        MethodError: It is no folder, or its labels.json cannot be used.
    """

    prompting: Prompting = "target"

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise MethodError(
                f"{folder}: no such folder; expected CASE.nii.gz of every case and {LABELS_NAME}"
            )
        try:
            self._labels = read_labels(folder / LABELS_NAME)
        except ManifestError as error:
            raise MethodError(str(error)) from error
        self._folder = folder

    def start(self, scan: Scan) -> None:
        """Read the label map of a scan.

        Raises:
            MethodError: It is missing, unreadable, no label map, or on another grid.
        """
        path = self._folder / f"{scan.case}.nii.gz"
        try:
            self._map = read_label_map(path, like=scan.volume)
        except SegAnyPETError as error:
            raise MethodError(str(error)) from error

    def restart(self, target: str) -> BoolArray:
        """Return the mask of a target.

        Raises:
            MethodError: The system does not know it.
        """
        name = LESION if target == LESIONS else target
        if target == LESION or name not in self._labels:
            known = ", ".join(LESIONS if n == LESION else n for n in self._labels)
            raise MethodError(f"{self._folder}: target {target!r} is not among {known}")
        return np.isin(self._map, self._labels[name])

    def click(self, click: Click) -> BoolArray:
        """Refuse: it is told the target's name."""
        raise MethodError(f"{self._folder}: masks from files cannot be corrected by clicks")


def _build(argument: str, options: Options) -> PredictionsMethod:
    return PredictionsMethod(Path(argument))


ENTRIES = {
    "predictions": Entry(
        title="masks from files",
        build=_build,
        argument="FOLDER",
        prompt="auto",
        licence="that of the system",
        get="write FOLDER/CASE.nii.gz, label maps on the PETs' grids, and FOLDER/labels.json",
        tested="whole",
    )
}
