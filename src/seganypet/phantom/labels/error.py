"""`LabelError`: how far one target's label is from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seganypet.phantom.labels.boundary import Spacing
from seganypet.volume import BoolArray


@dataclass(frozen=True, kw_only=True)
class LabelError:
    """A target's label against its truth.

    Attributes:
        target: Organ as `targets.ORGANS` names it, "lesion_<id>" for an instance, "lesions" for all of them together.
        kinds: What was done to the label, in order (`labels.KINDS`); empty for a label that is right.
        dice: 2 |label ∩ truth| / (|label| + |truth|); 1 where both are empty.
        volume_ml: Volume of the label, in ml.
        true_volume_ml: Volume of the truth, in ml.
        hausdorff95_mm: 95th percentile of the distances between the border voxels of label and truth, both ways,
            in mm; None where either is empty.
    """

    target: str
    kinds: tuple[str, ...]
    dice: float
    volume_ml: float
    true_volume_ml: float
    hausdorff95_mm: float | None


def label_error(
    target: str, kinds: tuple[str, ...], label: BoolArray, truth: BoolArray, spacing_mm: Spacing
) -> LabelError:
    """Return the error of a label, bool [I, J, K], against its truth on the same grid."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    count, true_count = np.count_nonzero(label), np.count_nonzero(truth)
    overlap = np.count_nonzero(label & truth)
    total = count + true_count
    return LabelError(
        target=target,
        kinds=kinds,
        dice=2 * overlap / total if total else 1.0,
        volume_ml=count * voxel_ml,
        true_volume_ml=true_count * voxel_ml,
        hausdorff95_mm=_hausdorff95_mm(label, truth, spacing_mm) if count and true_count else None,
    )


def _hausdorff95_mm(label: BoolArray, truth: BoolArray, spacing_mm: Spacing) -> float:
    """Return the 95th percentile of border-to-border distances, in mm; neither mask empty."""
    if np.array_equal(label, truth):
        return 0.0
    drawn, true = _border_mm(label, spacing_mm), _border_mm(truth, spacing_mm)
    there, _ = cKDTree(true).query(drawn)
    back, _ = cKDTree(drawn).query(true)
    return float(np.percentile(np.concatenate([there, back]), 95))


def _border_mm(mask: BoolArray, spacing_mm: Spacing) -> npt.NDArray[np.float64]:
    """Return the centres of the voxels with a face to the outside, [N, 3], in mm."""
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for axis in range(3):
        for end in (slice(None, -2), slice(2, None)):
            window = [slice(1, -1)] * 3
            window[axis] = end
            inner &= padded[tuple(window)]
    return np.asarray(np.argwhere(mask & ~inner) * np.asarray(spacing_mm))
