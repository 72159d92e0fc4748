"""What a reader wants to know about a mask: volume, SUVmax, SUVmean."""

from __future__ import annotations

from dataclasses import dataclass

from seganypet.errors import GeometryError
from seganypet.volume import Mask, Volume


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a mask holds. An empty mask has volume 0 and no SUV: None, not 0, which would be a measurement.

    Attributes:
        volume_ml: Volume, in ml.
        suv_max: Highest SUVbw of a voxel, in g/ml; None where the mask is empty.
        suv_mean: Mean SUVbw, in g/ml; None where the mask is empty.
    """

    volume_ml: float
    suv_max: float | None
    suv_mean: float | None


def measure(volume: Volume, mask: Mask) -> Measurement:
    """Return volume, SUVmax and SUVmean of a mask.

    Args:
        volume: SUV.
        mask: On the same grid.

    Raises:
        GeometryError: The mask is on another grid.
    """
    if not mask.has_grid_of(volume):
        raise GeometryError(
            f"mask of shape {mask.shape} is not on the volume's grid of shape {volume.shape}; resample it"
        )
    suv = volume.array[mask.array]
    if not suv.size:
        return Measurement(volume_ml=0.0, suv_max=None, suv_mean=None)
    return Measurement(
        volume_ml=mask.volume_ml, suv_max=float(suv.max()), suv_mean=float(suv.mean(dtype="float64"))
    )
