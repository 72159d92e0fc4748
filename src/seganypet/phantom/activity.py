"""From tissues, uptake and lesions to activity: uneven inside every tissue, weighed down in the lungs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.anatomy.tissues import LUNG_LOBES, TISSUE_IDS
from seganypet.phantom.fields import unit_field
from seganypet.phantom.lesions.plan import LesionPlan
from seganypet.phantom.lesions.rendering import Rendered, draw_lesions
from seganypet.phantom.tracers import Uptake

_COARSE_MM, _FINE_MM = 32.0, 13.0
_DEPENDENT_LUNG = (0.1, 0.5)  # how much denser the lung's back is than its front, lying down


def render_activity(
    tissues: Tensor,
    uptakes: Sequence[Uptake],
    plans: Sequence[Sequence[LesionPlan]],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
) -> tuple[Tensor, Tensor, list[list[LesionPlan]]]:
    """Return activity and lesions of a batch of bodies.

    Args:
        tissues: Label maps, integers [B, I, J, K], ids of `TISSUE_IDS`, 0 in air; on any device. J runs from the
            back to the front.
        uptakes: What each patient takes up where.
        plans: Lesions of each patient.
        spacing_mm: Voxel size along i, j, k, in mm.
        rngs: Source of randomness of each patient.

    Returns:
        True SUV, float32 [B, I, J, K]; lesion instances 1…n, int16 [B, I, J, K]; the plans that were drawn, in the
        order of the instances.
    """
    shape, device = tissues.shape[1:], tissues.device
    scales = [float(rng.uniform(0.8, 1.2)) for rng in rngs]
    coarse = _fields(shape, spacing_mm, rngs, _COARSE_MM, scales, device)
    fine = _fields(shape, spacing_mm, rngs, _FINE_MM, scales, device)
    index = tissues.int()
    activity = _uneven(index, uptakes, coarse, fine)
    _weigh_lungs(activity, index, rngs)
    instances = torch.zeros(tissues.shape, dtype=torch.int16, device=device)
    drawn: list[list[LesionPlan]] = []
    for at, planned in enumerate(plans):
        instances[at], lesions = draw_lesions(tissues[at], planned, spacing_mm, TISSUE_IDS)
        for plan, lesion in lesions:
            _blend(activity[at], plan, lesion, coarse[at], fine[at])
        drawn.append([plan for plan, _ in lesions])
    return activity, instances, drawn


def uptake_table(values: Mapping[str, float]) -> list[float]:
    """Return values by tissue id, 0 for air and for tissues without one."""
    table = [0.0] * (max(TISSUE_IDS.values()) + 1)
    for name, value in values.items():
        table[TISSUE_IDS[name]] = float(value)
    return table


def _fields(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
    step_mm: float,
    scales: Sequence[float],
    device: torch.device,
) -> Tensor:
    """Unit fields, each patient's of another coarseness."""
    fields = [
        unit_field(shape, spacing_mm, [rng], step_mm=step_mm * scale, device=device)
        for rng, scale in zip(rngs, scales, strict=True)
    ]
    return fields[0] if len(fields) == 1 else torch.cat(fields)


def _uneven(index: Tensor, uptakes: Sequence[Uptake], coarse: Tensor, fine: Tensor) -> Tensor:
    """SUV of every voxel: its tissue's, times a log-normal pattern of mean 1 and its tissue's spread."""
    log_suv, coarse_sd, fine_sd = (
        torch.tensor(table, dtype=torch.float32, device=index.device)
        for table in (
            [_logs(uptake) for uptake in uptakes],
            [uptake_table({n: sd[0] for n, sd in uptake.unevenness.items()}) for uptake in uptakes],
            [uptake_table({n: sd[1] for n, sd in uptake.unevenness.items()}) for uptake in uptakes],
        )
    )
    activity = torch.empty(index.shape, device=index.device)
    for at in range(len(index)):
        pattern = log_suv[at][index[at]]
        pattern.addcmul_(coarse_sd[at][index[at]], coarse[at])
        pattern.addcmul_(fine_sd[at][index[at]], fine[at])
        torch.exp(pattern, out=activity[at])
    return activity


def _logs(uptake: Uptake) -> list[float]:
    """Log SUV by tissue id, lowered so that the uneven tissue keeps its mean."""
    half_variance = {n: (coarse**2 + fine**2) / 2 for n, (coarse, fine) in uptake.unevenness.items()}
    table = uptake_table({n: suv * np.exp(-half_variance[n]) for n, suv in uptake.suv.items()})
    return [float(np.log(value)) if value > 0 else -np.inf for value in table]


def _weigh_lungs(activity: Tensor, index: Tensor, rngs: Sequence[np.random.Generator]) -> None:
    """Raise the uptake of the lungs towards the back, where gravity draws blood, in place."""
    table = torch.zeros(max(TISSUE_IDS.values()) + 1, dtype=torch.bool)
    table[[TISSUE_IDS[name] for name in LUNG_LOBES]] = True
    table = table.to(index.device)
    for at, rng in enumerate(rngs):
        lung = table[index[at]]
        below = lung.sum((0, 2)).cumsum(0)
        share = below / below[-1].clamp(min=1)  # of the lung that lies behind
        slope = float(rng.uniform(*_DEPENDENT_LUNG))
        weight = 1 + slope * (0.5 - share)
        activity[at] *= torch.where(lung, weight[None, :, None], 1.0)


def _blend(activity: Tensor, plan: LesionPlan, lesion: Rendered, coarse: Tensor, fine: Tensor) -> None:
    """Put a lesion into a body, in place: its own uneven uptake as far as it fills each voxel."""
    box = lesion.box
    coarse_sd, fine_sd = plan.unevenness
    half_variance = (coarse_sd**2 + fine_sd**2) / 2
    pattern = torch.exp(coarse_sd * coarse[box] + fine_sd * fine[box] - half_variance)
    if plan.reaction > 0:
        activity[box] = torch.maximum(activity[box], plan.reaction * plan.suv * lesion.nearness)
    inside = plan.suv + (plan.core_suv - plan.suv) * lesion.core
    activity[box] = torch.lerp(activity[box], inside * pattern, lesion.coverage)
