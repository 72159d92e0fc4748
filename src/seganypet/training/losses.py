"""The supervised loss: Dice + cross-entropy, one number per sample so that samples can be weighted."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import cast

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.errors import UsageError


def segmentation_loss(logits: Tensor, reference: Tensor) -> Tensor:
    """Return each sample's Dice + cross-entropy on the sigmoid, squared predictions [P2 Methods; P1's released code].

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
    require_monai()
    from monai.losses.dice import DiceLoss

    return cast(nn.Module, DiceLoss(sigmoid=True, squared_pred=True, reduction="none"))


def require_monai() -> None:
    """Refuse to train where MONAI is missing.

    Raises:
        UsageError: It is.
    """
    if importlib.util.find_spec("monai") is None:
        raise UsageError('training needs MONAI, which is not installed; pip install "seganypet[train]"')
