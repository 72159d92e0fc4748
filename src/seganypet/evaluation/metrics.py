"""Agreement of a predicted mask with a reference mask: overlap, surface, volume and uptake.

Empty masks: of two, Dice is 1; where one alone is empty, Dice and surface Dice are 0, the Hausdorff distance is
infinite, and what has no value (SUVmax of no voxel, a change relative to nothing) is NaN.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import GeometryError, ImageValueError
from seganypet.prompts.regions import bounding_box
from seganypet.volume import BoolArray, Volume

TOLERANCE_MM: Final = 1.0
"""Of the surface Dice, as in the papers [P2 eq. 3]."""
_PERCENTILE: Final = 95


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well a mask agrees with a reference.

    Attributes:
        dsc: Dice similarity coefficient.
        nsd: Normalised surface Dice at the tolerance, of the package surface-distance: areas of the surfaces.
        nsd_monai: The same by MONAI, which counts voxels of the surfaces instead, and is hence often lower.
        hd95_mm: 95th percentile of the distances between the surfaces, the larger of both directions.
        volume_ml: Of the mask; of a lesion its metabolic tumour volume (MTV).
        reference_ml: Of the reference.
        volume_error_pct: How much larger the mask is, in per cent of the reference.
        suvmax_error_pct: How much higher its SUVmax is.
        tlg_error_pct: How much higher its total lesion glycolysis is, volume times mean SUV.
    """

    dsc: float
    nsd: float
    nsd_monai: float
    hd95_mm: float
    volume_ml: float
    reference_ml: float
    volume_error_pct: float
    suvmax_error_pct: float
    tlg_error_pct: float


def agreement(
    prediction: BoolArray, reference: BoolArray, volume: Volume, *, tolerance_mm: float = TOLERANCE_MM
) -> Agreement:
    """Return how well a mask agrees with a reference.

    Args:
        prediction: bool [I, J, K].
        reference: Likewise, on the same grid.
        volume: The PET, in SUVbw, on that grid.
        tolerance_mm: Of the surface Dice.

    Raises:
        GeometryError: The shapes differ.
        ImageValueError: A mask is not boolean.
    """
    _check(prediction, reference)
    if volume.shape != reference.shape:
        raise GeometryError(f"masks of shape {reference.shape} on a volume of shape {volume.shape}")
    voxel_ml = volume.voxel_volume_ml
    sizes = [int(np.count_nonzero(mask)) for mask in (prediction, reference)]
    ours, theirs = (volume.array[mask].astype(np.float64) for mask in (prediction, reference))
    nsd, nsd_monai, hd95_mm = _surfaces(prediction, reference, volume.spacing_mm, tolerance_mm)
    return Agreement(
        dsc=dice(prediction, reference),
        nsd=nsd,
        nsd_monai=nsd_monai,
        hd95_mm=hd95_mm,
        volume_ml=sizes[0] * voxel_ml,
        reference_ml=sizes[1] * voxel_ml,
        volume_error_pct=_more_pct(sizes[0], sizes[1]),
        suvmax_error_pct=_more_pct(_highest(ours), _highest(theirs)),
        tlg_error_pct=_more_pct(float(ours.sum()), float(theirs.sum())),
    )


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
    _check(prediction, reference)
    size = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return float(2 * np.count_nonzero(prediction & reference) / size) if size else 1.0


def _check(prediction: BoolArray, reference: BoolArray) -> None:
    if prediction.shape != reference.shape:
        raise GeometryError(
            f"prediction of shape {prediction.shape} and reference of shape {reference.shape}; "
            "put both on one grid first"
        )
    if prediction.dtype != np.bool_ or reference.dtype != np.bool_:
        raise ImageValueError(
            f"masks of type {prediction.dtype} and {reference.dtype}; expected bool (label_map == id)"
        )


def _surfaces(
    prediction: BoolArray, reference: BoolArray, spacing_mm: tuple[float, float, float], tolerance_mm: float
) -> tuple[float, float, float]:
    """Return the surface Dice by surface-distance and by MONAI, and the Hausdorff distance, in mm."""
    if not (prediction.any() and reference.any()):
        same = float(prediction.any() == reference.any())
        return same, same, 0.0 if same else math.inf
    from surface_distance import (
        compute_robust_hausdorff,
        compute_surface_dice_at_tolerance,
        compute_surface_distances,
    )

    box = bounding_box(prediction | reference)
    ours, theirs = prediction[box], reference[box]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of SciPy's old names in that package
        distances = compute_surface_distances(theirs, ours, spacing_mm)
    nsd = float(compute_surface_dice_at_tolerance(distances, tolerance_mm))
    hd95_mm = float(compute_robust_hausdorff(distances, _PERCENTILE))
    return nsd, _surface_dice_by_monai(ours, theirs, spacing_mm, tolerance_mm), hd95_mm


def _surface_dice_by_monai(
    ours: BoolArray, theirs: BoolArray, spacing_mm: tuple[float, float, float], tolerance_mm: float
) -> float:
    import torch
    from monai.metrics.surface_dice import compute_surface_dice

    one, other = (torch.from_numpy(np.pad(mask, 1)[None, None]) for mask in (ours, theirs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of MONAI's own use of its options
        surface_dice: Any = compute_surface_dice(
            one, other, class_thresholds=[tolerance_mm], include_background=True, spacing=list(spacing_mm)
        )
    return float(surface_dice)


def _highest(suv: npt.NDArray[np.float64]) -> float:
    return float(suv.max()) if suv.size else math.nan


def _more_pct(ours: float, theirs: float) -> float:
    """Return by how many per cent a number is above another, which is the truth; NaN of none."""
    return 100.0 * (ours - theirs) / theirs if theirs > 0 else math.nan
