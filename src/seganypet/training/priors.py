"""Parts of a mask that are known before the first click, for networks that go on from another window or a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Logits of what is known: from nearly sure to sure.
_CERTAINTY = (2.0, 8.0)
_MOVED_SHARE = 0.3
_FARTHEST = 3


def draw_prior(reference: Tensor, anchor: Tensor, rng: np.random.Generator) -> Tensor:
    """Return logits known of one sample, float32 [P, P, P]; 0 where nothing is.

    Mostly the half of the patch that holds the anchor, right as far as it goes, as windows that overlap know it of
    each other; otherwise all of the mask, off by up to 3 voxels, as a mask given by a reader may be.

    Args:
        reference: The target, bool [P, P, P].
        anchor: A voxel of it, [3].
        rng: Source of randomness.
    """
    prior = (reference.float() * 2 - 1) * float(rng.uniform(*_CERTAINTY))
    known = _known_half(anchor, reference, rng)
    if rng.random() < _MOVED_SHARE:
        return _moved(prior, rng.integers(-_FARTHEST, _FARTHEST + 1, 3).tolist())
    return torch.where(known, prior, 0.0)


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
