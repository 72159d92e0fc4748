"""What of a new prediction a correction is taken to mean: the part that the click lies in."""

from __future__ import annotations

import torch
from torch import Tensor

from seganypet.inference.regions import click_seeds, connected_to
from seganypet.prompts import Click


def corrected(before: Tensor, after: Tensor, click: Click, size: int) -> Tensor:
    """Return the logits of a window after a correction, [1, 1, L, L, L].

    A network answers every click with a mask of its own, which may also change where nobody clicked. Readers correct
    one spot after the other: a positive click adds the part that it lies in, a negative one removes it, and elsewhere
    the target stays inside or outside as it was.

    Args:
        before: What was known of the window.
        after: What the network says now, of the same shape.
        click: The newest, in voxels of the window.
        size: Voxels along each side of the window.
    """
    old, new = (logits[0, 0].float().cpu().numpy() > 0 for logits in (before, after))
    change = new & ~old if click.positive else old & ~new
    i, j, k = ((c + 0.5) * n / size - 0.5 for c, n in zip(click.ijk, change.shape, strict=True))
    part = connected_to(change, click_seeds([Click((i, j, k))], (0, 0, 0), change.shape))
    kept = torch.from_numpy((old != new) & ~part).to(after.device)
    return torch.where(kept, before, after)
