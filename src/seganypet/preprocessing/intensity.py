"""SUV to the values a network expects; which of these, the model's description says."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seganypet.errors import WeightsError

Normalisation = Literal["log1p", "zscore_positive"]
# Values that differ by less than this part of their mean are rounding errors of one value.
_EQUAL = 1e-6


def normalise(patch: npt.NDArray[Any], normalisation: Normalisation) -> npt.NDArray[np.float32]:
    """Return a patch of SUV as network input, float32 of the same shape.

    Args:
        patch: SUV, [I, J, K].
        normalisation: "log1p" is log(1 + SUV), negative SUV taken as 0: it keeps the SUV scale and tames a hot
            bladder. "zscore_positive" subtracts the mean and divides by the standard deviation (N - 1) of the
            voxels above 0, as the papers' weights expect: TorchIO's `ZNormalization(masking_method=x > 0)`. The
            scale of the image drops out. Where TorchIO refuses, a patch without a voxel above 0 is all zeros, and
            where all such voxels are equal their deviation is taken as 1.

    Raises:
        WeightsError: The normalisation is unknown.
    """
    suv = np.asarray(patch, dtype=np.float32)
    if normalisation == "log1p":
        return np.log1p(np.maximum(suv, 0.0), dtype=np.float32)
    if normalisation == "zscore_positive":
        return _standardised(suv)
    raise WeightsError(f'normalisation "{normalisation}" is unknown; expected "log1p" or "zscore_positive"')


def _standardised(suv: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return all voxels in deviations from the mean of the positive ones."""
    positive = suv[suv > 0]
    if positive.size == 0:
        return np.zeros_like(suv)
    mean = float(positive.mean(dtype=np.float64))
    deviation = float(positive.std(dtype=np.float64, ddof=1)) if positive.size > 1 else 0.0
    if deviation < _EQUAL * mean:
        deviation = 1.0
    standardised = suv - np.float32(mean)
    standardised /= np.float32(deviation)
    return standardised
