"""The Dice that a mask may expect: by hand, and where it decides what is shown."""

from __future__ import annotations

import numpy as np
import pytest

from seganypet.errors import GeometryError, ImageValueError
from seganypet.inference.certainty import expected_dice


def test_expected_dice_by_hand():
    probability = np.array([0.9, 0.6, 0.3, 0.2]).reshape(1, 2, 2).astype(np.float32)
    assert expected_dice(probability, probability > 0.5) == pytest.approx(2 * 1.5 / (2.0 + 2))
    sure = (probability > 0.5).astype(np.float32)
    assert expected_dice(sure, sure > 0.5) == 1


def test_refusals():
    with pytest.raises(GeometryError, match="mask of shape"):
        expected_dice(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1, 1), bool))
    with pytest.raises(ImageValueError, match="are empty"):
        expected_dice(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1, 2), bool))
