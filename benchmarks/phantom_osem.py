"""The phantom's fast scanner beside the faithful one: noise, resolution and contrast with the same body and counts.

    python benchmarks/phantom_osem.py --seed 1 --spacing 4 4 3 --realisations 8

Scans one slab of the trunk several times in both modes. The fast mode gets the point spread, liver noise and
correlation width that the faithful one shows, so what is left is what its model cannot do. About a minute.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage

from phantom_osem_balls import (
    TISSUES,
    Array,
    Mask,
    Scan,
    contrast_table,
    equal_fwhm_mm,
    gaussian,
    reference,
    tissue,
)
from seganypet.phantom import TISSUE_IDS, Anatomy, Examination, draw_patient, procedural_anatomy
from seganypet.phantom.scanner.acquisition import acquire
from seganypet.phantom.scanner.attenuation import WATER_PER_MM, attenuation_map
from seganypet.phantom.scanner.noise import REFERENCE_SUV
from seganypet.phantom.scanner.osem import OsemSettings, osem_scan

LAGS = 6


def slab_of(anatomy: Anatomy, around: str, half_mm: float) -> slice:
    """Return the slices around the middle of an organ; of the liver, around its upper part, with the lungs' bases."""
    slices = np.flatnonzero((anatomy.label_map == TISSUE_IDS[around]).any(axis=(0, 1)))
    half = int(half_mm / anatomy.spacing_mm[2])
    middle = int(slices.mean()) if around != "liver" else int(slices[-1]) - half // 3
    return slice(max(middle - half, 0), middle + half)


def cut(anatomy: Anatomy, slab: slice) -> Anatomy:
    """Return the part of a body in some slices."""
    return Anatomy(anatomy.label_map[..., slab], anatomy.affine, dict(anatomy.names))


def depth_mm(anatomy: Anatomy) -> Array:
    """Return the distance of each voxel from the skin within its slice."""
    slices = [ndimage.binary_fill_holes(body) for body in np.moveaxis(anatomy.body, 2, 0)]
    edge = [
        ndimage.distance_transform_edt(np.pad(s, 1), sampling=anatomy.spacing_mm[:2])[1:-1, 1:-1]
        for s in slices
    ]
    return np.stack(edge, axis=-1).astype(np.float32)


def noise_table(name: str, images: Array, anatomy: Anatomy) -> None:
    """Print the noise by tissue: standard deviation over realisations, skewness, and the fit against SUV and depth."""
    count = len(images)
    mean, variance = images.mean(axis=0), images.var(axis=0, ddof=1)
    third = ((images - mean) ** 3).sum(axis=0) * count / ((count - 1) * (count - 2))
    depth = depth_mm(anatomy)
    level = _mean_sd(variance, tissue(anatomy, reference(anatomy)))
    print(f"\n{name}\ntissue       SUV  SD/mean  SD/reference  skewness  skewness/(SD/mean)  depth mm")
    for row in TISSUES:
        where = tissue(anatomy, row)
        if where.sum() < 100:
            continue
        sd, suv = _mean_sd(variance, where), float(mean[where].mean())
        skewness = float(third[where].mean()) / sd**3
        print(
            f"{row:10} {suv:6.2f} {sd / suv:8.3f} {sd / level:13.3f} {skewness:9.2f}"
            f" {skewness * suv / sd:19.1f} {depth[where].mean():9.0f}"
        )
    inner = anatomy.body & (depth > 8) & (mean > 0.05)
    # The log of a variance of n samples is low by about 1 / (n - 1).
    log_sd = 0.5 * (np.log(variance[inner]) + 1 / (count - 1))
    water = gaussian(attenuation_map(anatomy) / WATER_PER_MM, anatomy.spacing_mm, (220.0, 220.0, 0.0))
    for name, where in (("depth / 10 cm", depth / 100), ("water within 22 cm", water)):
        columns = np.column_stack([np.ones(inner.sum()), np.log(mean[inner]), where[inner]])
        (_, exponent, gain), *_ = np.linalg.lstsq(columns, log_sd, rcond=None)
        print(f"SD ~ SUV^{exponent:.2f} * exp({gain:.2f} * {name})")


def _mean_sd(variance: Array, where: Mask) -> float:
    return float(np.sqrt(variance[where].mean()))


def correlation_table(images: Array, anatomy: Anatomy) -> list[float]:
    """Print the autocorrelation of the noise; return the Gaussian widths of the liver's, left-right, ..., in mm."""
    residual = (images - images.mean(axis=0)) / np.maximum(images.std(axis=0), 1e-6)
    widths: list[float] = []
    print(f"autocorrelation at 1-{LAGS} voxels, Gaussian that gives the first")
    for row in ("liver", "muscle"):
        where = tissue(anatomy, row)
        if not where.any():
            continue
        for axis, step_mm in enumerate(anatomy.spacing_mm):
            curve = [_lagged(residual, where, axis, lag) for lag in range(1, LAGS + 1)]
            # White noise smoothed by a Gaussian of FWHM w correlates as exp(-2 ln 2 (d/w)^2).
            width = step_mm * np.sqrt(2 * np.log(2) / -np.log(np.clip(curve[0], 1e-3, 0.999)))
            widths.append(float(width))
            print(f"{row:8} {'ijk'[axis]} " + " ".join(f"{v:5.2f}" for v in curve) + f"   {width:4.1f} mm")
    return widths[:3]


