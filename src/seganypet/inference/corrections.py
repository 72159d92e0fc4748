"""What of a new prediction a correction is taken to mean: the part around the click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seganypet.inference.regions import click_seeds, connected_to
from seganypet.prompts import Click


def corrected(
    before: Tensor, after: Tensor, clicks: Sequence[Click], size: int, *, trusted: bool = False
) -> Tensor:
    """Return the logits of a window after a correction, [1, 1, L, L, L].

    A network answers every click with a mask of its own, which may also change where nobody clicked. Readers correct
    one spot after the other: a positive click adds the part that it lies in, a negative one removes it. Elsewhere the
    target stays inside or outside as it was; what is not connected to earlier positive clicks, and so was not shown, is
    no target. A good mask needs small corrections: nothing changes farther from the click than the target is large,
    the radius of a ball of its volume. (What that is worth: docs/experiments.md.)

    Args:
        before: What was known of the window; where it holds no target yet, nothing limits what is added.
        after: What the network says now, of the same shape.
        clicks: In voxels of the window, in order; the last one is new.
        size: Voxels along each side of the window.
        trusted: Whether the mask was likely to be good.
    """
    old, new = (logits[0, 0].float().cpu().numpy() > 0 for logits in (before, after))
    *earlier, newest = [_scaled(click, old.shape[0] / size) for click in clicks]
    shown = connected_to(old, click_seeds(earlier, (0, 0, 0), old.shape))
    shown = shown if shown.any() else old
    change = new & ~shown if newest.positive else shown & ~new
    part = connected_to(change, click_seeds([replace(newest, positive=True)], (0, 0, 0), change.shape))
    heard = (shown == new) | part
    if trusted and (volume := np.count_nonzero(shown)):
        x, y, z = (np.square(np.arange(n) - c) for c, n in zip(newest.ijk, old.shape, strict=True))
        heard &= x[:, None, None] + y[:, None] + z <= (3 * volume / (4 * np.pi)) ** (2 / 3)
    hidden, changed = (torch.from_numpy(mask).to(after.device) for mask in (old & ~shown, heard))
    return torch.where(changed, after, torch.where(hidden, -before, before))


def _scaled(click: Click, factor: float) -> Click:
    """Return a click of a window in voxels of one of another resolution."""
    i, j, k = ((c + 0.5) * factor - 0.5 for c in click.ijk)
    return Click((i, j, k), click.positive)
