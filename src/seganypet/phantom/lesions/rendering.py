"""Lesions drawn from their plans: exact instance masks, and how much of each voxel they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seganypet.phantom.fields import product, spline_weights
from seganypet.phantom.lesions.plan import Blob, LesionPlan
from seganypet.phantom.lesions.solids import radius_mm

Box = tuple[slice, slice, slice]
MIN_VOXELS = 3
_REACTION_MM = 10.0
# Where its place is cut off (by air, by the bone it is confined to) a lesion grows elsewhere, up to this share of
# its radius, until it has its volume.
_MOST_GROWTH, _MOST_SHRINKAGE = 0.35, 0.6


@dataclass(frozen=True, eq=False)
class Rendered:
    """One lesion in a box of the body; all tensors are [i, j, k] of the box.

    Attributes:
        box: Where it lies.
        mask: Its voxels.
        coverage: How much of each voxel it fills, 0 to 1; reaches beyond the mask where the edge is soft.
        core: How much of each voxel its necrotic core fills.
        nearness: 1 in the lesion, falling off outside to 0 in air.
    """

    box: Box
    mask: Tensor
    coverage: Tensor
    core: Tensor
    nearness: Tensor


def draw_lesions(
    tissues: Tensor,
    plans: Sequence[LesionPlan],
    spacing_mm: Sequence[float],
    tissue_ids: Mapping[str, int],
) -> tuple[Tensor, list[tuple[LesionPlan, Rendered]]]:
    """Return the instance map of lesions, int16 [I, J, K], and the plans that found their place, drawn.

    Instances are numbered 1…n in the order of these plans; each is one component, apart from the others by a voxel.
    Plans without room (less than a third of their volume) are left out.

    Args:
        tissues: Label map of the body, [I, J, K], 0 in air.
        plans: What to draw.
        spacing_mm: Voxel size along i, j, k, in mm.
        tissue_ids: Id of every tissue's name.
    """
    instances = torch.zeros(tissues.shape, dtype=torch.int16, device=tissues.device)
    drawn: list[tuple[LesionPlan, Rendered]] = []
    for plan in plans:
        lesion = _render(plan, tissues, instances, spacing_mm, tissue_ids)
        if lesion is None:
            continue
        drawn.append((plan, lesion))
        instances[lesion.box].masked_fill_(lesion.mask, len(drawn))
    return instances, drawn


def _render(
    plan: LesionPlan,
    tissues: Tensor,
    instances: Tensor,
    spacing_mm: Sequence[float],
    tissue_ids: Mapping[str, int],
) -> Rendered | None:
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    place = _place(plan, tissues.shape, spacing)
    if place is None:
        return None
    box = place.box
    level, core_level, on_grid = _levels(plan, place, spacing, tissues.device)
    may_occupy = _allowed(plan, tissues[box], tissue_ids)
    allowed = may_occupy & ~_grown(instances[box] > 0)
    # What lies beyond the grid is not made up for inside.
    wanted = int(np.ceil(on_grid * plan.volume_ml * 1000 / spacing.prod() - 1e-9))
    threshold = _threshold(level, allowed, max(wanted, MIN_VOXELS), _largest_radius_mm(plan))
    depth = level - threshold
    mask = _one_component((depth < 0) & allowed, depth)
    if (
        plan.confined_to
    ):  # what it may not occupy but surrounds on all sides, such as a vessel, it has swallowed
        mask |= _enclosed(mask) & (tissues[box] > 0) & (instances[box] == 0)
    if int(mask.sum()) < max(MIN_VOXELS, wanted / 3):
        return None
    # A sharp border still crosses voxels: their share of the lesion goes from 1 to 0 over about a voxel.
    width = max(plan.edge_mm, float(spacing.prod()) ** (1 / 3))
    coverage = (0.5 - depth / width).clamp(0, 1)
    # Outside, it fades where it may lie; what was cut off it leaves no trace beyond the next voxel.
    fading = _grown(mask) | (may_occupy & (depth >= 0))
    coverage = torch.where(mask, coverage.clamp(min=0.5), coverage.clamp(max=0.5) * fading)
    coverage *= tissues[box] > 0
    core = (0.5 - core_level / width).clamp(0, 1) if plan.core > 0 else torch.zeros_like(coverage)
    nearness = torch.exp(-depth.clamp(min=0) / _REACTION_MM) * (tissues[box] > 0)
    return Rendered(box, mask, coverage, core * mask, nearness)


def _largest_radius_mm(plan: LesionPlan) -> float:
    """Radius of a ball of the largest blob's volume."""
    return radius_mm(max(blob.volume_ml for blob in plan.blobs))


class _Place(NamedTuple):
    """Where a lesion may lie.

    Attributes:
        low: First voxel of the box that holds all of it, on the grid or not.
        high: One past its last voxel.
        box: What of it lies on the grid.
        inside: The same, in voxels of the whole box.
        origin: The lesion's centre in the whole box.
        cut: Whether the grid's edge cuts the box.
    """

    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    box: Box
    inside: Box
    origin: npt.NDArray[np.float64]
    cut: bool


