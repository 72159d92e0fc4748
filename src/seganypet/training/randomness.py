"""Randomness without state: what is drawn follows from a seed, what it is for, and which one it is."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

Seed = int | tuple[int, ...]


class Use(IntEnum):
    """What randomness of one seed is for; no two uses may share a number."""

    COHORT_SAMPLE = 1
    MIXED_SAMPLE = 2
    SIMULATED_SAMPLE = 3
    SIMULATED_BODY = 4
    EPISODE = 5
    GIVEN_BODY = 6


def rng_of(seed: Seed, use: Use, *numbers: int) -> np.random.Generator:
    """Return the randomness that belongs to some numbers: the same ones give the same randomness.

    Args:
        seed: Of everything.
        use: What it is for.
        numbers: Which one of these.
    """
    return np.random.default_rng([*seeds_of(seed), int(use), *numbers])


def seeds_of(seed: Seed) -> tuple[int, ...]:
    """Return a seed as its numbers."""
    return (seed,) if isinstance(seed, int) else seed
