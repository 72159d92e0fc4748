"""The worst results of a method, as slices to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seganypet.analysis.views import Hanging, Plane, across, columns_and_rows, slice_at
from seganypet.evaluation.cases import Case, CaseTarget, read_case
from seganypet.evaluation.report import View, WorstCase, worst_targets
from seganypet.evaluation.store import Store
from seganypet.evaluation.unit import mask_key
from seganypet.io import ManifestRow
from seganypet.prompts import deepest_voxel, largest_component
from seganypet.prompts.regions import bounding_box
from seganypet.targets import LESION, LESIONS
from seganypet.volume import BoolArray

if TYPE_CHECKING:
    import pandas as pd

_PLANES: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")
# Around reference and mask, so that a reader knows where they are.
_MARGIN_MM: Final = 60.0


def worst_cases(
    folder: Path,
    rows: Sequence[ManifestRow],
    labels: Mapping[str, Sequence[int]],
    per_case: pd.DataFrame,
    method: str,
    click: int,
    *,
    title: str = "",
    count: int = 6,
) -> list[WorstCase]:
    """Return the targets that a method segmented worst, worst first, through the middle of the largest error.

    Of several draws the first is shown.

    Args:
        folder: Of the evaluation.
        rows: Of the cases.
        labels: Ids of every organ.
        per_case: Table of all results.
        method: Label of the method.
        click: After which click; its masks are those of the last one.
        title: Name of the method in titles; its label by default.
        count: How many at most.

    Raises:
        SegAnyPETError: Files of a case, or kept masks, cannot be read.
    """
    if (per_case["target"] == LESION).any():  # all lesions as one would show the same again
        per_case = per_case[per_case["target"] != LESIONS]
    per_case = per_case[(per_case["draw"] == 0) & per_case["dsc"].notna()]
    found, store = worst_targets(per_case, method, click, count), Store(folder)
    row_of = {row.case: row for row in rows}
    cases: list[WorstCase] = []
    for name, target, instance, dsc in found[["case", "target", "instance", "dsc"]].itertuples(index=False):
        case = read_case(row_of[name], labels)
        (wanted,) = [t for t in case.targets if (t.name, t.instance) == (target, str(instance))]
        mask = store.mask(method, name, mask_key(target, str(instance), 0))
        which = f"{name}, {target}{f' {instance}' if instance else ''}"
        heading = f"{which}, {title or method}: Dice {dsc:.2f}"
        cases.append(WorstCase(title=heading, views=_views(case, wanted, mask)))
    return cases


def _views(case: Case, target: CaseTarget, mask: BoolArray) -> list[View]:
    """Return three planes through the middle of the largest error."""
    volume, reference = case.scan.volume, case.mask(target)
    error = mask != reference
    if not error.any():
        error = reference
    hanging = Hanging.of(volume)
    at = hanging.point(deepest_voxel(largest_component(error), volume.spacing_mm))
    arrays = [hanging.array(array) for array in (volume.array, reference, mask)]
    box = _box(arrays[1] | arrays[2], hanging.spacing_mm)
    views = []
    for plane in _PLANES:
        index, (columns, rows) = int(at[across(plane)]), columns_and_rows(plane)
        suv, theirs, ours = (slice_at(array, plane, index)[box[rows], box[columns]] for array in arrays)
        pixel_mm = (hanging.spacing_mm[rows], hanging.spacing_mm[columns])
        views.append(View(suv=suv, reference=theirs, prediction=ours, pixel_mm=pixel_mm, title=plane))
    return views


def _box(mask: BoolArray, spacing_mm: tuple[float, float, float]) -> list[slice]:
    """Return the part of each axis that is shown."""
    margins = [round(_MARGIN_MM / mm) for mm in spacing_mm]
    return [
        slice(max(0, part.start - margin), part.stop + margin)
        for part, margin in zip(bounding_box(mask), margins, strict=True)
    ]
