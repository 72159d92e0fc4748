"""Cohorts to repeat the ablation of the training strategies (P1 Table 4) on phantoms.

    python benchmarks/ablation_cohorts.py -o FOLDER --jobs 2
    python benchmarks/ablation_cohorts.py -o FOLDER --only train_lq --label-noise severe

| folder | cases | what |
|---|---|---|
| `base` | 60 | to pre-train a start model: random uptake, any scanner, lesions and organs that no test asks for |
| `train_hq`, `train_lq` | 20, 180 | FDG on one scanner, five organs: exact labels, and labels of low quality |
| `tune` | 6 | as for training, exact labels: to choose settings; never in a table |
| `test_internal` | 12 | as for training, exact labels, other bodies |
| `test_external_…` | 6 × 2 | other bodies, scanners and tracers: see `external` |

`train` and `test_external` hold a manifest that joins the cohorts of that prefix. Every manifest names the targets of
its cases in the column `targets`. PETS-5k is of one centre with a Siemens Biograph mCT and voxels of 4.07 × 4.07 ×
3 mm [P1 §A.1]; so are the cohorts like it. With `--label-noise`, labels of low quality go to `train_lq_PRESET` and
`train_PRESET`; the scans are those of `train_lq`. Runs go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ablation_targets import BASE, SEEN, UNSEEN
from seganypet.io import read_labels, read_manifest, write_json
from seganypet.io.manifest import LABELS_NAME, write_manifest
from seganypet.phantom import PhantomConfig
from seganypet.phantom.cohort import CohortConfig, simulate_cohort

ANATOMY = Path(__file__).parents[2] / "shared/data/anatomy"
MANIFEST = "manifest.csv"
TRAIN, VALIDATION, TEST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
MCT = PhantomConfig(
    as_written=True,
    spacing_mm=(4.07283, 4.07283, 3.0),
    tracer="fdg",
    lesions="mixed",
    scanner="siemens_biograph_mct",
)
RANDOM = PhantomConfig(
    as_written=True, tracer="random", lesions="random", lesion_count=(10, 25), scanner="mixed"
)


@dataclass(frozen=True)
class Plan:
    """A cohort to write: its folder's name, what it holds, and what is to be segmented in it."""

    name: str
    config: CohortConfig
    targets: tuple[str, ...]


def plans(anatomy: Path, label_noise: str) -> list[Plan]:
    """Return all cohorts, in the order in which they are needed."""
    noisy = "train_lq" if label_noise == "typical" else f"train_lq_{label_noise}"
    lq = CohortConfig(cases=180, seed=7_200, phantom=MCT, split=TRAIN, labels="lq", label_noise=label_noise)
    return [
        Plan("train_hq", CohortConfig(cases=20, seed=7_100, phantom=MCT, split=TRAIN), SEEN),
        Plan(noisy, lq, SEEN),
        Plan("base", CohortConfig(cases=60, seed=7_000, phantom=RANDOM, split=TRAIN), BASE),
        Plan("test_internal", CohortConfig(cases=12, seed=7_400, phantom=MCT, split=TEST), (*SEEN, *UNSEEN)),
        *external(anatomy),
        Plan("tune", CohortConfig(cases=6, seed=7_300, phantom=MCT, split=VALIDATION), (*SEEN, *UNSEEN)),
    ]


def external(anatomy: Path) -> Iterator[Plan]:
    """Yield the parts of the unseen dataset: three tracers, two bodies, three scanners, 4 mm voxels.

    The bodies are those of the Visible Human, in other sizes and postures: their outlines, livers, spleens, kidneys,
    hearts, pancreas, bowels and the man's prostate are drawn on real anatomy, while lungs, aorta and what else the
    label maps lack are built around them as the phantom builds them. The woman has no prostate: six of the twelve
    cases have that target.
    """
    parts = {
        "psma_female": "ge_discovery_690",
        "psma_male": "philips_gemini_tf",
        "dotatate_female": "siemens_vision_quadra",
        "dotatate_male": "ge_discovery_690",
        "fapi_female": "philips_gemini_tf",
        "fapi_male": "siemens_vision_quadra",
    }
    for number, (part, scanner) in enumerate(parts.items()):
        tracer, body = part.split("_")
        scans = replace(MCT, spacing_mm=(4.0, 4.0, 4.0), tracer=tracer, scanner=scanner)  # type: ignore[arg-type]
        config = CohortConfig(
            cases=2,
            seed=7_500 + number,
            phantom=scans,
            split=TEST,
            anatomies=(anatomy / f"visible_human_{body}_3mm.nii.gz",),
        )
        yield Plan(f"test_external_{part}", config, (*SEEN, *UNSEEN))


