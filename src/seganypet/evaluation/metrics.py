"""Agreement of a predicted mask with a reference mask."""

from __future__ import annotations

import numpy as np

from seganypet.errors import GeometryError, ImageValueError
from seganypet.volume import BoolArray


def dice(prediction: BoolArray, reference: BoolArray) -> float:
    """Return the Dice similarity coefficient of two masks: twice the overlap over the sum of sizes.

    Two empty masks agree (1.0); where only one is empty, nothing agrees (0.0).

    Args:
        prediction: bool [I, J, K].
        reference: bool [I, J, K], on the same grid.

    Raises:
        GeometryError: The masks differ in shape.
        ImageValueError: A mask is not boolean.
    """
    if prediction.shape != reference.shape:
        raise GeometryError(
            f"prediction of shape {prediction.shape} and reference of shape {reference.shape}; "
            "put both on one grid first"
        )
    if prediction.dtype != np.bool_ or reference.dtype != np.bool_:
        raise ImageValueError(
            f"masks of type {prediction.dtype} and {reference.dtype}; expected bool (label_map == id)"
        )
    size = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return float(2 * np.count_nonzero(prediction & reference) / size) if size else 1.0
