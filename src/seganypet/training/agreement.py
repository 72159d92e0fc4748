"""How masks agree, for batches of patches."""

from __future__ import annotations

import torch
from torch import Tensor


def dice(one: Tensor, other: Tensor) -> Tensor:
    """Return the Dice of masks, bool [B, 1, P, P, P], as [B]; 1 where both are empty."""
    overlap, total = (one & other).flatten(1).sum(1), one.flatten(1).sum(1) + other.flatten(1).sum(1)
    return torch.where(total > 0, 2 * overlap / total.clamp(min=1), 1.0)
