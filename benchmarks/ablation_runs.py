"""Train the arms of the ablation (P1 Table 4): a start model, then each strategy from it, several seeds.

    python benchmarks/ablation_runs.py COHORTS RUNS --start                    # the start model, once
    python benchmarks/ablation_runs.py COHORTS RUNS --arms mix consistency cpcl hq --seeds 0 1 2 --jobs 2

COHORTS is what `ablation_cohorts.py` wrote. Every arm trains the same network from the same start for the same number
of steps on batches of the same size, through `seganypet train`. Each run computes on one thread. Runs that are done
are left alone, others go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# About a fifth of the compact preset's work: 48³ voxels of 6 mm, narrower.
NETWORK = [
    "model.config={'patch_size': 48, 'channels': [16, 32, 96], 'encoder_blocks': [1, 1, 1],"
    " 'transformer_blocks': 2, 'decoder_blocks': 2, 'num_heads': 6, 'boxes': False}",
    "model.spacing_mm=6.0",
]
COMMON = [
    "model.boxes=false",
    "episode.box_share=0",
    "episode.clicks=2,4",
    "loop.validate_every=0",
    "validation=none",
]
START = [*NETWORK, *COMMON, "loop.steps=3000", "loop.schedule.warmup_steps=100"]
# P1's schedule: rates fall to a tenth at 60 % and at 90 % of the steps.
TUNE = [
    *COMMON,
    "loop.steps=800",
    "loop.optimiser.learning_rate=3e-4",
    "loop.schedule.kind=multistep",
    "loop.schedule.milestones=0.6,0.9",
    "loop.schedule.warmup_steps=20",
]
CPCL = ["sampling.hq_share=0.25", "cpcl.consistency=true"]
RAW = ["cpcl.labels=raw", "cpcl.lq_weight=full"]
CONFIDENT = ["cpcl.labels=confident", "cpcl.uncertainty_threshold=0.1", "cpcl.lq_weight=full"]
# As a mean over voxels L_cps is about 0.003: with λ up to 0.1 it is a thousandth of the loss; so it is a quarter.
STRONG = ["cpcl.ramp=squared", "cpcl.ramp_maximum=20"]
# Each strategy as settings of the recipe; "as they come" is one patch of high quality in ten.
ARMS: dict[str, list[str]] = {
    "mix": ["sampling.hq_share=0.25"],
    "mix_as_they_come": [],
    "consistency": [*CPCL, *RAW],
    "cpcl": [*CPCL, "cpcl.uncertainty_threshold=0.69"],
    "cpcl_065": [*CPCL, "cpcl.uncertainty_threshold=0.65"],
    "hq": ["sampling.hq_share=1.0"],
    # To tell apart what the full strategy does at once.
    "ramped_raw": [*CPCL, "cpcl.labels=raw"],
    "full_flipped": [*CPCL, "cpcl.lq_weight=full", "cpcl.uncertainty_threshold=0.69"],
    # What may do better: every fourth patch from the start model's cohort; smaller steps; more of eq. 3; other labels.
    "mix_replay": ["sampling.hq_share=0.5", "sampling.manifest_shares=0.5,0.5"],
    "mix_gentle": ["sampling.hq_share=0.25", "loop.optimiser.learning_rate=1e-4"],
    "consistency_strong": [*CPCL, *RAW, *STRONG],
    "confident": [*CPCL, *CONFIDENT],
    "confident_strong": [*CPCL, *CONFIDENT, *STRONG],
}
REPLAYING = frozenset({"mix_replay"})  # arms that train on the start model's cohort, too


def command(
    folder: Path, manifests: list[Path], settings: list[str], cache: Path, start: Path | None
) -> list[str]:
    """Return the command line of a run."""
    line = [sys.executable, "-m", "seganypet", "train", "compact", "-o", str(folder), "--cache", str(cache)]
    line += ["--resume", "--device", "cpu", *(["--weights", str(start)] if start else [])]
    line += [part for manifest in manifests for part in ("--manifest", str(manifest))]
    return line + [part for setting in settings for part in ("--set", setting)]


def train(folder: Path, line: list[str]) -> None:
    """Train unless that is done; say how long it took."""
    if not (folder / "weights.safetensors").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".txt").open("a") as output:
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            code = subprocess.run(line, stdout=output, stderr=output, env=environment, check=False).returncode
        if code:
            print(f"{folder.name}: failed with {code}, see {output.name}", flush=True)
            return
    last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    print(f"{folder.name}: {last['step']} steps in {last['seconds'] / 60:.1f} minutes", flush=True)


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohorts", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--start", action="store_true", help="train the start model")
    parser.add_argument("--arms", nargs="*", default=[], choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], help="further settings of all arms"
    )
    parser.add_argument("--suffix", default="", help="added to the runs' names, for other settings")
    parser.add_argument(
        "--train", default="train", help="folder of COHORTS to train on, such as train_severe"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, one thread each")
    arguments = parser.parse_args()
    cache, start = arguments.cohorts / "cache", arguments.runs / "start" / "weights.safetensors"
    base = arguments.cohorts / "base" / "manifest.csv"
    if arguments.start:
        train(start.parent, command(start.parent, [base], START, cache, None))
    manifest = arguments.cohorts / arguments.train / "manifest.csv"
    planned = []
    for seed in arguments.seeds if arguments.arms else []:
        for arm in arguments.arms:
            folder = arguments.runs / f"{arm}{arguments.suffix}_{seed}"
            settings = [*TUNE, *ARMS[arm], *arguments.settings, f"loop.seed={seed}"]
            manifests = [manifest, base] if arm in REPLAYING else [manifest]
            planned.append((folder, command(folder, manifests, settings, cache, start)))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: train(*run), planned))


if __name__ == "__main__":
    main()
