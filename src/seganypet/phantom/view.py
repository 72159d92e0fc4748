"""What of a body a scanner sees: its bore, its axial coverage, and a patient seen in a part of the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seganypet.phantom.anatomy import Anatomy
from seganypet.phantom.anatomy.body_map import LabelArray
from seganypet.phantom.render import Patient
from seganypet.phantom.scanner.protocols import Examination
from seganypet.volume import Affine

_ONE_BED_MM = (150.0, 450.0)
_BELOW_PELVIS_MM = 160.0  # to mid-thigh
_FEWEST_SLICES = 8


def in_bore(anatomy: Anatomy, bore_mm: float) -> Anatomy:
    """Return a body without what lies outside the transaxial field of view, where nothing is reconstructed."""
    x, y = (
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(anatomy.label_map.shape[:2], anatomy.spacing_mm[:2], strict=True)
    )
    outside = np.hypot(x[:, None], y[None, :]) > bore_mm / 2
    if not anatomy.label_map[outside].any():
        return anatomy
    return _part(anatomy, np.where(outside[..., None], np.int16(0), anatomy.label_map), anatomy.affine)


def slices_in_view(
    anatomy: Anatomy, examination: Examination, limited_share: float, rng: np.random.Generator
) -> slice:
    """Return the slices that are imaged: from the thighs up, or one or two bed positions anywhere.

    Args:
        anatomy: The body, on a RAS+ grid.
        examination: Says how much a scan covers.
        limited_share: Chance of one or two bed positions only.
        rng: Source of randomness.
    """
    count, step = anatomy.label_map.shape[2], anatomy.spacing_mm[2]
    limited = rng.random() < limited_share
    length_mm = float(rng.uniform(*_ONE_BED_MM)) if limited else examination.axial_mm
    covered = max(_FEWEST_SLICES, int(length_mm / step))
    if covered >= count:
        return slice(0, count)
    room = count - covered
    start = int(rng.integers(room + 1)) if limited else min(_thighs(anatomy), room)
    return slice(start, start + covered)


def crop(anatomy: Anatomy, slices: slice) -> Anatomy:
    """Return the part of a body in some slices."""
    if slices == slice(0, anatomy.label_map.shape[2]):
        return anatomy
    affine = anatomy.affine.copy()
    affine[:3, 3] += slices.start * affine[:3, 2]
    return _part(anatomy, anatomy.label_map[..., slices], affine)


def seen_from(patient: Patient, start: Sequence[int], shape: Sequence[int]) -> Patient:
    """Return a patient in the voxels of a part of the body: lesions whose centre lies in it, and the dome.

    Args:
        patient: In voxels of the whole body.
        start: First voxel of the part along i, j, k; may lie outside the body.
        shape: Number of voxels of the part.
    """
    plans = []
    for plan in patient.plans:
        i, j, k = (c - s for c, s in zip(plan.center_ijk, start, strict=True))
        if all(0 <= c <= n - 1 for c, n in zip((i, j, k), shape, strict=True)):
            plans.append(replace(plan, center_ijk=(i, j, k)))
    dome = None if patient.dome is None else patient.dome - start[2]
    return replace(patient, plans=plans, dome=dome)


def _thighs(anatomy: Anatomy) -> int:
    """The slice where a scan from the thighs up begins; the first one where the body has no pelvis."""
    pelvis = np.flatnonzero(anatomy.mask("hip_left", "hip_right").any(axis=(0, 1)))
    return max(0, int(pelvis[0] - _BELOW_PELVIS_MM / anatomy.spacing_mm[2])) if len(pelvis) else 0


def _part(anatomy: Anatomy, label_map: LabelArray, affine: Affine) -> Anatomy:
    """The anatomy of a part of a label map, with the names that are left."""
    present = set(np.flatnonzero(np.bincount(label_map.ravel())).tolist())
    return Anatomy(label_map, affine, {i: name for i, name in anatomy.names.items() if i in present})
