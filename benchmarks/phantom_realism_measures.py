"""Measures of a PET image: regions, noise, borders, tumours; pure functions on arrays.

Arrays are SUV, [I, J, K]; masks are bool on the same grid; `spacing_mm` is the voxel size along i, j, k.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

Array = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
LAGS = range(1, 7)
BODY_QUANTILES = (1, 5, 25, 50, 75, 95, 99, 99.9)
# Two Gaussian standard deviations of the 10 % and the 90 % point of an error function.
_TEN_TO_NINETY = 2.5631
_FWHM_PER_SIGMA = 2.3548
_BODY_SUV = 0.12
BIN_EDGES = (0.2, 0.3, 0.45, 0.65, 0.9, 1.3, 1.8, 2.6)


def region(image: Array, mask: Mask) -> dict[str, float]:
    """Return voxel count, mean SUV, standard deviation, and the coefficient of variation of a region."""
    values = image[mask]
    mean = float(values.mean())
    return {"voxels": values.size, "mean": mean, "sd": float(values.std()), "cov": float(values.std()) / mean}


def noise(image: Array, mask: Mask, spacing_mm: Sequence[float]) -> dict[str, Any]:
    """Return the noise of a region: what is left of it once a quadratic trend along x, y, z is removed.

    `autocorrelation` is by axis i, j, k at lags of 1 to 6 voxels; `fwhm_mm` that of the Gaussian which, run over
    white noise, correlates it alike: exp(-d² / 4σ²) at the distance d; `skewness` is 0 for Gaussian noise.
    """
    residual = detrended(image, mask, spacing_mm)
    values = residual[mask]
    sd = float(values.std())
    curves = [[autocorrelation(residual, mask, axis, lag) for lag in LAGS] for axis in range(3)]
    widths = [correlation_fwhm_mm(c, step) for c, step in zip(curves, spacing_mm, strict=True)]
    mean = float(image[mask].mean())
    skewness = float((values**3).mean() / sd**3)
    return {"mean": mean, "sd": sd, "cov": sd / mean, "skewness": skewness} | {
        "autocorrelation": curves,
        "fwhm_mm": widths,
    }


def detrended(image: Array, mask: Mask, spacing_mm: Sequence[float]) -> Array:
    """Return the image less a quadratic polynomial fitted inside the mask; 0 outside it."""
    points = np.argwhere(mask) * np.asarray(spacing_mm)
    x, y, z = ((points - points.mean(axis=0)) / 30.0).T
    terms = np.stack([np.ones_like(x), x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
    values = image[mask].astype(np.float64)
    solution = np.linalg.lstsq(terms, values, rcond=None)[0]
    residual = np.zeros(image.shape)
    residual[mask] = values - terms @ solution
    return residual


def autocorrelation(residual: Array, mask: Mask, axis: int, lag: int) -> float:
    """Return the correlation of voxel pairs of a mask that lie `lag` voxels apart along an axis."""
    first = np.moveaxis(residual, axis, 0)
    inside = np.moveaxis(mask, axis, 0)
    both = inside[lag:] & inside[:-lag]
    if both.sum() < 20:
        return float("nan")
    return float((first[lag:][both] * first[:-lag][both]).mean() / residual[mask].var())


def correlation_fwhm_mm(curve: Sequence[float], step_mm: float) -> float:
    """Return the width of the Gaussian filter whose noise correlates like the curve, by least squares."""
    lags = np.arange(1, len(curve) + 1) * step_mm
    widths = np.arange(0.5, 30.0, 0.1)
    model = np.exp(-(lags[None] ** 2) / (4 * (widths[:, None] / _FWHM_PER_SIGMA) ** 2))
    weight = np.array([1.0 if np.isfinite(c) else 0.0 for c in curve]) / lags
    misfit = (weight * (model - np.nan_to_num(curve)) ** 2).sum(axis=1)
    return float(widths[int(np.argmin(misfit))])


def noise_exponent(means: Sequence[float], sds: Sequence[float]) -> float:
    """Return the power of the SUV that the noise grows with: 0.5 for Poisson noise, 1 for a constant ratio."""
    return float(np.polyfit(np.log(means), np.log(sds), 1)[0])


def local_noise(image: Array, body: Mask, spacing_mm: Sequence[float]) -> dict[str, Any]:
    """Return the noise all over the body, from differences of slices two apart, which cancel the anatomy.

    `sd` holds the robust standard deviation in the SUV bins between `BIN_EDGES`, `exponent` the power of the SUV
    it grows with, `x` and `y` the correlation of the noise at lags of 1 to 4 voxels where the body is even.
    """
    smooth = ndimage.gaussian_filter(
        image.astype(np.float64), [12.0 / _FWHM_PER_SIGMA / s for s in spacing_mm]
    )
    change = np.zeros_like(smooth)
    change[..., 1:-1] = (image[..., 2:] - image[..., :-2]) / np.sqrt(2)
    safe = np.maximum(smooth, 0.05)
    even = body & (np.abs(np.gradient(smooth, spacing_mm[2], axis=2)) < 0.02 * safe)
    even[..., [0, -1]] = False
    highest = ndimage.maximum_filter(smooth, 5)
    sds: list[float] = []
    means: list[float] = []
    for low, high in pairwise(BIN_EDGES):
        use = even & (smooth > low) & (smooth < high) & (highest < 2 * high)
        sds.append(float(1.4826 * np.median(np.abs(change[use]))) if use.sum() > 300 else float("nan"))
        means.append(float(smooth[use].mean()) if use.sum() > 300 else float("nan"))
    usable = np.isfinite(sds)
    use = even & (smooth > 0.25) & (highest < 2.6)
    scaled = change / safe**0.8
    curves = [[autocorrelation(scaled, use, axis, lag) for lag in range(1, 5)] for axis in range(2)]
    points = (np.array(means)[usable].tolist(), np.array(sds)[usable].tolist())
    exponent = noise_exponent(*points) if usable.sum() > 2 else float("nan")
    return {"sd": sds, "exponent": exponent, "x": curves[0], "y": curves[1]}


def slice_noise(image: Array, body: Mask) -> Array:
    """Return the fine noise of each slice [K] over its mean, NaN where little body is seen.

    It is the spread (median absolute deviation) of the in-plane Laplacian, scaled so that white noise gives its
    standard deviation; correlated noise gives less, so that only ratios between slices mean anything.
    """
    ratio = np.full(image.shape[2], np.nan)
    inside = ndimage.binary_erosion(body, np.ones((5, 5, 1)))
    for k in range(image.shape[2]):
        use = inside[..., k] & (image[..., k] < 1.5)
        if use.sum() > 200:
            second = ndimage.laplace(image[..., k])[use]
            ratio[k] = 1.4826 * np.median(np.abs(second - np.median(second))) / image[..., k][use].mean()
    return np.asarray(ratio / np.sqrt(20.0))


def body_mask(image: Array, spacing_mm: Sequence[float]) -> Mask:
    """Return the body: the largest component above 0.12 SUV after smoothing by 8 mm, holes filled by slice."""
    smooth = ndimage.gaussian_filter(image, [8.0 / _FWHM_PER_SIGMA / s for s in spacing_mm])
    labels, _ = ndimage.label(smooth > _BODY_SUV)
    body: Mask = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    for k in range(body.shape[2]):
        body[..., k] = ndimage.binary_fill_holes(body[..., k])
    return body


def quantiles(values: Array) -> dict[str, float]:
    """Return the quantiles `BODY_QUANTILES` of the values."""
    return {
        f"{q:g}": float(v) for q, v in zip(BODY_QUANTILES, np.percentile(values, BODY_QUANTILES), strict=True)
    }


def around(mask: Mask, spacing_mm: Sequence[float], margin_mm: float) -> tuple[slice, ...]:
    """Return the box of a mask with a margin, cut to the grid."""
    (box,) = ndimage.find_objects(mask.astype(np.int8))
    pads = [int(np.ceil(margin_mm / s)) for s in spacing_mm]
    return tuple(slice(max(b.start - p, 0), b.stop + p) for b, p in zip(box, pads, strict=True))


def edge_widths_mm(
    image: Array, where: Mask, level: float, spacing_mm: Sequence[float], *, half_mm: float, least_step: float
) -> Array:
    """Return the 10–90 % widths of the borders where the smoothed image crosses a level, one per profile.

    Profiles run along the gradient of the image smoothed by 8 mm, through the voxels of `where` next to the
    level, 1 mm apart; an error function is fitted to each. Profiles that fit badly (r² below 0.85) or step by
    less than `least_step` SUV are left out.
    """
    if not where.any():
        return np.empty(0)
    box = around(where, spacing_mm, half_mm + 20)
    image, where = image[box].astype(np.float64), where[box]
    sigma = [8.0 / _FWHM_PER_SIGMA / s for s in spacing_mm]
    smooth = ndimage.gaussian_filter(image, sigma)
    above = smooth > level
    points = np.argwhere(above & ~ndimage.binary_erosion(above) & where)
    if not len(points):
        return np.empty(0)
    slope = np.stack(np.gradient(smooth, *spacing_mm), axis=-1)[tuple(points.T)]
    normal = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
    t = np.arange(-half_mm, half_mm + 0.5, 1.0)
    places = points[:, None] + t[None, :, None] * normal[:, None] / np.asarray(spacing_mm)
    profiles = ndimage.map_coordinates(image, places.reshape(-1, 3).T, order=1, mode="nearest")
    return _fit_error_functions(profiles.reshape(len(points), -1).astype(np.float64), t, least_step)


def _fit_error_functions(profiles: Array, t_mm: Array, least_step: float) -> Array:
    """10–90 % widths by the best of a grid of error functions, offset and step free."""
    sigmas = np.arange(0.5, 14.0, 0.25)
    shifts = np.arange(-6.0, 6.1, 1.0)
    sigma, shift = (a.ravel() for a in np.meshgrid(sigmas, shifts, indexing="ij"))
    model = special.erf((t_mm[None] - shift[:, None]) / (np.sqrt(2) * sigma[:, None]))
    centred = model - model.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1)
    data = profiles - profiles.mean(axis=1, keepdims=True)
    inner = data @ (centred / norm[:, None]).T
    best = inner.argmax(axis=1)
    peak = inner[np.arange(len(data)), best]
    r2 = (peak / np.maximum(np.linalg.norm(data, axis=1), 1e-9)) ** 2
    step = 2 * peak / norm[best]
    return np.asarray(_TEN_TO_NINETY * sigma[best][(r2 > 0.85) & (step > least_step)])


def tumour(image: Array, mask: Mask, spacing_mm: Sequence[float]) -> dict[str, float]:
    """Return volume, uptake, contrast, unevenness and border width of a tumour.

    `contrast` is its mean over the median of the shell 5 to 15 mm outside it; `cold_fraction` its volume below
    40 % of its SUVmax; `rough` the SD after a quadratic trend is removed, over the mean; `noise` the SD over SUV of
    soft tissue (SUV 0.45-0.65) 15 to 40 mm outside it.
    """
    box = around(mask, spacing_mm, 40)
    image, mask = image[box], mask[box]
    values = image[mask].astype(np.float64)
    away = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    shell = float(np.median(image[(away >= 5) & (away <= 15)]))
    hot = float(np.percentile(values, 90))
    widths = edge_widths_mm(
        image, away < 10, (hot + shell) / 2, spacing_mm, half_mm=15, least_step=0.5 * (hot - shell)
    )
    return {
        "volume_ml": float(mask.sum() * np.prod(spacing_mm) / 1000),
        "suv_max": float(values.max()),
        "suv_mean": float(values.mean()),
        "background": shell,
        "contrast": float(values.mean()) / max(shell, 0.01),
        "cov": float(values.std() / values.mean()),
        "rough": float(detrended(image, mask, spacing_mm)[mask].std() / values.mean()),
        "cold_fraction": float((values < 0.4 * values.max()).mean()),
        "edge_mm": float(np.median(widths)) if len(widths) >= 5 else float("nan"),
        "noise": _relative_noise(image, away > 15, spacing_mm),
    }


def _relative_noise(image: Array, where: Mask, spacing_mm: Sequence[float]) -> float:
    smooth = ndimage.gaussian_filter(image, [8.0 / _FWHM_PER_SIGMA / s for s in spacing_mm])
    found = local_noise(image, where & (smooth > 0.2), spacing_mm)
    return float(found["sd"][2]) / 0.55
