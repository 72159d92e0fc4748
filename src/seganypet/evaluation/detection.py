"""Lesions found and missed, as the autoPET challenges count them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from seganypet.errors import GeometryError
from seganypet.volume import BoolArray

# Voxels that share a face or an edge are neighbours: 18 of them.
_NEIGHBOURS_18: Final = ndimage.generate_binary_structure(3, 2)
_LEAST_IOU: Final = 0.1

Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Which lesions were found.

    Attributes:
        lesion_f1: 2 TP / (2 TP + FP + FN), where a lesion is found if some component of the mask covers it with an
            intersection over union of at least 0.1; a component that finds none is false [autoPET V's "DMM"]. NaN
            where the reference has no lesion.
        fp_ml: Volume of the mask's components that touch no lesion [autoPET's FPV].
        fn_ml: Volume of the lesions that the mask does not touch [autoPET's FNV]; NaN where there is none.
    """

    lesion_f1: float
    fp_ml: float
    fn_ml: float


def detection(prediction: BoolArray, reference: BoolArray, voxel_ml: float) -> Detection:
    """Return which lesions of a case a mask finds; lesions are 18-connected components of the reference.

    Args:
        prediction: bool [I, J, K].
        reference: All lesions of the case, on the same grid.
        voxel_ml: Volume of a voxel.

    Raises:
        GeometryError: The shapes differ.
    """
    if prediction.shape != reference.shape:
        raise GeometryError(f"prediction of shape {prediction.shape}, reference of shape {reference.shape}")
    ours, our_count = ndimage.label(prediction, structure=_NEIGHBOURS_18)
    theirs, their_count = ndimage.label(reference, structure=_NEIGHBOURS_18)
    overlap = _overlap(ours, theirs, our_count, their_count)
    our_sizes = np.bincount(ours.ravel(), minlength=our_count + 1)[1:]
    their_sizes = np.bincount(theirs.ravel(), minlength=their_count + 1)[1:]
    fp_voxels = our_sizes[~overlap.any(axis=1)].sum()
    fn_voxels = their_sizes[~overlap.any(axis=0)].sum()
    union = our_sizes[:, None] + their_sizes[None, :] - overlap
    matches = overlap >= _LEAST_IOU * np.maximum(union, 1)
    found, true = int(matches.any(axis=0).sum()), int(matches.any(axis=1).sum())
    false, missed = our_count - true, their_count - found
    return Detection(
        lesion_f1=2 * found / (2 * found + false + missed) if their_count else math.nan,
        fp_ml=float(fp_voxels * voxel_ml),
        fn_ml=float(fn_voxels * voxel_ml) if their_count else math.nan,
    )


def _overlap(ours: Labels, theirs: Labels, our_count: int, their_count: int) -> npt.NDArray[np.int64]:
    """Return how many voxels each component of the one shares with each of the other, [ours, theirs]."""
    both = (ours > 0) & (theirs > 0)
    pairs = (ours[both].astype(np.int64) - 1) * their_count + (theirs[both] - 1)
    counts = np.bincount(pairs, minlength=our_count * their_count)
    return counts.reshape(our_count, their_count).astype(np.int64)
