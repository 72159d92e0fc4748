"""Simulated clicks: where a reader would click next, given the prediction and the reference."""

from __future__ import annotations

import math
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, PromptError
from seganypet.prompts.click import Click
from seganypet.prompts.depth import deepest_voxel
from seganypet.prompts.regions import (
    BoolArray,
    Region,
    Voxel,
    any_voxel,
    largest_region,
    outermost_layer,
)

ClickPolicy = Literal["deepest", "uniform", "largest_component", "boundary"]
CLICK_POLICIES: tuple[ClickPolicy, ...] = get_args(ClickPolicy)

_PERTURBATIONS_TRIED = 8


def next_click(
    prediction: BoolArray,
    reference: BoolArray,
    *,
    spacing_mm: tuple[float, float, float],
    policy: ClickPolicy = "deepest",
    generator: np.random.Generator | None = None,
    perturbation_mm: float = 0.0,
) -> Click | None:
    """Return the click a reader would make next, or None where the masks agree.

    An error is a 26-connected component of what the prediction misses, or of what it has in excess: the two kinds
    never join. The largest is the one of most voxels; of equals a missed one, then the first in the array's order.

    - "deepest": the voxel farthest from the border of the largest error; always the same one. The robot reader of most
      evaluations: RITM (2022), SAM (2023), and the centre clicks of the autoPET IV challenge (2025).
    - "uniform": any voxel in error with equal chance, as in the training of SAM and SAM-Med3D.
    - "largest_component": any voxel of the largest error with equal chance: a reader who sees the worst error, but
      does not aim.
    - "boundary": any voxel of the outermost layer of the largest error (it has a face neighbour, or the array's edge,
      outside that error) with equal chance: a reader who corrects contours; the edge clicks of autoPET IV.

    Args:
        prediction: Current mask, bool [I, J, K]; all False before the first click.
        reference: Reference mask on the same grid.
        spacing_mm: Voxel size along i, j, k, in mm.
        policy: Where the click falls.
        generator: Source of randomness for all policies but "deepest", and for the perturbation; the same seed gives
            the same click.
        perturbation_mm: Standard deviation of a random offset along each axis, in mm, rounded to voxels; 0: none
            [P1 §4.1: clicks are simulated "with random perturbation"]. The click stays truthful: where an offset leads
            out of the array or of this kind of error another is tried, a few times; then the click stays put.

    Returns:
        A click in voxel coordinates of the given grid: positive where the prediction misses the reference, negative
        where it exceeds it [P1 Alg. 1, P2 eq. 1].

    Raises:
        GeometryError: The two masks differ in shape.
        PromptError: The policy is unknown, the perturbation is negative or not finite, or chance is asked for without
            a generator.
    """
    if prediction.shape != reference.shape:
        raise GeometryError(f"prediction of shape {prediction.shape}, reference of shape {reference.shape}")
    _check(policy, generator, perturbation_mm)
    chance = cast(np.random.Generator, generator)  # checked: it is there where one is drawn from
    voxel = _choose(prediction, reference, spacing_mm, policy, chance)
    if voxel is None:
        return None
    if perturbation_mm > 0:
        deviations = perturbation_mm / np.asarray(spacing_mm)
        voxel = _perturbed(voxel, prediction, reference, deviations, chance)
    return Click(voxel, positive=bool(reference[voxel]))


def _check(policy: str, generator: np.random.Generator | None, perturbation_mm: float) -> None:
    """Refuse an unknown policy, a perturbation that is no length, and chance without a generator."""
    if policy not in CLICK_POLICIES:
        choice = ", ".join(f'"{known}"' for known in CLICK_POLICIES)
        raise PromptError(f'click policy "{policy}" is unknown; choose one of {choice}')
    if not (math.isfinite(perturbation_mm) and perturbation_mm >= 0):
        raise PromptError(
            f"click perturbation of {perturbation_mm} mm; expected a standard deviation of 0 or more"
        )
    if generator is None and (policy != "deepest" or perturbation_mm > 0):
        asked = f"perturbation of {perturbation_mm} mm" if policy == "deepest" else f'policy "{policy}"'
        raise PromptError(f"{asked} needs a generator, so that the same seed gives the same click")


def _choose(
    prediction: BoolArray,
    reference: BoolArray,
    spacing_mm: tuple[float, float, float],
    policy: ClickPolicy,
    generator: np.random.Generator,
) -> Voxel | None:
    """Return the voxel that a policy clicks, or None where the masks agree."""
    if policy == "uniform":
        error = prediction != reference
        return any_voxel(error, generator) if error.any() else None
    region = _largest_error(reference & ~prediction, prediction & ~reference)
    if region is None:
        return None
    if policy == "deepest":
        voxel = deepest_voxel(region.inside, spacing_mm)
    elif policy == "boundary":
        voxel = any_voxel(outermost_layer(region.inside), generator)
    else:
        voxel = any_voxel(region.inside, generator)
    return region.in_mask(voxel)


def _largest_error(missed: BoolArray, excess: BoolArray) -> Region | None:
    """Return the largest component of either kind of error, of equals a missed one, or None without any error."""
    kinds = {1: missed, 0: excess}  # of equals the higher wins
    totals = sorted(((int(np.count_nonzero(kind)), rank) for rank, kind in kinds.items()), reverse=True)
    best, largest = (0, 1), None
    for total, rank in totals:
        if (total, rank) > best:  # else no part of it can be larger: its labels are not needed
            region = largest_region(kinds[rank])
            if (region.voxels, rank) > best:
                best, largest = (region.voxels, rank), region
    return largest


def _perturbed(
    voxel: Voxel,
    prediction: BoolArray,
    reference: BoolArray,
    deviations: npt.NDArray[np.float64],
    generator: np.random.Generator,
) -> Voxel:
    """Return a voxel of the same kind of error at a random offset; deviations in voxels along i, j, k."""
    offsets = np.rint(generator.normal(0.0, deviations, (_PERTURBATIONS_TRIED, 3)))
    for moved in np.asarray(voxel) + offsets:
        if np.all((moved >= 0) & (moved < reference.shape)):
            i, j, k = (int(c) for c in moved)
            if reference[i, j, k] == reference[voxel] and prediction[i, j, k] == prediction[voxel]:
                return i, j, k
    return voxel
