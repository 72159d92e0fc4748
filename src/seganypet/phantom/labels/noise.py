"""Labels of low quality from exact ones, with their error on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.anatomy.tissues import FILLERS
from seganypet.phantom.labels.boundary import Field, Spacing
from seganypet.phantom.labels.case_errors import draw_case_errors
from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.error import LabelError, label_error
from seganypet.phantom.labels.false_positives import add_false_positives
from seganypet.phantom.labels.lesions import LesionKinds, LesionNoise
from seganypet.phantom.labels.organs import OrganNoise
from seganypet.phantom.labels.parts import Kinds
from seganypet.phantom.labels.units import Unit, boxes_of, find_units, is_one_of, joint_box

# Every kind of error, as it stands in `LabelError.kinds`.
KINDS: tuple[str, ...] = (
    "missing",
    "window",
    "coarse",
    "boundary",
    "slices",
    "leak",
    "map_shift",
    "breathing",
    "parts_moved",
    "parts_merged",
    "sides_swapped",
    "neighbour",
    "missed",
    "threshold",
    "merged",
    "false_positive",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisyLabels:
    """Labels of low quality of one case.

    Attributes:
        reference: Tissues, int16 [I, J, K], disjoint, ids as in the truth; the body's outline is the truth's.
        lesions: Lesion instances, int16 [I, J, K]: the truth's ids where they survive, merged lesions the
            smallest of theirs, false positives new ones.
        errors: One for every organ of `targets.ORGANS` that occurs in the truth, for every lesion, every false
            positive, and for "lesions", all of them together, where there are any.
    """

    reference: LabelArray
    lesions: LabelArray
    errors: tuple[LabelError, ...]


def noisy_labels(
    reference: LabelArray,
    lesions: LabelArray,
    suv: Field,
    labels: Mapping[str, Sequence[int]],
    spacing_mm: Spacing,
    rng: np.random.Generator,
    config: NoiseConfig,
) -> NoisyLabels:
    """Return labels as annotators and models make them; the given ones stay as they are.

    Args:
        reference: True tissues, int16 [I, J, K], disjoint, 0 outside the body; axis k runs along the body.
        lesions: True lesion instances, int16 [I, J, K], inside the body.
        suv: SUV on the same grid, which threshold contours look at.
        labels: {name: ids} of tissues and organ groups; must name the fillers, which take what organs lose.
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of randomness; the same state gives the same labels.
        config: How often what goes wrong.

    Raises:
        GeometryError: The three arrays differ in shape, are not 3D, or the voxel size is unusable.
        UsageError: A map holds something other than integers from 0 on, a lesion lies outside the body, or the
            map has organs but no filler.
    """
    _check(reference, lesions, suv, spacing_mm)
    units = find_units(reference, labels)
    fillers = _fillers(reference, labels)
    if units and not fillers:
        raise UsageError(f"no {', '.join(FILLERS)} in the map; name and fill the tissue between the organs")
    case = draw_case_errors(config, rng)
    organ_noise = OrganNoise(
        reference=reference,
        suv=suv,
        units=units,
        fillers=fillers,
        spacing_mm=spacing_mm,
        config=config,
        case=case,
    )
    lesion_noise = LesionNoise(
        lesions=lesions,
        body=reference > 0,
        suv=suv,
        spacing_mm=spacing_mm,
        config=config,
        habit_mm=case.habit_mm,
    )
    organs, kinds = organ_noise.drawn(rng)
    drawn, lesion_kinds = lesion_noise.drawn(rng)
    count = int(rng.poisson(config.false_positives))
    for new in add_false_positives(drawn, lesions, reference, suv, labels, spacing_mm, count, rng):
        lesion_kinds[new] = ("false_positive",)
    organ_errors = _organ_errors(organs, reference, units, kinds, spacing_mm)
    lesion_errors = _lesion_errors(drawn, lesions, lesion_kinds, spacing_mm)
    return NoisyLabels(reference=organs, lesions=drawn, errors=(*organ_errors, *lesion_errors))


def _check(
    reference: npt.NDArray[Any], lesions: npt.NDArray[Any], suv: npt.NDArray[Any], spacing_mm: Sequence[float]
) -> None:
    """Refuse arrays that do not belong together."""
    shapes = (reference.shape, lesions.shape, suv.shape)
    if reference.ndim != 3 or len(set(shapes)) > 1:
        raise GeometryError(f"reference, lesions and suv of shapes {shapes}; expected one shape [I, J, K]")
    if len(spacing_mm) != 3 or not all(0 < step < float("inf") for step in spacing_mm):
        raise GeometryError(f"voxel size {tuple(spacing_mm)} mm; expected three positive numbers")
    for name, label_map in (("reference", reference), ("lesions", lesions)):
        if label_map.dtype != np.int16 or label_map.min(initial=0) < 0:
            raise UsageError(
                f"{name} is {label_map.dtype} with least value {label_map.min(initial=0)}; expected int16 from 0 on"
            )
    if (lesions.astype(bool) & (reference == 0)).any():
        outside = int(lesions[reference == 0].max())
        raise UsageError(f"lesion {outside} lies partly outside the body; cut lesions to reference > 0")


def _fillers(reference: LabelArray, labels: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the ids of fillers that occur in the map."""
    present = np.bincount(reference.ravel()) > 0
    ids = [one for name in FILLERS for one in labels.get(name, ())]
    return [one for one in ids if one < present.size and present[one]]


def _organ_errors(
    label_map: LabelArray, reference: LabelArray, units: Sequence[Unit], kinds: Kinds, spacing_mm: Spacing
) -> list[LabelError]:
    """Return the error of every organ and of its parts."""
    boxes, true_boxes = ndimage.find_objects(label_map), ndimage.find_objects(reference)
    errors = []
    for unit in units:
        for name, ids in ((unit.name, unit.ids), *unit.parts.items()):
            box = joint_box(boxes_of(ids, boxes) + boxes_of(ids, true_boxes))
            label, truth = is_one_of(label_map[box], ids), is_one_of(reference[box], ids)
            done = kinds[unit.name] + (kinds[name] if name != unit.name else ())
            if not done and not np.array_equal(label, truth):
                done = ("neighbour",)
            errors.append(label_error(name, done, label, truth, spacing_mm))
    return errors


def _lesion_errors(
    drawn: LabelArray, lesions: LabelArray, kinds: LesionKinds, spacing_mm: Spacing
) -> list[LabelError]:
    """Return the error of every lesion and false positive, and of all of them together."""
    if not kinds:
        return []
    boxes, true_boxes = ndimage.find_objects(drawn), ndimage.find_objects(lesions)
    errors, all_boxes = [], []
    for one in sorted(kinds):
        box = joint_box(boxes_of([one], boxes) + boxes_of([one], true_boxes))
        all_boxes.append(box)
        label, truth = drawn[box] == one, lesions[box] == one
        errors.append(label_error(f"lesion_{one}", kinds[one], label, truth, spacing_mm))
    box = joint_box(all_boxes)
    done = tuple(kind for kind in KINDS if any(kind in of for of in kinds.values()))
    return [*errors, label_error("lesions", done, drawn[box] > 0, lesions[box] > 0, spacing_mm)]