def write(folder: Path, plan: Plan, jobs: int) -> None:
    """Write a cohort, with its targets in the manifest; print what it took."""
    started = time.perf_counter()
    place = folder / plan.name
    rows = simulate_cohort(place, plan.config, jobs=jobs)
    known = {*read_labels(place / MANIFEST), "lesion"}
    assert known.issuperset(plan.targets), f"{plan.name}: no ids for {set(plan.targets) - known}"
    write_manifest([replace(row, targets=plan.targets) for row in rows], place / MANIFEST)
    size_mb = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 1e6
    seconds = time.perf_counter() - started
    print(f"{plan.name}: {plan.config.cases} cases, {size_mb:.0f} MB, {seconds:.0f} s", flush=True)


def join(folder: Path, name: str, parts: Sequence[str]) -> None:
    """Write `name/manifest.csv` with the cases of several cohorts, called `part_case`, where all of them are there."""
    if not all((folder / part / MANIFEST).exists() for part in parts):
        return
    rows = [
        replace(row, case=f"{part}_{row.case}")
        for part in parts
        for row in read_manifest(folder / part / MANIFEST)
    ]
    write_json(read_labels(folder / parts[0] / MANIFEST), folder / name / LABELS_NAME)
    write_manifest(rows, folder / name / MANIFEST)


def print_label_quality(cohort: Path) -> None:
    """Print, for each trained organ, how far the labels of a cohort are from its truth."""
    records = [json.loads(path.read_text()) for path in sorted(cohort.glob("case_*/case.json"))]
    print(f"\nLabels of {cohort.name} against the truth ({len(records)} cases)\n")
    print(
        "| organ | Dice: mean | 5th percentile | share below 0.5 | volume / truth: median | wrong in any way |"
    )
    print("|---|---|---|---|---|---|")
    for organ in SEEN:
        errors = [e for r in records for e in r["label_errors"] if e["target"] == organ]
        dices = np.array([e["dice"] for e in errors])
        ratio = np.median([e["volume_ml"] / e["true_volume_ml"] for e in errors if e["true_volume_ml"]])
        touched = np.mean([bool(e["kinds"]) for e in errors])
        print(
            f"| {organ} | {dices.mean():.3f} | {np.percentile(dices, 5):.3f} | {np.mean(dices < 0.5):.3f} "
            f"| {ratio:.2f} | {touched:.2f} |"
        )


def main() -> None:
    """Write the cohorts and their manifests, print sizes, times and the quality of the labels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)d)")
    parser.add_argument("--anatomy", type=Path, default=ANATOMY, help="folder of the Visible Human's organs")
    parser.add_argument("--label-noise", choices=("mild", "typical", "severe"), default="typical")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cohorts whose names begin so")
    arguments = parser.parse_args()
    for plan in plans(arguments.anatomy, arguments.label_noise):
        if not arguments.only or plan.name.startswith(tuple(arguments.only)):
            write(arguments.output, plan, arguments.jobs)
            if plan.config.labels == "lq":
                print_label_quality(arguments.output / plan.name)
    ending = "" if arguments.label_noise == "typical" else f"_{arguments.label_noise}"
    join(arguments.output, f"train{ending}", ["train_hq", f"train_lq{ending}"])
    join(arguments.output, "test_external", [plan.name for plan in external(arguments.anatomy)])


if __name__ == "__main__":
    main()