def _place(plan: LesionPlan, shape: Sequence[int], spacing: npt.NDArray[np.float64]) -> _Place | None:
    """The box that holds a lesion, or None where it lies beside the grid."""
    reach = np.zeros(3)
    for blob in plan.blobs:
        radius = radius_mm(blob.volume_ml) * max(blob.stretch) * (1 + blob.bumpiness)
        reach = np.maximum(reach, np.abs(blob.offset_mm) + 1.15 * radius + plan.edge_mm)
    reach += 2.5 * _REACTION_MM * (plan.reaction > 0)
    steps = np.ceil(reach / spacing) + 1
    center = np.asarray(plan.center_ijk)
    low = np.floor(center - steps).astype(np.int64)
    high = np.ceil(center + steps).astype(np.int64) + 1
    start, stop = np.clip(low, 0, shape), np.clip(high, 0, shape)
    if (start >= stop).any():
        return None
    cut = bool((low < start).any() or (high > stop).any())
    return _Place(low, high, _slices(start, stop), _slices(start - low, stop - low), center - low, cut)


def _slices(start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]) -> Box:
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return i, j, k


def _levels(
    plan: LesionPlan, place: _Place, spacing: npt.NDArray[np.float64], device: torch.device
) -> tuple[Tensor, Tensor, float]:
    """Level of the lesion and of its core, in mm: negative inside, growing outwards; share of it on the grid.

    Made for the whole box and then cut, so that a lesion's shape does not depend on where the grid ends.
    """
    axes = [
        torch.from_numpy(((np.arange(n) - o) * d).astype(np.float32)).to(device)
        for n, o, d in zip(place.high - place.low, place.origin, spacing, strict=True)
    ]
    levels, cores = [], []
    for blob in plan.blobs:
        radius = radius_mm(blob.volume_ml)
        level = _blob_level(blob, axes, radius)
        levels.append(level)
        cores.append(level + (1 - plan.core) * radius)
    level, core = levels[0], cores[0]
    for other, other_core in zip(levels[1:], cores[1:], strict=True):
        level, core = torch.minimum(level, other), torch.minimum(core, other_core)
    seen = level[place.inside]
    share = float((seen < 0).sum() / (level < 0).sum().clamp(min=1)) if place.cut else 1.0
    return seen, core[place.inside], share


def _blob_level(blob: Blob, axes: Sequence[Tensor], radius: float) -> Tensor:
    x, y, z = (axis - offset for axis, offset in zip(axes, blob.offset_mm, strict=True))
    square = torch.zeros((len(x), len(y), len(z)), device=x.device)
    for row, stretch in zip(blob.rotation, blob.stretch, strict=True):
        along = row[0] * x[:, None, None] + row[1] * y[None, :, None] + row[2] * z[None, None, :]
        square += (along / (radius * stretch)) ** 2
    level = square.sqrt_().sub_(1.0)
    if blob.bumpiness > 0:
        level += blob.bumpiness * _bumps(axes, max(0.8 * radius, 5.0), blob.seed)
    return level.mul_(radius)


def _bumps(axes: Sequence[Tensor], step_mm: float, seed: int) -> Tensor:
    """A smooth random field of about -0.5 to 0.5."""
    weights = [
        spline_weights(len(axis), float(axis[1] - axis[0]) / step_mm if len(axis) > 1 else 0.0)
        for axis in axes
    ]
    counts = [w.shape[1] for w in weights]
    drawn = np.random.default_rng(seed).uniform(-1, 1, counts).astype(np.float32)
    matrices = [torch.from_numpy(w.astype(np.float32)).to(axes[0].device)[None] for w in weights]
    return product(torch.from_numpy(drawn).to(axes[0].device)[None], matrices)[0]


def _allowed(plan: LesionPlan, tissues: Tensor, tissue_ids: Mapping[str, int]) -> Tensor:
    if not plan.confined_to:
        return tissues > 0
    ids = [tissue_ids[name] for name in plan.confined_to if name in tissue_ids]
    table = torch.zeros(max(tissue_ids.values()) + 1, dtype=torch.bool)
    table[ids] = True
    return table.to(tissues.device)[tissues.long()]


def _threshold(level: Tensor, allowed: Tensor, wanted: int, radius: float) -> Tensor:
    """The level below which as many allowed voxels lie as wanted, within reason."""
    levels = torch.where(allowed, level, torch.inf).flatten()
    at = levels.kthvalue(min(wanted, levels.numel())).values
    return at.clamp(-_MOST_SHRINKAGE * radius, _MOST_GROWTH * radius) + 1e-6


def _grown(mask: Tensor) -> Tensor:
    """A mask and the voxels that touch it."""
    pooled = torch.nn.functional.max_pool3d(mask[None, None].float(), 3, stride=1, padding=1)
    return pooled[0, 0] > 0


def _one_component(mask: Tensor, depth: Tensor) -> Tensor:
    """The component of a mask that holds its deepest voxel."""
    inside = torch.where(mask, depth, torch.inf)
    return _reached((inside == inside.amin()) & mask, mask)


def _enclosed(mask: Tensor) -> Tensor:
    """What a mask surrounds: all that cannot be reached from the faces of its box."""
    faces = torch.ones_like(mask)
    faces[1:-1, 1:-1, 1:-1] = False
    return ~_reached(faces & ~mask, ~mask) & ~mask


def _reached(found: Tensor, mask: Tensor) -> Tensor:
    """What of a mask can be reached, voxel by voxel, from some of its voxels."""
    while True:
        count = found.sum()
        for _ in range(4):
            found = _grown(found) & mask
        if found.sum() == count:
            return found
