"""The fast scanner: from activity to image by a point spread and noise with the right statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.fields import FWHM_PER_SIGMA, apply, gaussian_matrices, smooth_widely
from seganypet.phantom.scanner.artefacts import breathing_matrix, correction_slips
from seganypet.phantom.scanner.attenuation import water_equivalent
from seganypet.phantom.scanner.noise import add_noise
from seganypet.phantom.scanner.protocols import Examination

# What the corrections leave of scatter: a little everywhere, and a haze about the body, as measured around a real one.
_AIR_SUV = 0.002
_HAZE, _HAZE_MM = 0.05, 36.0


def acquire(
    activity: Tensor,
    tissues: Tensor,
    examinations: Sequence[Examination],
    spacing_mm: Sequence[float],
    domes: Sequence[int | None],
    rngs: Sequence[np.random.Generator],
) -> Tensor:
    """Return the images that scanners make of activity, SUV of 0 or more, float32 [B, I, J, K].

    Args:
        activity: True SUV, [B, I, J, K], on a RAS+ grid.
        tissues: Label maps on the same grid, 0 in air.
        examinations: Point spread, noise, breathing and slips of each.
        spacing_mm: Voxel size along i, j, k, in mm.
        domes: Slice of each liver's dome, None without one.
        rngs: Source of randomness of each.
    """
    image = blur(activity, examinations, spacing_mm, domes)
    for at, (examination, rng) in enumerate(zip(examinations, rngs, strict=True)):
        if examination.artefacts:
            image[at] = correction_slips(image[at], tissues[at], examination, spacing_mm, rng, domes[at])
    image.lerp_(smooth_widely(image, spacing_mm, (_HAZE_MM,) * 3), _HAZE).add_(_AIR_SUV)
    image = add_noise(image, water_equivalent(tissues), examinations, spacing_mm, rngs)
    return field_of_view(image, examinations, spacing_mm)


def blur(
    activity: Tensor,
    examinations: Sequence[Examination],
    spacing_mm: Sequence[float],
    domes: Sequence[int | None],
) -> Tensor:
    """Return activity blurred by breathing and the point spread, [B, I, J, K]; see `acquire`."""
    # A voxel's own width, over which the matrices integrate, is part of an image's point spread.
    voxels = np.square(FWHM_PER_SIGMA * np.asarray(spacing_mm)) / 12
    widths = np.sqrt(np.clip(np.square([e.psf_fwhm_mm for e in examinations]) - voxels, 0, None))
    matrices = gaussian_matrices(activity.shape[1:], spacing_mm, widths.tolist())
    breathing = [
        breathing_matrix(activity.shape[3], spacing_mm[2], dome, examination.breathing_mm)
        for examination, dome in zip(examinations, domes, strict=True)
    ]
    matrices[2] = matrices[2] @ np.stack(breathing)
    return apply(activity, matrices)


def field_of_view(image: Tensor, examinations: Sequence[Examination], spacing_mm: Sequence[float]) -> Tensor:
    """Return images [B, I, J, K], changed in place, without what lies outside the bore: nothing is made there."""
    x, y = (
        (torch.arange(n, device=image.device) - (n - 1) / 2) * step
        for n, step in zip(image.shape[1:3], spacing_mm[:2], strict=True)
    )
    radius = torch.hypot(x[:, None], y[None, :])
    for at, examination in enumerate(examinations):
        if float(radius.max()) > examination.bore_mm / 2:
            image[at].masked_fill_((radius > examination.bore_mm / 2)[..., None], 0.0)
    return image
