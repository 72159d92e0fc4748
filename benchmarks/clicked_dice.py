"""Dice after each click of a simulated reader, for benchmarks that need nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from seganypet.evaluation import dice
from seganypet.evaluation.methods.interface import Method
from seganypet.evaluation.protocol import play
from seganypet.evaluation.readers import Habits, SimulatedReader
from seganypet.volume import BoolArray

_DEEPEST: Final = Habits()


def dice_per_click(
    method: Method,
    reference: BoolArray,
    spacing_mm: tuple[float, float, float],
    *,
    clicks: int,
    habits: Habits = _DEEPEST,
    generator: np.random.Generator | None = None,
) -> Iterator[float]:
    """Yield the Dice after each click; the method must have been given the scan.

    Args:
        method: What is tested.
        reference: The target, bool [I, J, K].
        spacing_mm: Voxel size along i, j, k.
        clicks: How many.
        habits: How the reader clicks.
        generator: Source of randomness, where a habit needs one.

    Raises:
        ImageValueError: The reference is empty.
    """
    reader = SimulatedReader(reference, spacing_mm, habits, generator or np.random.default_rng(0))
    for answer in play(method, reader, "target", clicks):
        if answer.round:
            yield dice(answer.mask, reference)
