"""Dice after 1, 3 and 5 clicks: a model beside the clinic's threshold methods, on phantoms and real tumours.

    python benchmarks/click_accuracy.py --phantoms 10 --tumours ../shared/data/sts_crops -o clicks.csv
    python benchmarks/click_accuracy.py --phantoms 6 --anatomy ../shared/data/anatomy/visible_human_female_3mm.nii.gz

Phantom seeds start at 910,000, which training never uses; of the tumours only the validation patients are read.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from seganypet.evaluation import ClickMethod, SessionMethod, ThresholdMethod, dice_per_click
from seganypet.io import read_mask, read_volume
from seganypet.models.weights import load_model
from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.phantom.cohort import read_anatomy
from seganypet.volume import BoolArray, Volume

FIRST_SEED = 910_000
VALIDATION_TUMOURS = [f"STS_{n:03d}" for n in range(25, 35)]
ORGANS = ("brain", "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left", "lung_right")
ORGANS += ("urinary_bladder", "stomach", "pancreas", "aorta")
CLICKS = (1, 3, 5)
TRACERS = ("fdg", "psma")

Target = tuple[str, BoolArray]


def phantoms(
    seeds: range, label_map: Path | None, lesions: int
) -> Iterator[tuple[str, Volume, list[Target]]]:
    """Yield simulated scans with their targets: organs, and lesions of at least 0.5 ml by size."""
    for seed in seeds:
        config = PhantomConfig(
            spacing_mm=(4.0, 4.0, 3.0), tracer=TRACERS[seed % len(TRACERS)], lesion_count=(8, 12)
        )
        case = simulate_case(seed, config, None if label_map is None else read_anatomy(label_map, seed))
        found = [(name, np.isin(case.reference, case.labels[name])) for name in ORGANS]
        targets = [(name, mask) for name, mask in found if mask.sum() * case.volume.voxel_volume_ml > 5]
        for instance in range(1, min(int(case.lesions.max()), lesions) + 1):
            mask = case.lesions == instance
            volume_ml = mask.sum() * case.volume.voxel_volume_ml
            if volume_ml >= 0.5:
                targets.append((f"lesion {_size(volume_ml)}", mask))
        yield f"phantom_{seed}_{case.tracer}", case.volume, targets


def tumours(folder: Path) -> Iterator[tuple[str, Volume, list[Target]]]:
    """Yield the real validation tumours."""
    for name in VALIDATION_TUMOURS:
        volume = read_volume(folder / name / "pet_suv.nii.gz")
        yield name, volume, [("real tumour", read_mask(folder / name / "gtv_mass.nii.gz", like=volume).array)]


def _size(volume_ml: float) -> str:
    return "0.5-2 ml" if volume_ml < 2 else "2-10 ml" if volume_ml < 10 else "over 10 ml"


def main() -> None:
    """Measure, print a Markdown table, write one row per target and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phantoms", type=int, default=0, help="number of simulated scans")
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help="others than the default are for tuning"
    )
    parser.add_argument("--anatomy", type=Path, help="organ labels of a real body for the simulated scans")
    parser.add_argument("--lesions", type=int, default=8, help="lesions per scan, at most")
    parser.add_argument("--tumours", type=Path, help="folder of the real tumours")
    parser.add_argument("--weights", default="default", help="weights to test")
    parser.add_argument(
        "--passes", type=int, nargs=2, help="decoder passes on a new window, and after later clicks"
    )
    parser.add_argument(
        "--random-first", action="store_true", help="first click on a random voxel of the target"
    )
    parser.add_argument("-o", "--output", type=Path, help="table of all results, CSV")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model(arguments.weights)
    if arguments.passes:
        model.description = replace(model.description, passes=tuple(arguments.passes))
    methods: dict[str, ClickMethod] = {
        "SegAnyPET": SessionMethod(model),
        "41 % of SUVmax": ThresholdMethod("threshold41"),
        "region growing": ThresholdMethod("region_growing"),
    }
    rows: list[dict[str, object]] = []
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.phantoms)
    cases = [phantoms(seeds, arguments.anatomy, arguments.lesions)]
    cases += [tumours(arguments.tumours)] if arguments.tumours else []
    for case, volume, targets in (item for source in cases for item in source):
        for label, method in methods.items():
            method.start(volume)
            for number, (name, mask) in enumerate(targets):
                rng = np.random.default_rng([number, *case.encode()])
                started = time.perf_counter()
                first = "uniform" if arguments.random_first else "deepest"
                scores = list(
                    dice_per_click(
                        method, mask, volume.spacing_mm, clicks=max(CLICKS), first=first, generator=rng
                    )
                )
                rows.append(
                    {"case": case, "target": name, "method": label}
                    | {f"dice_{n}": round(scores[n - 1], 4) for n in CLICKS}
                    | {"seconds": round(time.perf_counter() - started, 3)}
                )
    report(rows, list(methods))
    report_differences(rows, list(methods))
    if arguments.output:
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