def _lagged(residual: Array, where: Mask, axis: int, lag: int) -> float:
    near, far = ([slice(None)] * 3 for _ in range(2))
    near[axis], far[axis] = slice(None, -lag), slice(lag, None)
    both = where[tuple(near)] & where[tuple(far)]
    if both.sum() < 20:
        return float("nan")
    a, b = residual[(slice(None), *near)][:, both], residual[(slice(None), *far)][:, both]
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def scanners(
    anatomy: Anatomy, settings: OsemSettings, fast: Examination
) -> tuple[dict[str, Scan], dict[str, float]]:
    """Return both modes as functions of the activity and a seed (None: without noise), and a table of their times."""
    mu, spacing = attenuation_map(anatomy), anatomy.spacing_mm
    tissues = torch.from_numpy(anatomy.label_map.astype(np.int32))[None]
    seconds = {"faithful": 0.0, "fast": 0.0}

    def faithful(activity: Array, seed: int | None) -> Array:
        start = time.perf_counter()
        rng = np.random.default_rng(seed or 0)
        image = osem_scan(activity, mu, spacing, rng, settings, noise=seed is not None)
        seconds["faithful"] = time.perf_counter() - start
        return image

    def quick(activity: Array, seed: int | None) -> Array:
        start = time.perf_counter()
        examination = fast if seed is not None else replace(fast, noise=0.0)
        rngs = [np.random.default_rng(seed or 0)]
        image = acquire(torch.from_numpy(activity)[None], tissues, [examination], spacing, [None], rngs)
        seconds["fast"] = time.perf_counter() - start
        return np.asarray(image[0].numpy())

    return {"faithful": faithful, "fast": quick}, seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spacing", type=float, nargs=3, default=(4.0, 4.0, 3.0))
    parser.add_argument("--around", default="liver", help="organ in the middle of the slab")
    parser.add_argument("--half-mm", type=float, default=66.0, help="half the slab's length")
    parser.add_argument("--realisations", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--filter-mm", type=float, default=5.0)
    parser.add_argument("--counts", type=float, default=OsemSettings.counts_per_suv_ml)
    parser.add_argument("--model-psf", action="store_true")
    parser.add_argument("--no-time-of-flight", action="store_true")
    options = parser.parse_args()
    settings = OsemSettings(
        iterations=options.iterations,
        post_filter_fwhm_mm=options.filter_mm,
        axial_filter_fwhm_mm=options.filter_mm,
        counts_per_suv_ml=options.counts,
        model_psf=options.model_psf,
        time_resolution_ps=None if options.no_time_of_flight else OsemSettings.time_resolution_ps,
    )
    rng = np.random.default_rng(options.seed)
    body = procedural_anatomy(rng, spacing_mm=options.spacing)
    uptake = draw_patient(body.names.values(), rng, "fdg")
    anatomy = cut(body, slab_of(body, options.around, options.half_mm))
    table = np.zeros(max(body.names) + 1, dtype=np.float32)
    for identifier, name in body.names.items():
        table[identifier] = uptake.suv[name]
    compare(table[anatomy.label_map], anatomy, settings, options.realisations)


def compare(activity: Array, anatomy: Anatomy, settings: OsemSettings, realisations: int) -> None:
    """Print every table of an activity in a body."""
    print(f"{anatomy.label_map.shape} voxels of {anatomy.spacing_mm} mm; {settings}")
    blank = Examination(
        scanner="matched",
        spacing_mm=anatomy.spacing_mm,
        orientation="RAS",
        psf_fwhm_mm=(6.0, 6.0, 6.0),
        noise=0.1,
        noise_fwhm_mm=(5.0, 5.0, 5.0),
        bore_mm=2000.0,
        noisy_ends=False,
    )
    modes, seconds = scanners(anatomy, settings, blank)
    organ = tissue(anatomy, reference(anatomy))
    images = np.stack([modes["faithful"](activity, seed) for seed in range(realisations)])
    print(f"faithful: {1000 * seconds['faithful'] / activity.shape[2]:.0f} ms a slice")
    noise_table("faithful", images, anatomy)
    widths = correlation_table(images, anatomy)
    in_slice, axial = equal_fwhm_mm(modes["faithful"], activity, anatomy)
    print(
        f"Gaussian that blurs a ball of 17 mm as much: {in_slice:.1f} mm in the slice, {axial:.1f} mm across"
    )
    suv = float(images.mean(axis=0)[organ].mean())
    # The fast mode's noise is quoted at the liver's SUV.
    level = (
        _mean_sd(images.var(axis=0, ddof=1), organ)
        / suv
        * (suv / REFERENCE_SUV) ** (1 - blank.noise_exponent)
    )
    width = float(np.sqrt(widths[0] * widths[1]))
    matched = replace(
        blank,
        psf_fwhm_mm=(in_slice, in_slice, axial),
        noise=level,
        noise_fwhm_mm=(width, width, widths[2]),
    )
    modes, seconds = scanners(anatomy, settings, matched)
    fast = np.stack([modes["fast"](activity, seed) for seed in range(realisations)])
    print(f"\nfast: {1000 * seconds['fast'] / activity.shape[2]:.1f} ms a slice; {matched}")
    noise_table("fast", fast, anatomy)
    correlation_table(fast, anatomy)
    in_slice, axial = equal_fwhm_mm(modes["fast"], activity, anatomy)
    print(
        f"Gaussian that blurs a ball of 17 mm as much: {in_slice:.1f} mm in the slice, {axial:.1f} mm across"
    )
    contrast_table(modes, activity, anatomy)


if __name__ == "__main__":
    main()
