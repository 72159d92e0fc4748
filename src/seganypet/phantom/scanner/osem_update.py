"""Counts of some slices, and the OSEM image that they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from seganypet.phantom.scanner.osem_projector import SystemMatrix
from seganypet.volume import FloatArray

# Scatter is broad: each projection of the trues, blurred by about 20 cm (approximate, after the convolution
# models of Bailey and Meikle 1994, Phys Med Biol 39:411).
_SCATTER_SIGMA_MM = 85.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Acquisition:
    """A scanner and a protocol.

    Attributes:
        matrix: Line integrals of a slice, in mm.
        shape: Pixels of a slice along i and j.
        counts_per_line: Trues per SUV and mm of a line of response, before attenuation.
        radial_bin_mm: Width of a bin of a projection.
        scatter_per_true: Scattered coincidences per true one.
        randoms_per_coincidence: Random coincidences per true or scattered one.
        psf_sigma_pixels: Point spread that the reconstruction models, along i and j; 0 models none.
    """

    matrix: SystemMatrix
    shape: tuple[int, int]
    counts_per_line: float
    radial_bin_mm: float
    scatter_per_true: float
    randoms_per_coincidence: float
    psf_sigma_pixels: tuple[float, ...]

    def spread(self, pixels: FloatArray) -> FloatArray:
        """Return an image, [pixels, slices], with the modelled point spread, which is its own transpose."""
        if max(self.psf_sigma_pixels) <= 0:
            return pixels
        image = pixels.reshape(*self.shape, -1)
        spread = ndimage.gaussian_filter(image, (*self.psf_sigma_pixels, 0), mode="constant", truncate=3.0)
        return np.asarray(spread.reshape(pixels.shape), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class SubsetCounts:
    """The data of one subset, each [bins, slices].

    Attributes:
        prompts: Counts.
        sensitivity: Expected trues per SUV and mm: counts per line times attenuation.
        background: Expected scatter and randoms.
        trues: Expected trues.
    """

    prompts: FloatArray
    sensitivity: FloatArray
    background: FloatArray
    trues: FloatArray


def acquire(
    acquisition: Acquisition, activity: FloatArray, mu_per_mm: FloatArray, rng: np.random.Generator | None
) -> list[SubsetCounts]:
    """Return the counts of some slices, subset by subset.

    Args:
        acquisition: Scanner and protocol.
        activity: SUV, blurred by the resolution, [I, J, slices].
        mu_per_mm: Attenuation, [I, J, slices].
        rng: Source of the counts; None gives their means.
    """
    matrix = acquisition.matrix
    activity_pixels = _pixels(activity)
    mu_pixels = _pixels(mu_per_mm)
    sensitivity = [
        matrix.over_time(np.exp(-(lines @ mu_pixels)) * np.float32(acquisition.counts_per_line))
        for lines in matrix.lines
    ]
    trues = [s * (timed @ activity_pixels) for s, timed in zip(sensitivity, matrix.timed, strict=True)]
    totals = np.sum([part.sum(axis=0, dtype=np.float64) for part in trues], axis=0)
    bins = sum(len(part) for part in trues)
    randoms = totals * (1 + acquisition.scatter_per_true) * acquisition.randoms_per_coincidence / bins
    scattered = [_broad(part, acquisition) for part in trues]
    found = np.sum([part.sum(axis=0, dtype=np.float64) for part in scattered], axis=0)
    scale = acquisition.scatter_per_true * totals / np.maximum(found, 1e-12)
    data = []
    for at, part in enumerate(trues):
        background = np.asarray(scattered[at] * scale + randoms, dtype=np.float32)
        mean = part + background
        prompts = mean if rng is None else rng.poisson(mean).astype(np.float32)
        data.append(SubsetCounts(prompts, sensitivity[at], background, part))
    return data


def reconstruct(acquisition: Acquisition, counts: list[SubsetCounts], iterations: int) -> FloatArray:
    """Return the OSEM image of some slices, SUV, float32 [I, J, slices], from a start of SUV 1 everywhere."""
    matrix = acquisition.matrix
    weights = [
        acquisition.spread(timed.T @ data.sensitivity)
        for timed, data in zip(matrix.timed, counts, strict=True)
    ]
    image = np.ones_like(weights[0])
    for _ in range(iterations):
        for timed, data, weight in zip(matrix.timed, counts, weights, strict=True):
            expected = data.sensitivity * (timed @ acquisition.spread(image)) + data.background
            ratio = data.prompts / np.maximum(expected, 1e-12) * data.sensitivity
            image *= acquisition.spread(timed.T @ ratio) / np.maximum(weight, 1e-12)
    return image.reshape(*acquisition.shape, -1)


def _pixels(slices: FloatArray) -> FloatArray:
    return np.ascontiguousarray(slices.reshape(-1, slices.shape[-1]), dtype=np.float32)


def _broad(trues: FloatArray, acquisition: Acquisition) -> FloatArray:
    """The shape of scatter: trues blurred along the projection."""
    lines = trues.reshape(-1, acquisition.matrix.radial_bins, trues.shape[-1])
    sigma = _SCATTER_SIGMA_MM / acquisition.radial_bin_mm
    broad = ndimage.gaussian_filter1d(lines, sigma, axis=1, mode="constant")
    return np.asarray(broad.reshape(trues.shape))
