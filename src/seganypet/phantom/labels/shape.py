"""Errors of a contour's shape that organs and lesions share."""

from __future__ import annotations

import numpy as np

from seganypet.phantom.labels.boundary import Field, Spacing, displace_boundary, smooth_field
from seganypet.phantom.labels.config import NoiseConfig
from seganypet.phantom.labels.resolution import coarsen
from seganypet.phantom.labels.slices import wrong_slices
from seganypet.volume import BoolArray

# Unsteadiness of the hand: standard deviation and length, in voxels. Without it no displacement below half a
# voxel would ever change a label, as true borders run midway between voxels.
_HAND = 0.3
_HAND_LENGTH = 2.5


def shape_errors(
    contour: BoolArray,
    spacing_mm: Spacing,
    rng: np.random.Generator,
    config: NoiseConfig,
    probabilities: tuple[float, float, float],
    habit_mm: float,
) -> tuple[BoolArray, tuple[str, ...]]:
    """Return a contour with errors of shape, bool [I, J, K], and their kinds.

    Args:
        contour: bool [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of randomness.
        config: Sizes of the errors.
        probabilities: Of a coarser grid, of a displaced border and of wrong slices.
        habit_mm: Offset of every border of the case, outward positive, in mm.
    """
    coarse, boundary, slices = rng.random(3) < probabilities
    kinds: tuple[str, ...] = ()
    if coarse:
        x, y, z = rng.random(3)
        contour = coarsen(contour, spacing_mm, float(rng.uniform(*config.coarse_mm)), (x, y, z))
        kinds = ("coarse",)
    if boundary and contour.any():
        shift = _border_shift_mm(contour, spacing_mm, rng, config, habit_mm)
        contour = displace_boundary(contour, shift, spacing_mm)
        kinds = (*kinds, "boundary")
    if slices and contour.any():
        drawn = wrong_slices(contour, spacing_mm, rng)
        kinds = kinds if np.array_equal(drawn, contour) else (*kinds, "slices")
        contour = drawn
    return contour, kinds


def _border_shift_mm(
    contour: BoolArray, spacing_mm: Spacing, rng: np.random.Generator, config: NoiseConfig, habit_mm: float
) -> Field:
    """Return how far outward the border is drawn at each voxel, in mm: habit, target, waves and hand."""
    i, j, k = contour.shape
    voxel = float(np.mean(spacing_mm))
    wave = smooth_field((i, j, k), spacing_mm, float(rng.uniform(*config.wave_length_mm)), rng)
    unsteady = smooth_field((i, j, k), spacing_mm, _HAND_LENGTH * voxel, rng)
    shift = habit_mm + rng.normal(0.0, config.offset_mm) + rng.uniform(*config.wave_mm) * wave
    return np.asarray(shift + _HAND * voxel * unsteady, dtype=np.float32)
