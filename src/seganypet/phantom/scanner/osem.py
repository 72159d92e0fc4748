"""The faithful scanner: counts along lines of response, reconstructed by OSEM. Slow; the fast one is checked by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seganypet.errors import GeometryError, ImageValueError, UsageError
from seganypet.phantom.fields import FWHM_PER_SIGMA
from seganypet.phantom.scanner.osem_projector import SliceGeometry, system_matrix
from seganypet.phantom.scanner.osem_update import Acquisition, acquire, reconstruct
from seganypet.volume import FloatArray

# Slices simulated at once: bounds the memory, and with it the order of random draws.
_SLICES_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class OsemSettings:
    """How a scan is acquired and reconstructed; the defaults are a clinical FDG scan.

    The default counts: 370 MBq in 75 kg after 60 min are 3.4 kBq/ml at SUV 1. A line source of 70 cm gives
    9.6 counts/s per kBq on a Biograph mCT Flow (Rausch et al. 2015, EJNMMI Phys 2:26): 6720 counts/s mm per kBq/mm.
    With a bed position every 124 mm and 150 s per position every point is seen with 54 counts/s per kBq in all:
    28000 counts per ml and SUV before attenuation, less about a tenth for dead time and losses off centre.

    Attributes:
        counts_per_suv_ml: True coincidences that 1 ml of SUV 1 would give were nothing attenuated. Counts of a
            slice follow from its activity and attenuation, so large bodies are noisy, as they are.
        resolution_fwhm_mm: Resolution of the data, Gaussian in 3D (detectors, positron range, acollinearity).
        angles: Projections over 180 degrees; a multiple of `subsets`.
        radial_bin_mm: Width of a bin of a projection.
        time_resolution_ps: Coincidence time resolution, full width at half maximum; None for a scanner without time
            of flight.
        subsets: Ordered subsets.
        iterations: Passes over all subsets.
        post_filter_fwhm_mm: Gaussian filter of the image in the slice.
        axial_filter_fwhm_mm: The same across slices.
        scatter_fraction: Scatter over scatter and trues, as NEMA NU 2 defines it.
        randoms_fraction: Randoms over all prompts.
        model_psf: Whether the reconstruction models the resolution in the slice.

    Raises:
        UsageError: A value is out of its range.
    """

    counts_per_suv_ml: float = 25_000.0
    resolution_fwhm_mm: float = 4.5
    angles: int = 168
    radial_bin_mm: float = 4.0
    time_resolution_ps: float | None = 540.0
    subsets: int = 21
    iterations: int = 2
    post_filter_fwhm_mm: float = 5.0
    axial_filter_fwhm_mm: float = 5.0
    scatter_fraction: float = 0.35
    randoms_fraction: float = 0.3
    model_psf: bool = False

    def __post_init__(self) -> None:
        for name in ("counts_per_suv_ml", "radial_bin_mm", "time_resolution_ps"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value}; expected a number above 0")
        for name in ("resolution_fwhm_mm", "post_filter_fwhm_mm", "axial_filter_fwhm_mm"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise UsageError(f"{name} is {getattr(self, name)}; expected a number of 0 or more")
        for name in ("scatter_fraction", "randoms_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; expected a share from 0 to below 1")
        if min(self.subsets, self.iterations) < 1:
            raise UsageError(
                f"{self.iterations} iterations, {self.subsets} subsets; expected 1 or more of each"
            )
        if self.angles < 1 or self.angles % self.subsets:
            raise UsageError(
                f"{self.angles} angles, {self.subsets} subsets; expected a multiple of the subsets"
            )


def osem_scan(
    activity: FloatArray,
    mu_per_mm: FloatArray,
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
    settings: OsemSettings | None = None,
    *,
    noise: bool = True,
) -> FloatArray:
    """Return the image that a scan of an activity distribution gives, SUV, float32 [I, J, K].

    Slices along k are projected one by one on parallel lines, as after Fourier rebinning (Defrise et al. 1997,
    IEEE Trans Med Imaging 16:145), attenuated, joined by scatter and randoms, and counted. OSEM (Hudson and
    Larkin 1994, IEEE Trans Med Imaging 13:601) knows attenuation and the means of scatter and randoms. The same
    generator state gives the same image.

    Args:
        activity: True SUV, [I, J, K].
        mu_per_mm: Linear attenuation at 511 keV, in 1/mm, [I, J, K]; see `attenuation_map`.
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of the counts.
        settings: Acquisition and reconstruction; by default `OsemSettings()`.
        noise: Whether to count; without, every bin holds its mean.

    Raises:
        GeometryError: An array is not 3D, the shapes differ, or the voxel size is unusable.
        ImageValueError: A value is negative or not finite.
        UsageError: The projector's library is not installed.
    """
    settings = settings or OsemSettings()
    _check(activity, mu_per_mm, spacing_mm)
    step_mm = (float(spacing_mm[0]), float(spacing_mm[1]), float(spacing_mm[2]))
    acquisition = acquisition_of(activity.shape, step_mm, settings)
    blurred = _blur(np.asarray(activity, np.float32), step_mm, (settings.resolution_fwhm_mm,) * 3)
    image = np.empty(activity.shape, dtype=np.float32)
    for first in range(0, activity.shape[2], _SLICES_AT_ONCE):
        slices = slice(first, first + _SLICES_AT_ONCE)
        counts = acquire(acquisition, blurred[..., slices], mu_per_mm[..., slices], rng if noise else None)
        image[..., slices] = reconstruct(acquisition, counts, settings.iterations)
    in_slice, axial = settings.post_filter_fwhm_mm, settings.axial_filter_fwhm_mm
    return _blur(image, step_mm, (in_slice, in_slice, axial))


def acquisition_of(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], settings: OsemSettings
) -> Acquisition:
    """Return the system that scans a grid of this shape and voxel size in mm."""
    geometry = SliceGeometry(
        shape=(shape[0], shape[1]),
        spacing_mm=(spacing_mm[0], spacing_mm[1]),
        angles=settings.angles,
        radial_bin_mm=settings.radial_bin_mm,
        time_resolution_ps=settings.time_resolution_ps,
        subsets=settings.subsets,
    )
    # Over a view, bins times bin width add up to the slice's activity times its area.
    ml = settings.radial_bin_mm * spacing_mm[2] / 1000
    psf_fwhm_mm = settings.resolution_fwhm_mm if settings.model_psf else 0.0
    return Acquisition(
        matrix=system_matrix(geometry),
        shape=geometry.shape,
        counts_per_line=settings.counts_per_suv_ml * ml / settings.angles,
        radial_bin_mm=settings.radial_bin_mm,
        scatter_per_true=settings.scatter_fraction / (1 - settings.scatter_fraction),
        randoms_per_coincidence=settings.randoms_fraction / (1 - settings.randoms_fraction),
        psf_sigma_pixels=tuple(psf_fwhm_mm / FWHM_PER_SIGMA / step for step in geometry.spacing_mm),
    )


def _check(activity: FloatArray, mu_per_mm: FloatArray, spacing_mm: Sequence[float]) -> None:
    if activity.ndim != 3 or activity.shape != mu_per_mm.shape:
        raise GeometryError(
            f"activity of shape {activity.shape}, attenuation of {mu_per_mm.shape}; expected two equal 3D arrays"
        )
    if len(spacing_mm) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise GeometryError(f"spacing_mm is {tuple(spacing_mm)}; expected three sizes above 0")
    for name, values in (("activity", activity), ("mu_per_mm", mu_per_mm)):
        lowest, highest = float(np.min(values)), float(np.max(values))
        if not (lowest >= 0 and np.isfinite(highest)):
            raise ImageValueError(
                f"{name} holds values from {lowest} to {highest}; expected finite ones of 0 or more"
            )


def _blur(image: FloatArray, spacing_mm: Sequence[float], fwhm_mm: Sequence[float]) -> FloatArray:
    sigma = [width / FWHM_PER_SIGMA / step for width, step in zip(fwhm_mm, spacing_mm, strict=True)]
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="nearest"), dtype=np.float32)
