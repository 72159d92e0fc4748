"""Masks made by hand, and many clicks on them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from seganypet.prompts import next_click

MM = (1.0, 1.0, 1.0)


def box(shape: tuple[int, int, int], *slices: tuple[int, int]) -> np.ndarray:
    """Return a mask that is True from one voxel up to another along each axis."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in slices)] = True
    return mask


def missed(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return masks whose one error is all of the array."""
    return np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool)


def draws(prediction: np.ndarray, reference: np.ndarray, count: int = 400, **options: Any) -> Counter:
    """Return how often each click was made, of many from one generator."""
    rng = np.random.default_rng(0)
    clicks = (
        next_click(prediction, reference, spacing_mm=MM, generator=rng, **options) for _ in range(count)
    )
    return Counter(clicks)
