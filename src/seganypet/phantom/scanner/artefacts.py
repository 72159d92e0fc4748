"""What moves or misleads a scanner: breathing, and slips of the attenuation and scatter corrections.

Each slip is a smooth factor on the image, as large as reported for the real thing; where it acts is told from the
tissues.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from seganypet.phantom.anatomy.tissues import TISSUE_IDS
from seganypet.phantom.fields import Matrix, smooth_widely
from seganypet.phantom.scanner.protocols import Examination

# Organs below the dome move along with it, those above less and less.
_ABOVE_MM, _BELOW_MM = 45.0, 160.0
_METAL_SITES = ("hip_left", "hip_right", "skull", "vertebrae_L3", "humerus_left", "humerus_right")
_HALO_SUV = 12.0


def dome_slice(tissues: Tensor) -> int | None:
    """Return the slice of the liver's dome in a label map [I, J, K], or None without a liver."""
    slices = torch.nonzero((tissues == TISSUE_IDS["liver"]).any(dim=0).any(dim=0))
    return int(slices[-1]) if len(slices) else None


def breathing_matrix(count: int, step_mm: float, dome: int | None, travel_mm: float) -> Matrix:
    """Return the matrix [count, count] that blurs slices as breathing does, most at the dome.

    Exhaling lasts longest: the blur is a Gaussian of a quarter of the travel on each side of the mean.

    Args:
        count: Number of slices, from the feet up.
        step_mm: Slice distance.
        dome: Slice of the liver's dome; None: nothing moves.
        travel_mm: Travel of the dome from breath to breath; quiet breathing moves it by 5–20 mm.
    """
    if dome is None or travel_mm <= 0:
        return np.eye(count)
    z = (np.arange(count) - dome) * step_mm
    share = np.exp(-((z / np.where(z > 0, _ABOVE_MM, _BELOW_MM)) ** 2))
    sigma = np.maximum(travel_mm / 4 * share, 1e-3)[:, None]
    distance = (np.arange(count)[:, None] - np.arange(count)[None, :]) * step_mm
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def correction_slips(
    image: Tensor,
    tissues: Tensor,
    examination: Examination,
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
    dome: int | None,
) -> Tensor:
    """Return an image [I, J, K] with the examination's slips of the attenuation and scatter corrections.

    Args:
        image: SUV without noise.
        tissues: Label map on the same grid (x to the right, y to the front, z up).
        examination: Names the slips.
        spacing_mm: Voxel size along i, j, k, in mm.
        rng: Source of randomness.
        dome: Slice of the liver's dome, or None.
    """
    if "respiratory_mismatch" in examination.artefacts and dome is not None:
        image = image * _mismatch(image.shape[2], spacing_mm[2], dome, rng).to(image.device)
    if "arm_truncation" in examination.artefacts:
        image = image * _truncation(image.shape, spacing_mm, rng).to(image.device)
    if "metal" in examination.artefacts:
        image = _near_metal(image, tissues, spacing_mm, rng)
    if "halo" in examination.artefacts:
        image = image * _halo(image, spacing_mm, rng)
    return image


def _mismatch(count: int, step_mm: float, dome: int, rng: np.random.Generator) -> Tensor:
    """A CT in deeper inspiration shows lung where the dome is: too little correction in a band there."""
    band_mm, loss = float(rng.uniform(10, 30)), float(rng.uniform(0.15, 0.45))
    z = (np.arange(count) - dome) * step_mm
    inside = 1 / (1 + np.exp(-(z + band_mm) / 3)) - 1 / (1 + np.exp(-(z - 4) / 3))
    return torch.from_numpy((1 - loss * inside).astype(np.float32))


def _truncation(shape: Sequence[int], spacing_mm: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Beyond the CT's narrower field of view nothing is corrected: arms fade."""
    radius_mm, loss = float(rng.uniform(225, 255)), float(rng.uniform(0.25, 0.6))
    x, y = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape[:2], spacing_mm[:2], strict=True))
    outside = 1 / (1 + np.exp(-(np.hypot(x[:, None], y[None, :]) - radius_mm) / 5))
    return torch.from_numpy((1 - loss * outside).astype(np.float32))[..., None]


def _near_metal(
    image: Tensor, tissues: Tensor, spacing_mm: Sequence[float], rng: np.random.Generator
) -> Tensor:
    """Metal is over-corrected: a bright rim around a prosthesis or a filling, nothing inside."""
    sites = rng.permutation(_METAL_SITES)
    voxels = next((v for s in sites if len(v := torch.nonzero(tissues == TISSUE_IDS[str(s)]))), None)
    if voxels is None:
        return image
    center = voxels[int(rng.integers(len(voxels)))].tolist()
    radius_mm, gain = float(rng.uniform(8, 22)), float(rng.uniform(0.3, 1.2))
    axes = [
        torch.arange(n, device=image.device, dtype=torch.float32).sub_(c).mul_(step)
        for n, c, step in zip(image.shape, center, spacing_mm, strict=True)
    ]
    square = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2
    rim = torch.exp(-(((square.sqrt_() - radius_mm) / 6) ** 2))
    return image * (1 + gain * rim)


def _halo(image: Tensor, spacing_mm: Sequence[float], rng: np.random.Generator) -> Tensor:
    """Scatter of kidneys and bladder is over-corrected: their surroundings are too dark, in the same slices."""
    hot = (image - _HALO_SUV).clamp(min=0)
    around = smooth_widely(hot[None], spacing_mm, (55.0, 55.0, 12.0))[0]
    strength = float(rng.uniform(0.1, 0.6))
    return torch.where(hot > 0, 1.0, 1 / (1 + strength * around))
