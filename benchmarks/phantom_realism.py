"""How much a simulated PET scan looks like a real one: the same measures on both, side by side.

    python benchmarks/phantom_realism.py --seeds 8 -o report.json --figure docs/images/phantom_vs_real.png

Real data: the whole-body FDG scan STS_001 and the 33 tumours STS_002-034. They are measured, nothing is fitted to
them here. Phantoms have the real scan's voxel size and its coverage: below the brain, down to 200 mm below the
sacrum.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy import ndimage

import phantom_realism_regions as regions
from phantom_realism_measures import (
    Array,
    Mask,
    body_mask,
    edge_widths_mm,
    local_noise,
    noise,
    noise_exponent,
    quantiles,
    region,
    slice_noise,
    tumour,
)
from phantom_realism_tables import Report, print_tables, print_tumours
from seganypet.io import read_mask, read_volume
from seganypet.phantom import PhantomCase, PhantomConfig, simulate_case
from seganypet.volume import Volume

SPACING_MM = (4.6875, 4.6875, 3.27)
FIRST_SEED = 930_000
PRESETS = ("sarcoma", "lymphoma", "lung_cancer", "melanoma", "random")
LAST_TRAINING = 24  # what the phantom is tuned to must not know the patients after it
LARGE_ML = 17.0  # the smallest of the real tumours
SHOWN = 8
PELVIS_MM = (-680.0, -580.0)  # z of the sacrum in STS_001
SKULL_BASE_MM = -30.0  # z in STS_001 below which no brain shines in


def measure_real(volume: Volume) -> Report:
    """Return the measures of STS_001."""
    image, spacing = volume.array, volume.spacing_mm
    masks: dict[str, Mask | None] = {
        name: regions.select(volume, shapes) for name, shapes in regions.REAL_REGIONS.items()
    }
    body = body_mask(image, spacing)
    low, high = (volume.to_xyz_mm((0, 0, k))[2] for k in (0, volume.shape[2] - 1))
    assert low < high, "slices run from the feet to the head"
    top = int((SKULL_BASE_MM - low) / spacing[2])
    report = _measure(image, spacing, masks, body, slice(0, top))
    zones = {name: regions.select(volume, (box,)) for name, box in regions.REAL_BORDERS.items()}
    zones["skin"] = _skin(body, slice(*(int((z - low) / spacing[2]) for z in PELVIS_MM)), spacing)
    report["borders"] = {name: _border(image, zone, name, spacing) for name, zone in zones.items()}
    return report


def measure_phantom(case: PhantomCase) -> Report:
    """Return the same measures of a phantom."""
    image, spacing = case.volume.array, case.volume.spacing_mm
    lesion_mm = _distance_mm(case.lesions > 0, spacing)
    masks = {name: regions.phantom_region(case, name, lesion_mm) for name in regions.PHANTOM_REGIONS}
    body = body_mask(image, spacing)
    outside = ndimage.distance_transform_edt(case.reference == 0, sampling=spacing)
    masks["air outside"] = outside > 60 if (outside > 60).sum() > 100 else None
    brain = np.flatnonzero(regions.tissue(case, "brain", "cerebellum").any(axis=(0, 1)))
    sacrum = np.flatnonzero(regions.tissue(case, "sacrum").any(axis=(0, 1)))
    bottom = max(int(sacrum[0] - 200 / spacing[2]), 0)
    report = _measure(image, spacing, masks, body, slice(bottom, int(brain[0]) - 3))
    zones = {name: regions.border_zone(case, name, lesion_mm) for name in regions.PHANTOM_BORDERS}
    zones["skin"] = _skin(body, slice(int(sacrum[0]), int(sacrum[-1])), spacing)
    report["borders"] = {name: _border(image, zone, name, spacing) for name, zone in zones.items()}
    return report


def _distance_mm(mask: Mask, spacing: Sequence[float]) -> Array:
    """Distance to a mask; a kilometre where it is empty."""
    if not mask.any():
        return np.full(mask.shape, 1e6)
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing))


def _skin(body: Mask, span: slice, spacing: Sequence[float]) -> Mask:
    zone = regions.near_border(body, spacing)
    zone[..., : span.start] = False
    zone[..., span.stop :] = False
    return zone


def _measure(
    image: Array, spacing: Sequence[float], masks: Mapping[str, Mask | None], body: Mask, span: slice
) -> Report:
    found = {name: mask for name, mask in masks.items() if mask is not None}
    near = ndimage.distance_transform_edt(~body[..., span], sampling=spacing)
    found_regions = {name: region(image, mask) for name, mask in found.items()}
    found_regions["air 15-30 mm from skin"] = region(image[..., span], (near > 15) & (near < 30))
    own = {name: noise(image, found[name], spacing) for name in regions.EXPONENT_REGIONS if name in found}
    pairs = [(n["mean"], n["sd"]) for n in own.values()]
    profile = slice_noise(image[..., span], body[..., span])
    return {
        "regions": found_regions,
        "noise": {name: own[name] for name in regions.NOISE_REGIONS if name in own},
        "noise_exponent": noise_exponent(*zip(*pairs, strict=True)) if len(pairs) > 2 else float("nan"),
        "local_noise": local_noise(image[..., span], body[..., span], spacing),
        "slice_noise": {f"{q}": float(np.nanpercentile(profile, q)) for q in (5, 50, 95)},
        "quantiles": quantiles(image[..., span][body[..., span]]),
    }


def _border(image: Array, zone: Mask, name: str, spacing: Sequence[float]) -> dict[str, float]:
    """Median 10-90 % width of a border of contrast 2 or more, and the number of profiles."""
    if zone.sum() < 50:
        return {"width_mm": float("nan"), "profiles": 0}
    outside, inside = (float(v) for v in np.percentile(image[zone], (10, 80 if name == "skin" else 95)))
    level, step = (inside + outside) / 2, 0.4 * (inside - outside)
    half_mm = regions.HALF_MM[name]
    widths = edge_widths_mm(image, zone, level, spacing, half_mm=half_mm, least_step=step)
    enough = len(widths) >= 15 and inside > 2 * outside
    return {"width_mm": float(np.median(widths)) if enough else float("nan"), "profiles": len(widths)}


def real_tumours(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return the measures of the real tumour crops: patients that may be trained on, and those held back."""
    found: dict[str, list[dict[str, float]]] = {"real, STS_002-024": [], "real, STS_025-034": []}
    for case in sorted(folder.glob("STS_*")):
        volume = read_volume(case / "pet_suv.nii.gz")
        mask = read_mask(case / "gtv_mass.nii.gz", like=volume).array
        group = "real, STS_002-024" if int(case.name[-3:]) <= LAST_TRAINING else "real, STS_025-034"
        found[group].append(tumour(volume.array, mask, volume.spacing_mm))
    return found


