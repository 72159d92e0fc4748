"""The supervised loss: Dice + cross-entropy, one number per sample so that samples can be weighted."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def segmentation_loss(logits: Tensor, reference: Tensor) -> Tensor:
    """Return Dice + cross-entropy on the sigmoid, squared predictions [P1 §3.3, P2 Methods], for each sample.

    A target of a single voxel counts as much as a liver: Dice is relative to the target's size, and nothing is left
    out for being small.

    Args:
        logits: Float32 [B, 1, I, J, K].
        reference: Labels of the same shape, bool or 0 and 1.

    Returns:
        Float32 [B]: Dice loss by MONAI (0 to 1) plus the mean over voxels of the binary cross-entropy, in nats.
    """
    target = reference.to(logits.dtype)
    dice = _dice_loss()(logits, target).flatten(1).mean(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).mean(1)
    return cast(Tensor, dice + cross_entropy)


@lru_cache(maxsize=1)
def _dice_loss() -> nn.Module:
    """Return MONAI's Dice loss; made once, for importing MONAI takes seconds."""
    from monai.losses.dice import DiceLoss

    return cast(nn.Module, DiceLoss(sigmoid=True, squared_pred=True, reduction="none"))
