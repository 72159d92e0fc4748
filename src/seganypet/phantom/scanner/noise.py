"""Noise of reconstructed PET: it follows the activity, the depth in the body and the reconstruction's filter.

The model and its numbers are those of the faithful mode (`osem`; docs/phantom/faithful.md): the noise of OSEM images
is close to log-normal (Barrett et al., Phys Med Biol 1994); its standard deviation grows with a power of the SUV of
0.5 (Poisson) to 1, and with the attenuation on the way out of the body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seganypet.phantom.fields import Matrix, apply, smooth_widely, white_noise
from seganypet.phantom.scanner.protocols import Examination

# Noise is quoted at the liver's SUV, where readers measure it.
REFERENCE_SUV = 2.2
# What attenuates within some 10 cm of a slice tells how few photons get out.
_DEPTH_MM, _DEPTH_GAIN, _DEPTH_IN_LIVER = 220.0, 1.3, 0.58
# The outermost slices have fewer lines of response, and so have those where two bed positions meet.
_ENDS_GAIN, _ENDS_MM = 0.7, 6.0
_SEAM_GAIN, _SEAM_MM = 0.3, 4.0
# Lines of response through the body's short axis count more: noise is longer front to back than left to right.
_GRAIN_X, _GRAIN_Y = 0.92, 1.1
_MOST_LOG_SD = 1.2


def add_noise(
    image: Tensor,
    attenuation: Tensor,
    examinations: Sequence[Examination],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
) -> Tensor:
    """Return images with noise, SUV, float32 [B, I, J, K]; the mean over many draws is the image.

    Args:
        image: SUV without noise, [B, I, J, K], 0 or more, x to the right and y to the front.
        attenuation: That of each voxel over that of water, [B, I, J, K].
        examinations: Level, exponent and correlation of the noise of each.
        spacing_mm: Voxel size along i, j, k, in mm.
        rngs: Source of randomness of each.
    """
    widths = [
        (_GRAIN_X * e.noise_fwhm_mm[0], _GRAIN_Y * e.noise_fwhm_mm[1], e.noise_fwhm_mm[2])
        for e in examinations
    ]
    grain = apply(
        white_noise(image.shape[1:], rngs, image.device), _unit(image.shape[1:], spacing_mm, widths)
    )
    log_sd = relative_sd(image, attenuation, examinations, spacing_mm)
    log_sd = log_sd.square_().log1p_().sqrt_().clamp_(max=_MOST_LOG_SD)
    grain.mul_(log_sd).sub_(log_sd.square_().mul_(0.5))
    return grain.exp_().mul_(image)


def relative_sd(
    image: Tensor, attenuation: Tensor, examinations: Sequence[Examination], spacing_mm: Sequence[float]
) -> Tensor:
    """Return the standard deviation of the noise over the image, float32 [B, I, J, K]; see `add_noise`."""
    thickness = smooth_widely(attenuation, spacing_mm, (_DEPTH_MM, _DEPTH_MM, 4 * spacing_mm[2]))
    exponents = torch.tensor([e.noise_exponent - 1 for e in examinations], device=image.device)
    log_level = (image / REFERENCE_SUV).clamp_(min=1e-3).log_().mul_(exponents[:, None, None, None])
    log_level.add_(thickness.sub_(_DEPTH_IN_LIVER), alpha=_DEPTH_GAIN)
    levels = [e.noise * _slices(image.shape[3], spacing_mm[2], e) for e in examinations]
    return log_level.exp_().mul_(torch.from_numpy(np.stack(levels)).to(image.device)[:, None, None])


def _unit(
    shape: Sequence[int], spacing_mm: Sequence[float], fwhm_mm: Sequence[Sequence[float]]
) -> list[Matrix]:
    """Matrices [B, N, N] that make white noise as long as Gaussian smoothing does, its standard deviation still 1."""
    return [
        np.stack([_correlated(shape[at], widths[at] / spacing_mm[at]) for widths in fwhm_mm])
        for at in range(3)
    ]


def _correlated(count: int, fwhm_voxels: float) -> Matrix:
    """Return the matrix [count, count] of one axis.

    White noise smoothed by a Gaussian correlates over a distance d as exp(-2 ln 2 (d / FWHM)²), whether or not the
    voxels resolve the Gaussian; the kernel is the middle row of this correlation's symmetric square root.
    """
    if fwhm_voxels <= 0:
        return np.eye(count)
    reach = int(np.ceil(2 * fwhm_voxels)) + 2
    lags = np.arange(2 * reach + 1)
    correlation = np.exp(-2 * np.log(2) * ((lags[:, None] - lags[None, :]) / fwhm_voxels) ** 2)
    values, vectors = np.linalg.eigh(correlation)
    kernel = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors[reach]
    offset = np.arange(count)[:, None] - np.arange(count)[None, :]
    matrix = np.where(np.abs(offset) <= reach, kernel[np.clip(offset + reach, 0, 2 * reach)], 0.0)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float64)


def _slices(count: int, step_mm: float, examination: Examination) -> npt.NDArray[np.float32]:
    """Factor of every slice."""
    z = np.arange(count) * step_mm
    log_factor = np.zeros(count)
    if examination.noisy_ends:
        log_factor += _ENDS_GAIN * np.exp(-np.minimum(z, z[::-1]) / _ENDS_MM)
    if examination.bed_mm > 0:
        seam = (z + examination.bed_mm / 2) % examination.bed_mm - examination.bed_mm / 2
        log_factor += _SEAM_GAIN * np.exp(-((seam / _SEAM_MM) ** 2)) * (z > examination.bed_mm / 2)
    return np.asarray(np.exp(log_factor), dtype=np.float32)
