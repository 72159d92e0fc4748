"""How sure a prediction is of itself: the Dice that its mask may expect."""

from __future__ import annotations

import numpy as np

from seganypet.errors import GeometryError, ImageValueError
from seganypet.volume import BoolArray, FloatArray


def expected_dice(probability: FloatArray, mask: BoolArray) -> float:
    """Return the Dice that a mask may expect if the probabilities are right: 2 Σ p m / (Σ p + Σ m).

    Args:
        probability: Of the target, [I, J, K], 0 to 1.
        mask: The prediction, of the same shape.

    Raises:
        GeometryError: The shapes differ.
        ImageValueError: There is neither mask nor probability.
    """
    if probability.shape != mask.shape:
        raise GeometryError(f"probability of shape {probability.shape} and mask of shape {mask.shape}")
    total = float(probability.sum(dtype=np.float64)) + int(np.count_nonzero(mask))
    if total == 0:
        raise ImageValueError("probability and mask are empty: no Dice can be expected")
    return 2 * float(probability[mask].sum(dtype=np.float64)) / total
