"""`Outcome`: what the objective says of a batch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Outcome(NamedTuple):
    """The loss of a batch, and what it consists of.

    Attributes:
        loss: Mean over the batch's samples, float32 scalar.
        terms: Detached scalars by name, for the log; NaN where a batch has none of a kind, which the log leaves out
            of its means.
    """

    loss: Tensor
    terms: dict[str, Tensor]
