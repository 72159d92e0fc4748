"""SUV to the values a network expects; which of these, the model's description says."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seganypet.errors import WeightsError

Normalisation = Literal["log1p", "zscore_positive"]


def normalise(patch: npt.NDArray[Any], normalisation: Normalisation) -> npt.NDArray[np.float32]:
    """Return a patch of SUV as network input, float32 of the same shape.

    Args:
        patch: SUV, [I, J, K].
        normalisation: "log1p" is log(1 + SUV), negative SUV taken as 0: it keeps the SUV scale and tames a hot
            bladder. "zscore_positive" subtracts the mean and divides by the standard deviation of the voxels above 0,
            as the papers' weights expect.

    Raises:
        WeightsError: The normalisation is unknown.
    """
    suv = np.asarray(patch, dtype=np.float32)
    if normalisation == "log1p":
        return np.log1p(np.maximum(suv, 0.0), dtype=np.float32)
    if normalisation == "zscore_positive":
        positive = suv[suv > 0]
        if positive.size == 0:
            return np.zeros_like(suv)
        spread = max(float(positive.std()), 1e-6)
        return ((suv - float(positive.mean())) / spread).astype(np.float32)
    raise WeightsError(f'normalisation "{normalisation}" is unknown; expected "log1p" or "zscore_positive"')
