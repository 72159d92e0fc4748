"""Whether a map of uncertainty finds the errors: risk against coverage, and the Dice that a mask may expect."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, ImageValueError
from seganypet.volume import BoolArray, FloatArray


def risk_coverage_area(uncertainty: FloatArray, wrong: BoolArray) -> tuple[float, float, float]:
    """Return the area under the risk-coverage curve, and those of a perfect and of a useless map.

    Voxels are trusted from the surest to the least sure. The risk at a coverage is the share of wrong voxels among
    those trusted so far; the area is its mean over all coverages (Geifman and El-Yaniv 2017, arXiv 1705.08500). Of
    equally sure voxels each counts as partly wrong.

    Args:
        uncertainty: Any shape; higher is less sure.
        wrong: Whether the mask is wrong there, of the same shape.

    Raises:
        GeometryError: The shapes differ, or there is no voxel.
    """
    if uncertainty.shape != wrong.shape or not wrong.size:
        raise GeometryError(
            f"uncertainty of shape {uncertainty.shape} and errors of shape {wrong.shape}; expected one shape, not empty"
        )
    order = np.argsort(uncertainty, axis=None, kind="stable")
    sorted_, values = wrong.ravel()[order].astype(np.float64), uncertainty.ravel()[order]
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    spread = np.bincount(group, weights=sorted_) / counts  # of equals, none comes first
    rate = float(sorted_.mean())
    return _area(spread[group]), _area(np.sort(sorted_)), rate


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


def _area(wrong: npt.NDArray[np.float64]) -> float:
    """Return the mean over all coverages of the share of wrong voxels among the first ones."""
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())