def phantom_lesions(case: PhantomCase) -> list[dict[str, float]]:
    """Return the measures of the lesions of a phantom that fill at least 4 voxels."""
    instances = [case.lesions == n for n in range(1, int(case.lesions.max()) + 1)]
    return [tumour(case.volume.array, m, case.volume.spacing_mm) for m in instances if m.sum() >= 4]


def configuration(preset: str, scanner: str) -> PhantomConfig:
    """Return the phantom's configuration; parts that it does not know yet are left out."""
    known = {f.name for f in fields(PhantomConfig)}
    settings: Report = {"spacing_mm": SPACING_MM, "tracer": "fdg", "lesions": preset, "scanner": scanner}
    return PhantomConfig(**{k: v for k, v in settings.items() if k in known})


def main() -> None:
    """Measure, print Markdown tables, write the report and the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the real data")
    parser.add_argument("--seeds", type=int, default=8, help="number of phantoms")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), help="the first is measured in full")
    parser.add_argument("--scanner", default="ge_discovery_st", help="scanner of the phantoms")
    parser.add_argument("-o", "--output", type=Path, help="report, JSON")
    parser.add_argument("--figure", type=Path, help="picture, PNG")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    volume = read_volume(arguments.data / "sts_001" / "dicom_pet")
    real = measure_real(volume)
    tumours = real_tumours(arguments.data / "sts_crops")
    shown: list[PhantomCase] = []
    phantoms: list[Report] = []
    for preset in arguments.presets:
        tumours[preset] = []
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            case = simulate_case(seed, configuration(preset, arguments.scanner))
            tumours[preset] += phantom_lesions(case)
            if preset == arguments.presets[0]:
                phantoms.append(measure_phantom(case))
                shown = [*shown, case][:SHOWN]
        if preset == arguments.presets[0]:
            tumours[f"{preset}, over {LARGE_ML:g} ml"] = [
                t for t in tumours[preset] if t["volume_ml"] > LARGE_ML
            ]
    print_tables(real, phantoms)
    print_tumours(tumours)
    if arguments.output:
        report = {"real": real, "phantoms": phantoms, "tumours": tumours}
        arguments.output.write_text(json.dumps(report, indent=1))
    if arguments.figure:
        from phantom_realism_figure import draw

        draw(arguments.figure, volume, shown, arguments.data / "sts_crops")


if __name__ == "__main__":
    main()
