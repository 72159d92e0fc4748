"""An examination by the faithful scanner: its counts and filters follow from what the fast one is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.fields import apply
from seganypet.phantom.scanner.acquisition import field_of_view
from seganypet.phantom.scanner.artefacts import breathing_matrix
from seganypet.phantom.scanner.attenuation import WATER_PER_MM, water_equivalent
from seganypet.phantom.scanner.osem import OsemSettings, osem_scan
from seganypet.phantom.scanner.protocols import Examination
from seganypet.volume import FloatArray

# Noise in the liver, with and without time of flight, of `OsemSettings`' counts and filter (docs/phantom/faithful.md).
_NOISE_WITH_TIME, _NOISE_WITHOUT = 0.103, 0.095
_FILTER_MM = 5.0
_LEAST_RESOLUTION_MM = 3.0


def reconstruct_examination(
    activity: Tensor,
    tissues: Tensor,
    examination: Examination,
    spacing_mm: Sequence[float],
    dome: int | None,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the image of counts reconstructed by OSEM, SUV, float32 [I, J, K]; see `acquire` for the fast one.

    Breathing blurs the activity. Slips of the corrections, seams and noisy ends are the fast mode's alone; `plain`
    gives an examination without them.

    Args:
        activity: True SUV, [I, J, K], on a RAS+ grid.
        tissues: Label map on the same grid, 0 in air.
        examination: Its point spread and noise say how many counts there are and how the image is filtered.
        spacing_mm: Voxel size along i, j, k, in mm.
        dome: Slice of the liver's dome, or None.
        rng: Source of the counts.

    Raises:
        UsageError: The projector's library is not installed.
    """
    count = activity.shape[2]
    breathing = breathing_matrix(count, spacing_mm[2], dome, examination.breathing_mm)
    still = [np.eye(n)[None] for n in activity.shape[:2]]
    moved = apply(activity[None].cpu(), [*still, breathing[None]])[0].numpy()
    attenuation = water_equivalent(tissues.cpu()).numpy() * np.float32(WATER_PER_MM)
    suv = osem_scan(moved, attenuation, spacing_mm, rng, settings_of(examination))
    seen = field_of_view(torch.from_numpy(suv)[None], [examination], spacing_mm)
    return np.asarray(seen[0].numpy(), dtype=np.float32)


def plain(examination: Examination) -> Examination:
    """Return an examination without what the faithful scanner does not simulate."""
    return replace(examination, artefacts=(), bed_mm=0.0, noisy_ends=False)


def settings_of(examination: Examination) -> OsemSettings:
    """Return counts and filters that give about the noise, grain and point spread of an examination.

    The variance of the noise goes with the inverse of the counts, and with the inverse of the filtered volume.
    """
    transaxial, _, axial = examination.noise_fwhm_mm
    psf_mm = examination.psf_fwhm_mm[0]
    usual = _NOISE_WITHOUT if examination.time_resolution_ps is None else _NOISE_WITH_TIME
    sharper = _FILTER_MM**3 / (transaxial**2 * axial)
    return OsemSettings(
        counts_per_suv_ml=OsemSettings.counts_per_suv_ml * sharper * (usual / examination.noise) ** 2,
        resolution_fwhm_mm=max(_LEAST_RESOLUTION_MM, float(np.sqrt(max(psf_mm**2 - transaxial**2, 0.0)))),
        time_resolution_ps=examination.time_resolution_ps,
        post_filter_fwhm_mm=transaxial,
        axial_filter_fwhm_mm=axial,
    )
