"""Parts of a mask that are known before the first click, for networks that go on from another window or a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Logits of what is known: from nearly sure to sure.
_CERTAINTY = (2.0, 8.0)
# How often a prior is a moved mask, or that of a coarser scale; otherwise it is a part of the patch.
_MOVED_SHARE, _COARSE_SHARE = 0.2, 0.4
_FARTHEST = 3
# Voxels of this patch in one of the coarser scale, along an axis; lowest, and one above the highest.
_COARSER = (2, 5)
# Slips of a coarser mask: voxels from one to the next, and their deviation as a part of the full step at a border.
_SLIP_VOXELS, _SLIP = 8, 0.2


def draw_prior(reference: Tensor, anchor: Tensor, rng: np.random.Generator) -> Tensor:
    """Return logits known of one sample, float32 [P, P, P]; 0 where nothing is.

    Either the half of the patch that holds the anchor, right as far as it goes, as windows that overlap know it of
    each other; or all of the mask at a coarser scale, wrong here and there, as a wider window saw it; or all of the
    mask, off by up to 3 voxels, as a mask given by a reader may be.

    Args:
        reference: The target, bool [P, P, P].
        anchor: A voxel of it, [3].
        rng: Source of randomness.
    """
    certainty, kind = float(rng.uniform(*_CERTAINTY)), rng.random()
    if kind < _COARSE_SHARE:
        return _coarse(reference, rng) * certainty
    prior = (reference.float() * 2 - 1) * certainty
    if kind < _COARSE_SHARE + _MOVED_SHARE:
        return _moved(prior, rng.integers(-_FARTHEST, _FARTHEST + 1, 3).tolist())
    return torch.where(_known_half(anchor, reference, rng), prior, 0.0)


def _coarse(reference: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a mask as a coarser scale shows it, with smooth slips, about -1 to 1."""
    size = reference.shape[0]
    share = torch.nn.functional.avg_pool3d(
        reference.float()[None, None], int(rng.integers(*_COARSER)), ceil_mode=True, count_include_pad=False
    )
    nodes = (max(2, size // _SLIP_VOXELS),) * 3
    slips = torch.from_numpy(rng.normal(0, _SLIP, nodes).astype(np.float32)).to(reference.device)
    coarse = 2 * (_enlarged(share, size) - 0.5 + _enlarged(slips[None, None], size))
    return coarse.clamp(-1, 1)


def _enlarged(coarse: Tensor, size: int) -> Tensor:
    """Return [1, 1, …] interpolated to [size, size, size]."""
    return torch.nn.functional.interpolate(coarse, (size,) * 3, mode="trilinear")[0, 0]


def _known_half(anchor: Tensor, reference: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a part of the patch on one side of a plane, bool [P, P, P], that holds the anchor."""
    size, axis = reference.shape[0], int(rng.integers(3))
    position = torch.arange(size, device=reference.device)
    cut = int(rng.integers(size // 4, 3 * size // 4))
    side = position < cut if anchor[axis] < cut else position >= cut
    shape = [1, 1, 1]
    shape[axis] = size
    return side.reshape(shape).expand_as(reference)


def _moved(prior: Tensor, by: Sequence[int]) -> Tensor:
    """Return logits moved by some voxels; what comes in from outside is as surely background as the rest of it."""
    size, outside = prior.shape[0], -float(prior.abs().max())
    padded = torch.nn.functional.pad(prior, (_FARTHEST,) * 6, value=outside)
    i, j, k = (slice(_FARTHEST - n, _FARTHEST - n + size) for n in by)
    return padded[i, j, k]
