"""Smooth random fields and separable smoothing, as products with small matrices: alike on CPU and GPU.

Fields are tensors [B, I, J, K]; each sample of a batch has its own generator, so that a scan does not depend on
what is simulated beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FWHM_PER_SIGMA = 2.3548
# Mean over all positions of the sum of squared cubic B-spline weights: 151 / 315 along each axis.
_SPLINE_VARIANCE = 151 / 315
Matrix = npt.NDArray[np.float64]


def unit_field(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    rngs: Sequence[np.random.Generator],
    *,
    step_mm: float,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return Gaussian random fields of mean 0 and standard deviation 1, float32 [B, I, J, K].

    Cubic B-splines of independent normal coefficients; details are about as wide as the step. The coefficients
    come from the generators, so a field is the same on every device.

    Args:
        shape: Number of voxels along i, j, k.
        spacing_mm: Voxel size along i, j, k, in mm.
        rngs: One generator for each sample.
        step_mm: Distance of the coefficients.
        device: Where the fields are made.
    """
    weights = [spline_weights(n, step / step_mm) for n, step in zip(shape, spacing_mm, strict=True)]
    counts = [w.shape[1] for w in weights]
    drawn = np.stack([rng.standard_normal(counts, dtype=np.float32) for rng in rngs])
    coefficients = torch.from_numpy(drawn * np.float32(_SPLINE_VARIANCE**-1.5)).to(device)
    matrices = [torch.from_numpy(w.astype(np.float32)).to(device) for w in weights]
    return product(coefficients, [m.expand(len(rngs), -1, -1) for m in matrices])


def spline_weights(count: int, step: float) -> Matrix:
    """Return cubic B-spline weights of coefficients a unit apart at positions 0, step, 2 step, …, [count, C]."""
    position = 1.0 + step * np.arange(count)
    distance = np.abs(position[:, None] - np.arange(int(position[-1]) + 3)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.asarray(np.where(distance < 1, near, far), dtype=np.float64)


def gaussian_matrix(count: int, sigma_voxels: float) -> Matrix:
    """Return the matrix [count, count] that smooths a line of voxels by a Gaussian; its rows sum to 1.

    The Gaussian is integrated over each voxel, so widths far below a voxel are right, too; at the ends of the line
    the weights that fall outside are shared among those inside.
    """
    if sigma_voxels <= 0:
        return np.eye(count)
    from scipy.special import ndtr

    distance = np.arange(count)[:, None] - np.arange(count)[None, :]
    weights = ndtr((distance + 0.5) / sigma_voxels) - ndtr((distance - 0.5) / sigma_voxels)
    weights[np.abs(distance) > 1 + 4 * sigma_voxels] = 0.0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def gaussian_matrices(
    shape: Sequence[int], spacing_mm: Sequence[float], fwhm_mm: Sequence[Sequence[float]]
) -> list[Matrix]:
    """Return, for i, j and k, the smoothing matrices [B, N, N] of Gaussians.

    Args:
        shape: Number of voxels along i, j, k.
        spacing_mm: Voxel size along i, j, k, in mm.
        fwhm_mm: Full width at half maximum along i, j, k, of each sample, in mm.
    """
    return [
        np.stack([gaussian_matrix(shape[at], f[at] / FWHM_PER_SIGMA / spacing_mm[at]) for f in fwhm_mm])
        for at in range(3)
    ]


def apply(field: Tensor, matrices: Sequence[Matrix]) -> Tensor:
    """Return a field [B, I, J, K] multiplied by matrices [B, N', N] along i, j and k."""
    placed = [torch.from_numpy(m.astype(np.float32)).to(field.device) for m in matrices]
    return product(field, placed)


def smooth_widely(field: Tensor, spacing_mm: Sequence[float], fwhm_mm: Sequence[float]) -> Tensor:
    """Return a field [B, I, J, K] smoothed by a Gaussian much wider than a voxel, by way of a coarser grid.

    Args:
        field: What to smooth.
        spacing_mm: Voxel size along i, j, k, in mm.
        fwhm_mm: Full width at half maximum along i, j, k, the same for all samples, in mm.
    """
    down, up = [], []
    for count, step, fwhm in zip(field.shape[1:], spacing_mm, fwhm_mm, strict=True):
        stride = max(1, int(fwhm / 4 / step))
        nodes = np.arange(0, count + stride - 1, stride)
        rows = gaussian_matrix(int(nodes[-1]) + 1, fwhm / FWHM_PER_SIGMA / step)[nodes][:, :count]
        down.append(np.broadcast_to(rows / rows.sum(axis=1, keepdims=True), (len(field), len(nodes), count)))
        near = np.clip(1 - np.abs(np.arange(count)[:, None] - nodes[None, :]) / stride, 0, None)
        up.append(np.broadcast_to(near, (len(field), count, len(nodes))))
    return apply(apply(field, down), up)


def white_noise(
    shape: Sequence[int], rngs: Sequence[np.random.Generator], device: torch.device | str
) -> Tensor:
    """Return independent standard normal voxels, float32 [B, I, J, K].

    Drawn on the device: the same seed gives other voxels on a GPU than on a CPU.
    """
    noise = torch.empty((len(rngs), *shape), device=device)
    for sample, rng in zip(noise, rngs, strict=True):
        generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        sample.normal_(generator=generator)
    return noise


def product(field: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Return a field [B, A, C, D] times matrices [B, I, A], [B, J, C], [B, K, D]: [B, I, J, K]."""
    first, second, third = matrices
    batch, a, c, d = field.shape
    field = torch.bmm(first, field.reshape(batch, a, c * d)).reshape(batch, -1, c, d)
    field = torch.matmul(second[:, None], field)
    field = torch.bmm(field.reshape(batch, -1, d), third.mT)
    return field.reshape(batch, first.shape[1], second.shape[1], third.shape[1])
