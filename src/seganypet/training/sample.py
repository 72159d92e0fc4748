"""`Sample`: a patch to train on, with everything that an episode of simulated clicks needs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Sample(NamedTuple):
    """A patch to train on; stacked, every field gains a leading axis B.

    Attributes:
        patch: Normalised SUV, float32 [1, F, F, F]: the patch in the middle of what the network sees around it.
        reference: The label to learn from, bool [1, P, P, P]; never empty.
        clean: The truth behind it where that is known, otherwise the reference once more; for reports only, never to
            learn from.
        known: Whether the truth is known: of labels of high quality it is the label itself, bool [].
        hq: Whether the label is of high quality, bool [].
        anchor: A voxel of the reference where a reader may click first, int64 [3].
        box: First and last voxel of the reference's box, as a reader may draw it, float32 [2, 3]; inside the patch.
        seed: Of this sample's clicks, int64 []: the same sample gets the same clicks whichever process trains on it.
    """

    patch: Tensor
    reference: Tensor
    clean: Tensor
    known: Tensor
    hq: Tensor
    anchor: Tensor
    box: Tensor
    seed: Tensor