def report(rows: list[dict[str, object]], methods: list[str]) -> None:
    """Print the mean Dice by target and method."""
    print("| target (n) | " + " | ".join(f"{m}: 1 → 3 → 5 clicks" for m in methods) + " |")
    print("|---" * (len(methods) + 1) + "|")
    names = sorted({str(r["target"]) for r in rows})
    groups = [(name, [name]) for name in names]
    groups += [("all organs", [n for n in names if n in ORGANS])]
    groups += [("all lesions", [n for n in names if n.startswith("lesion")])]
    for title, members in groups:
        chosen = [r for r in rows if r["target"] in members]
        if not chosen:
            continue
        cells = []
        for method in methods:
            own = [r for r in chosen if r["method"] == method]
            cells.append(
                " → ".join(f"{np.mean([float(str(r[f'dice_{n}'])) for r in own]):.2f}" for n in CLICKS)
            )
        print(f"| {title} ({len(chosen) // len(methods)}) | " + " | ".join(cells) + " |")


def report_differences(rows: list[dict[str, object]], methods: list[str]) -> None:
    """Print how far the model is above each other method, with 95 % intervals; whole cases are drawn again."""
    print("| targets, clicks | " + " | ".join(f"above {m}" for m in methods[1:]) + " |")
    print("|---" * len(methods) + "|")
    names = {str(r["target"]) for r in rows}
    groups = {
        "organs": {n for n in names if n in ORGANS},
        "lesions": {n for n in names if n.startswith("lesion")},
        "real tumours": {"real tumour"},
    }
    for title, members in groups.items():
        for clicks in CLICKS:
            chosen = [r for r in rows if r["target"] in members]
            cells = [_interval(chosen, methods[0], other, f"dice_{clicks}") for other in methods[1:]]
            if chosen:
                print(f"| {title}, {clicks} | " + " | ".join(cells) + " |")


def _interval(rows: list[dict[str, object]], ours: str, other: str, column: str) -> str:
    """Return the mean paired difference and its bootstrap interval over cases (10,000 draws, fixed seed)."""
    # rows come in the same order for every method
    pairs = zip(*([r for r in rows if r["method"] == m] for m in (ours, other)), strict=True)
    by_case: dict[str, list[float]] = {}
    for mine, theirs in pairs:
        by_case.setdefault(str(mine["case"]), []).append(
            float(str(mine[column])) - float(str(theirs[column]))
        )
    if not by_case:
        return ""
    sums = np.array([sum(v) for v in by_case.values()])
    sizes = np.array([len(v) for v in by_case.values()])
    draws = np.random.default_rng(0).integers(len(sums), size=(10_000, len(sums)))
    low, high = np.percentile(sums[draws].sum(1) / sizes[draws].sum(1), [2.5, 97.5])
    return f"{sums.sum() / sizes.sum():+.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()
