"""Whether a map of uncertainty finds the errors: risk against coverage."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError
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


def _area(wrong: npt.NDArray[np.float64]) -> float:
    """Return the mean over all coverages of the share of wrong voxels among the first ones."""
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())
