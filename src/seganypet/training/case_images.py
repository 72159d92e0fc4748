"""The images of one case of a manifest, read and judged: everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seganypet.errors import SegAnyPETError
from seganypet.io import ManifestRow, read_volume
from seganypet.io.label_map import read_label_map
from seganypet.io.suv_tags import OVERRIDE_OPTIONS
from seganypet.training.cases import LabelMap
from seganypet.volume import Volume

MAPS: Final = ("reference", "lesions", "clean_reference")
"""Columns of a manifest with label maps."""


@dataclass(frozen=True, eq=False)
class CaseImages:
    """PET and label maps of one case, all on the PET's own grid.

    Attributes:
        volume: The PET.
        maps: Label maps by the manifest's column, in the smallest type that holds their ids.
    """

    volume: Volume
    maps: Mapping[str, LabelMap]


def read_images(row: ManifestRow) -> tuple[CaseImages | None, list[str]]:
    """Return the images of a case, or None and everything that is wrong with them.

    Args:
        row: Of a manifest; its columns `image`, `reference`, `lesions` and `clean_reference` are read.
    """
    problems: list[str] = []
    maps: dict[str, LabelMap] = {}
    try:
        volume = read_volume(row.image)
    except SegAnyPETError as error:
        volume = None
        problems.append(f"image: {_with_remedy(error)}")
    for column in MAPS:
        path: Path | None = getattr(row, column)
        if path is None:
            continue
        try:
            maps[column] = read_label_map(path, like=volume)
        except SegAnyPETError as error:
            problems.append(f"{column}: {error}")
    return (None if volume is None or problems else CaseImages(volume, maps)), problems


def _with_remedy(error: SegAnyPETError) -> str:
    """Return what is wrong with an image, and which command takes the options that the error names, if it names any."""
    if not any(option in str(error) for option in OVERRIDE_OPTIONS.values()):
        return str(error)
    return (
        f"{error}; training has no such options, seganypet suv has them: convert the scan with it and name the result "
        "in the manifest"
    )
