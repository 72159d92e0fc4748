"""From activity to image: uneven uptake, point spread, noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.warp import Axes, Field, random_lattice

_FWHM_PER_SIGMA = 2.3548
# Scatter and randoms leave a little everywhere; measured in the air of real scans: 0.03 SUV.
_AIR_SUV = 0.03
# Noise is quoted at the liver's SUV, where readers measure it.
_REFERENCE_SUV = 2.2


def scan(
    activity: Field,
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
    *,
    psf_fwhm_mm: float,
    noise: float,
    noise_fwhm_mm: float = 5.5,
    heterogeneity: float = 0.08,
) -> Field:
    """Return the image that a scanner makes of an activity distribution, SUV, float32 [I, J, K].

    Args:
        activity: True SUV, [I, J, K].
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of randomness.
        psf_fwhm_mm: Full width at half maximum of the Gaussian point spread.
        noise: Standard deviation over mean of the noise at the liver's SUV of 2.2. The variance grows with
            the activity, as in OSEM images.
        noise_fwhm_mm: Correlation width of the noise.
        heterogeneity: Standard deviation of the smooth multiplicative field of uneven uptake.

    Raises:
        UsageError: A width, the noise or the heterogeneity is negative or not finite.
    """
    settings = {
        "psf_fwhm_mm": psf_fwhm_mm,
        "noise": noise,
        "noise_fwhm_mm": noise_fwhm_mm,
        "heterogeneity": heterogeneity,
    }
    for name, value in settings.items():
        if not (np.isfinite(value) and value >= 0):
            raise UsageError(f"{name} is {value}; expected a number of 0 or more")
    image = np.asarray(activity, dtype=np.float32)
    if heterogeneity > 0:
        image = image * _uneven(image.shape, spacing_mm, rng, heterogeneity)
    image = _blur(image, spacing_mm, psf_fwhm_mm) + np.float32(_AIR_SUV)
    if noise > 0:
        grain = _unit_noise(image.shape, spacing_mm, rng, noise_fwhm_mm)
        # Poisson-like: sd = noise * sqrt(suv * reference), so that sd / suv = noise at the reference.
        grain *= np.sqrt(image * np.float32(_REFERENCE_SUV))
        grain *= np.float32(noise)
        image += grain
    return np.asarray(np.clip(image, 0, None), dtype=np.float32)


def _uneven(
    shape: tuple[int, ...], spacing_mm: Sequence[float], rng: np.random.Generator, amount: float
) -> Field:
    """A smooth field of mean 1 with details of about 3 to 10 cm."""
    axes: list[Field] = [
        np.arange(n, dtype=np.float32) * np.float32(s) for n, s in zip(shape, spacing_mm, strict=True)
    ]
    grid: Axes = (axes[0], axes[1], axes[2])
    high = [float(axis[-1]) for axis in axes]
    field = random_lattice(rng, (0.0, 0.0, 0.0), high, step_mm=float(rng.uniform(28, 50))).on_grid(grid)[0]
    field *= np.float32(amount / max(float(field.std()), 1e-6))
    field -= field.mean()
    return np.asarray(np.clip(field + 1, 0.3, 1.7))


def _unit_noise(
    shape: tuple[int, ...], spacing_mm: Sequence[float], rng: np.random.Generator, fwhm_mm: float
) -> Field:
    """White noise, smoothed, scaled back to a standard deviation of 1."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = _blur(white, spacing_mm, fwhm_mm)
    return np.asarray(smooth / np.float32(max(float(smooth.std()), 1e-6)))


def _blur(image: Field, spacing_mm: Sequence[float], fwhm_mm: float) -> Field:
    sigma = [fwhm_mm / _FWHM_PER_SIGMA / step for step in spacing_mm]
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3.0), dtype=np.float32)
