"""The tables of docs/evaluation.md, from nothing: cohorts, networks trained for them, all methods that run here.

    python benchmarks/evaluation_tables.py RUNS --data ../shared/data --held-out RUNS/held_out/judged.safetensors

RUNS gets cohorts/, nets/KIND/NETWORK and tables/phantoms, tables/tumours with the reports. Each part goes on where it
was stopped; `--part` does one alone, so that several run side by side. All four networks have the same time, on one
thread: within nnU-Net's framework, with settings for a short training on a CPU that were chosen on training scans.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from evaluation_cohort import SEEN
from seganypet.evaluation.nnunet.settings import NETWORKS
from seganypet.targets import LESION

PARTS: Final = ("cohorts", "networks", "tables")
CLINIC: Final = (
    "threshold41", "threshold50", "suv2.5", "suv4.0", "percist", "region_growing", "watershed", "random_walker",
)  # fmt: skip
_TITLES: Final = {
    "nnunet": "nnU-Net",
    "stunet": "STU-Net",
    "segresnet": "SegResNet",
    "swinunetr": "SwinUNETR",
}
# All but SwinUNETR, whose heads divide it into twelve.
_WIDTH: Final = 8
_WIDTHS: Final = {"swinunetr": 12}


class Kind(NamedTuple):
    """What networks are trained for: a cohort, targets, voxels (mm), minutes, and whether scans are augmented."""

    cohort: str
    targets: tuple[str, ...]
    spacing_mm: int
    minutes: int
    augmented: bool


KINDS: Final = {
    "organs": Kind("phantoms", SEEN, 8, 30, augmented=False),
    "lesions": Kind("phantoms", (LESION,), 4, 10, augmented=False),
    "tumours": Kind("tumours", (LESION,), 4, 10, augmented=True),
}


def training(kind: str, network: str, cohorts: Path, nets: Path) -> list[str]:
    """Return the command that trains a network."""
    wanted = KINDS[kind]
    settings = {
        "manifest": cohorts / wanted.cohort / "manifest.csv",
        "targets": ",".join(wanted.targets),
        "patch": "64,32,32",
        "batch": 2,
        "spacing": ",".join([str(wanted.spacing_mm)] * 3),
        "width": _WIDTHS.get(network, _WIDTH),
        "iterations": 25,
        "epochs": 1000,
        "minutes": wanted.minutes,
        "optimizer": "adamw",
        "learning-rate": 0.003,
        "normalisation": "cohort",
        "output": nets / kind / network,
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return [
        "baseline",
        network,
        *options,
        "--no-predictions",
        *([] if wanted.augmented else ["--no-augmentation"]),
    ]


def evaluation(cohort: str, cohorts: Path, nets: Path, folder: Path, held_out: Path | None) -> list[str]:
    """Return the command that evaluates all methods on a cohort."""
    kinds = [name for name, kind in KINDS.items() if kind.cohort == cohort]
    networks = [
        f"{_TITLES[network]}{f' {kind}' if len(kinds) > 1 else ''}:baseline={nets / kind / network}"
        for kind in kinds
        for network in NETWORKS
    ]
    ours = ["default", "lesion", *([f"held-out:{held_out}"] if held_out else [])]
    seen = ["--seen", ",".join(SEEN)] if cohort == "phantoms" else []
    methods = ["--methods", *ours, *networks, *CLINIC]
    manifest = ["--manifest", str(cohorts / cohort / "manifest.csv")]
    return ["evaluate", *manifest, *methods, *seen, "--threads", "2", "-o", str(folder / cohort)]


def _seganypet(arguments: Sequence[str], **variables: str) -> None:
    command = [sys.executable, "-m", "seganypet", *arguments]
    subprocess.run(command, check=True, env={**os.environ, **variables})


def main() -> None:
    """Do the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--held-out", type=Path, help="our weights that have seen the organs of --seen only")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all, one after the other")
    parser.add_argument("--kind", choices=KINDS, action="append", help="of networks; default: all")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="default: all")
    arguments = parser.parse_args()
    cohorts, nets = arguments.runs / "cohorts", arguments.runs / "nets"
    parts = arguments.part or PARTS
    if "cohorts" in parts:
        script = Path(__file__).with_name("evaluation_cohort.py")
        command = [sys.executable, str(script), str(cohorts), "--data", str(arguments.data), "--jobs", "2"]
        subprocess.run(command, check=True)
    if "networks" in parts:
        for kind in arguments.kind or KINDS:
            for network in arguments.network or NETWORKS:
                _seganypet(training(kind, network, cohorts, nets), OMP_NUM_THREADS="1")
    if "tables" in parts:
        for cohort in ("phantoms", "tumours"):
            held_out = arguments.held_out if cohort == "phantoms" else None
            _seganypet(evaluation(cohort, cohorts, nets, arguments.runs / "tables", held_out))


if __name__ == "__main__":
    main()
