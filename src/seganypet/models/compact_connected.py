"""How a patch's voxels are connected to the clicks: maps that say where a threshold at the clicks would lead.

A reader's threshold grows from the click through voxels like it. The best such path to every voxel is the grey-scale
reconstruction of the likeness from the clicks (Vincent 1993, IEEE Trans. Image Process. 2:176, doi:10.1109/83.217222):
one map that holds the connected masks of all thresholds.
"""

from __future__ import annotations

import torch
from torch import Tensor

CONNECTED_CHANNELS = 3
"""Maps that `connected_maps` returns."""
# In log(1 + SUV), so that a difference of 0.25 counts as 1/e similar.
_SHARPNESS = 4.0
# Times that values are carried along all axes: enough for all but the most winding paths.
_SWEEPS = 4
_NONE = float("inf")


@torch.no_grad()
def connected_maps(patch: Tensor, uptake: Tensor, coords: Tensor, labels: Tensor) -> Tensor:
    """Return maps of how voxels are connected to clicks, float32 [B, 3, P/2, P/2, P/2].

    First how like the positive clicks the least like voxel is on the best path from them, 0 to 1; then the same of the
    negative clicks; then the lowest uptake on the hottest path from a positive click, above the positive clicks' mean:
    0 where a path never falls below it. Without clicks of a kind, 0.

    Args:
        patch: log(1 + SUV), [B, 1, P, P, P].
        uptake: Of the patch at the clicks, [B, N].
        coords: Of the clicks, in voxels of the patch, [B, N, 3].
        labels: 1 positive, 0 negative, others: no clicks, [B, N].
    """
    half = torch.nn.functional.avg_pool3d(patch.float(), 2)[:, 0]
    uptake, voxels = uptake.float(), (coords / 2).long().clamp(0, half.shape[-1] - 1)
    positive, negative = labels == 1, labels == 0
    likeness = [_likeness(half, uptake, kind) for kind in (positive, negative)]
    seeds = [_drawn(half, torch.ones_like(uptake), voxels, kind) for kind in (positive, negative)]
    level = _drawn(half, uptake, voxels, positive)
    limits = [torch.maximum(like, seed) for like, seed in zip(likeness, seeds, strict=True)]
    grown = _reconstructed(
        torch.stack([*seeds, level], dim=1), torch.stack([*limits, torch.maximum(half, level)], dim=1)
    )
    count = positive.sum(1)
    mean = (uptake * positive).sum(1) / count.clamp(min=1)
    fall = (grown[:, 2] - mean[:, None, None, None]) * (count > 0)[:, None, None, None]
    return torch.stack([grown[:, 0], grown[:, 1], fall], dim=1)


def _likeness(half: Tensor, uptake: Tensor, chosen: Tensor) -> Tensor:
    """Return how like the likest of the chosen clicks each voxel is, 0 to 1, [B, I, J, K]."""
    nearest = torch.full_like(half, _NONE)
    for n in range(uptake.shape[1]):
        difference = (half - uptake[:, n, None, None, None]).abs()
        shown = chosen[:, n, None, None, None]
        nearest = torch.where(shown, torch.minimum(nearest, difference), nearest)
    return torch.exp(-_SHARPNESS * nearest)


def _drawn(half: Tensor, values: Tensor, voxels: Tensor, chosen: Tensor) -> Tensor:
    """Return a map that holds the highest value of the chosen clicks at their voxels, and 0 elsewhere."""
    size = half.shape[-1]
    flat = (voxels[..., 0] * size + voxels[..., 1]) * size + voxels[..., 2]
    drawn = torch.zeros(len(half), size**3, device=half.device)
    drawn.scatter_reduce_(1, flat, values * chosen, "amax")
    return drawn.reshape(half.shape)


def _reconstructed(seeds: Tensor, limits: Tensor) -> Tensor:
    """Return what seeds [B, C, I, J, K] grow to under limits, through voxels that share a face.

    A sweep carries a value along a whole axis; a path that winds needs several. The planes of a sweep are small, so
    that on a CPU they stay in its cache.
    """
    sweeps = [(axis, limits.movedim(axis, 0).contiguous().unbind()) for axis in (-3, -2, -1)]
    for _ in range(_SWEEPS):
        for axis, limit in sweeps:
            along = seeds.movedim(axis, 0).contiguous()
            planes = along.unbind()
            for order in (range(1, len(planes)), range(len(planes) - 2, -1, -1)):
                for at in order:
                    before = planes[at - order.step]
                    torch.maximum(planes[at], before, out=planes[at])
                    torch.minimum(planes[at], limit[at], out=planes[at])
            seeds = along.movedim(0, axis)
    return seeds
