"""A box as a prompt of the compact network: its corners among the points, and the box drawn as a map."""

from __future__ import annotations

import torch
from torch import Tensor

from seganypet.errors import PromptError
from seganypet.models.checks import FIRST_CORNER, LAST_CORNER


def box_map(coords: Tensor, labels: Tensor, size: int) -> Tensor:
    """Return how much of each half-resolution voxel lies in the box, 0 to 1, [B, 1, P/2, P/2, P/2].

    A box holds its first and last voxel whole: it reaches half a voxel beyond their centres. Zero without a box.

    Args:
        coords: [B, N, 3] in patch voxels, integer = voxel centre.
        labels: 2 first corner, 3 last corner, others as for clicks, [B, N]; see `check_corners`.
        size: Voxels along each side of the patch, P.
    """
    voxel = 2 * torch.arange(size // 2, device=coords.device)  # each stands for this voxel and the next
    lower = torch.maximum(_corner(coords, labels, FIRST_CORNER)[..., None], voxel) - 0.5
    upper = torch.minimum(_corner(coords, labels, LAST_CORNER)[..., None], voxel + 1) + 0.5
    i, j, k = ((upper - lower).clamp(min=0) / 2).unbind(1)
    share = i[:, :, None, None] * j[:, None, :, None] * k[:, None, None, :]
    shown = (labels == FIRST_CORNER).any(1)[:, None, None, None]
    return torch.where(shown, share, 0.0)[:, None]


def check_corners(coords: Tensor, labels: Tensor) -> None:
    """Refuse corners that are no box, or more than one box for a sample.

    Args:
        coords: [B, N, 3] in patch voxels.
        labels: 2 first corner, 3 last corner, others as for clicks, [B, N].

    Raises:
        PromptError: A sample has a first corner without a last one or the other way round, several of one, or a last
            one before the first.
    """
    firsts, lasts = ((labels == corner).sum(1) for corner in (FIRST_CORNER, LAST_CORNER))
    first, last = (_corner(coords, labels, corner) for corner in (FIRST_CORNER, LAST_CORNER))
    unpaired = (firsts != lasts) | (firsts > 1)
    refused = unpaired | (last < first).any(1)
    if not bool(refused.any()):
        return
    sample = int(refused.nonzero()[0])
    if bool(unpaired[sample]):
        raise PromptError(
            f"point_labels of sample {sample} holds label 2 {int(firsts[sample])} times and label 3 "
            f"{int(lasts[sample])} times; give each once for a box, or neither"
        )
    raise PromptError(
        f"box of sample {sample} from {first[sample].tolist()} to {last[sample].tolist()}; label its first voxel "
        "along each axis 2, its last 3"
    )


def _corner(coords: Tensor, labels: Tensor, corner: int) -> Tensor:
    """Return the coordinates of one corner of each sample's box, [B, 3]; 0 where there is no box."""
    return torch.where((labels == corner)[..., None], coords, 0.0).sum(1)
