"""Cases of a manifest with what is to be segmented in them; only readers see the targets' masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from seganypet.errors import ManifestError, SegAnyPETError, choice_of
from seganypet.evaluation.methods.interface import Scan
from seganypet.io import ManifestRow, read_volume
from seganypet.io.label_map import read_label_map
from seganypet.prompts import deepest_voxel
from seganypet.targets import LESION, LESIONS, MIN_VOXELS
from seganypet.volume import BoolArray

Lesions = Literal["union", "each", "both", "none"]
LIVER: Final = "liver"
_SIZES_ML: Final = ((0.5, "under 0.5 ml"), (2.0, "0.5-2 ml"), (10.0, "2-10 ml"))
_LARGEST: Final = "over 10 ml"

LabelMap = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class CaseTarget:
    """Something to segment in a case.

    Attributes:
        name: Organ name, "lesion" for one of the case's lesions, "lesions" for all of them.
        instance: Of a lesion its id in the map of instances, else "".
        size: Of a lesion its class of size, else "".
        ids: Its values in the map that holds it; of all lesions empty: every value above 0.
    """

    name: str
    instance: str = ""
    size: str = ""
    ids: tuple[int, ...] = ()

    @property
    def of_lesions(self) -> bool:
        """Whether the map of lesions holds it."""
        return self.name in (LESION, LESIONS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A case with its targets.

    Attributes:
        row: Of the manifest.
        scan: What methods may see.
        targets: What to segment.
        left_out: Names of targets of fewer than `MIN_VOXELS` voxels.
        reference: Organ label map [I, J, K], or None.
        lesions: Lesion instances [I, J, K], or None.
    """

    row: ManifestRow
    scan: Scan
    targets: tuple[CaseTarget, ...]
    left_out: tuple[str, ...]
    reference: LabelMap | None
    lesions: LabelMap | None

    def mask(self, target: CaseTarget) -> BoolArray:
        """Return the reference mask of a target, bool [I, J, K]."""
        label_map = self.lesions if target.of_lesions else self.reference
        assert label_map is not None, f"{target.name} in a case without its map"
        return label_map > 0 if target.name == LESIONS else _mask(label_map, target.ids)


def read_case(
    row: ManifestRow,
    labels: Mapping[str, Sequence[int]],
    *,
    names: Sequence[str] = (),
    lesions: Lesions = "both",
    without_lesions: bool = False,
) -> Case:
    """Return a case with its targets: organs in the order of the labels, lesions after them.

    Args:
        row: Of a manifest. The reference is its `clean_reference` where it has one, else its `reference`.
        labels: Ids of every organ.
        names: Targets to look for, "lesion" or "lesions" for lesions; empty for all that the row wants.
        lesions: All together as one target, one by one, both, or not at all.
        without_lesions: Whether all lesions together are a target in a case that has none, as in challenges.

    Raises:
        SegAnyPETError: A file cannot be used; the message begins with the case's name.
    """
    try:
        volume = read_volume(row.image)
        organ_path = row.clean_reference or row.reference
        organs = None if organ_path is None else read_label_map(organ_path, like=volume)
        instances = None if row.lesions is None else read_label_map(row.lesions, like=volume)
    except SegAnyPETError as error:
        raise type(error)(f"case {row.case!r}: {error}") from error
    asked = _without_plural(names)
    wanted = [name for name in _wanted(row, labels) if not asked or name in asked]
    found = _organs(organs, labels, wanted)
    if LESION in wanted and instances is not None:
        found += _lesions(instances, volume.voxel_volume_ml, lesions, without_lesions)
    return Case(
        row=row,
        scan=Scan(
            case=row.case,
            volume=volume,
            ct=row.ct,
            liver_ijk=_liver(organs, instances, labels, volume.spacing_mm),
        ),
        targets=tuple(target for target, voxels in found if voxels >= MIN_VOXELS or voxels < 0),
        left_out=tuple(target.name for target, voxels in found if 0 <= voxels < MIN_VOXELS),
        reference=organs,
        lesions=instances,
    )


def _wanted(row: ManifestRow, labels: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the names that a row asks for; all where it names none."""
    return _without_plural(row.targets) if row.targets else [*labels, LESION]


def _without_plural(names: Sequence[str]) -> list[str]:
    """Return names with "lesions" as "lesion": what becomes of lesions is a setting of its own."""
    return [LESION if name == LESIONS else name for name in names]


def check_names(names: Sequence[str], labels: Mapping[str, Sequence[int]], path: Path) -> None:
    """Refuse names of targets that no label map can hold.

    Args:
        names: Of targets.
        labels: Ids of every organ.
        path: Where the labels were read from.

    Raises:
        ManifestError: One is in no labels.json.
    """
    unknown = [name for name in names if name not in (LESION, LESIONS) and name not in labels]
    if unknown:
        choice = choice_of(unknown[0], (LESION, LESIONS, *labels))
        raise ManifestError(f"{path}: has no target {unknown[0]!r}; {choice}")


def size_class(volume_ml: float) -> str:
    """Return the class of size that a lesion belongs to."""
    return next((name for below, name in _SIZES_ML if volume_ml < below), _LARGEST)


def _organs(
    organs: LabelMap | None, labels: Mapping[str, Sequence[int]], wanted: Sequence[str]
) -> list[tuple[CaseTarget, int]]:
    """Return the organs that a map holds, and how many voxels each has."""
    if organs is None:
        return []
    counts = np.bincount(organs.ravel(), minlength=1)
    found = []
    for name, ids in labels.items():
        voxels = int(sum(counts[i] for i in ids if i < len(counts)))
        if name in wanted and voxels:
            found.append((CaseTarget(name=name, ids=tuple(ids)), voxels))
    return found


def _lesions(
    instances: LabelMap, voxel_ml: float, lesions: Lesions, without_lesions: bool
) -> list[tuple[CaseTarget, int]]:
    """Return lesions one by one, then all together, and how many voxels each has; -1 for none that is wanted."""
    counts = np.bincount(instances.ravel(), minlength=1)
    found = []
    if lesions in ("each", "both"):
        for i in np.flatnonzero(counts[1:]) + 1:
            voxels = int(counts[i])
            size = size_class(voxels * voxel_ml)
            found.append((CaseTarget(name=LESION, instance=str(i), size=size, ids=(int(i),)), voxels))
    total = int(counts[1:].sum())
    if lesions in ("union", "both") and (total or without_lesions):
        found.append((CaseTarget(name=LESIONS), total or -1))
    return found


def _liver(
    organs: LabelMap | None,
    lesions: LabelMap | None,
    labels: Mapping[str, Sequence[int]],
    spacing_mm: tuple[float, float, float],
) -> tuple[float, float, float] | None:
    """Return where a reader would put a sphere into the liver, away from lesions; None where there is none."""
    if organs is None or LIVER not in labels:
        return None
    liver = _mask(organs, labels[LIVER])
    if lesions is not None:
        liver &= lesions == 0
    if not liver.any():
        return None
    i, j, k = deepest_voxel(liver, spacing_mm)
    return float(i), float(j), float(k)


def _mask(label_map: LabelMap, ids: Sequence[int]) -> BoolArray:
    """Return where a map has one of some ids."""
    inside: BoolArray = np.isin(label_map, ids)
    return inside
