"""From bodies to images, a batch at a time: the one way that cohorts on disk and training on the fly share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.activity import render_activity
from seganypet.phantom.lesions.plan import LesionPlan
from seganypet.phantom.scanner.acquisition import acquire
from seganypet.phantom.scanner.faithful import reconstruct_examination
from seganypet.phantom.scanner.protocols import Examination
from seganypet.phantom.tracers import Uptake


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Everything about one scan but the body.

    Attributes:
        uptake: What takes up how much.
        plans: Lesions, in voxel coordinates of the body's grid.
        examination: Scanner and protocol.
        dome: Slice of the liver's dome, None without one.
    """

    uptake: Uptake
    plans: Sequence[LesionPlan]
    examination: Examination
    dome: int | None


@dataclass(frozen=True, eq=False)
class Images:
    """Simulated images of a batch.

    Attributes:
        suv: Images, float32 [B, I, J, K].
        activity: True SUV before the scanner, float32 [B, I, J, K].
        lesions: Instances 1…n, int16 [B, I, J, K].
        plans: Plans of the instances, in their order, of each image.
    """

    suv: Tensor
    activity: Tensor
    lesions: Tensor
    plans: list[list[LesionPlan]]


@torch.no_grad()
def render_faithfully(
    tissues: Tensor,
    patients: Sequence[Patient],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
) -> Images:
    """Return images reconstructed from counts by OSEM, one after the other; otherwise as `render`.

    Raises:
        UsageError: The projector's library is not installed.
    """
    activity, lesions, plans = render_activity(
        tissues, [p.uptake for p in patients], [p.plans for p in patients], spacing_mm, rngs
    )
    suv = [
        reconstruct_examination(activity[at], tissues[at], p.examination, spacing_mm, p.dome, rngs[at])
        for at, p in enumerate(patients)
    ]
    return Images(torch.from_numpy(np.stack(suv)), activity, lesions, plans)


@torch.no_grad()
def render(
    tissues: Tensor,
    patients: Sequence[Patient],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
) -> Images:
    """Return the images of a batch of bodies; each depends on its own generator alone.

    Args:
        tissues: Label maps [B, I, J, K], ids of `TISSUE_IDS`, 0 in air, on RAS+ grids of one voxel size; the device
            they are on does the work.
        patients: Uptake, lesions and examination of each body.
        spacing_mm: Voxel size along i, j, k, in mm.
        rngs: Source of randomness of each. Geometry and uptake are the same on every device, to within rounding;
            noise is the same on devices of one type.
    """
    activity, lesions, plans = render_activity(
        tissues, [p.uptake for p in patients], [p.plans for p in patients], spacing_mm, rngs
    )
    suv = acquire(
        activity,
        tissues,
        [p.examination for p in patients],
        spacing_mm,
        [p.dome for p in patients],
        rngs,
    )
    return Images(suv, activity, lesions, plans)
