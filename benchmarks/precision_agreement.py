"""Masks in bfloat16 beside those in float32: same weights, same clicks. About two minutes with the defaults.

    python benchmarks/precision_agreement.py --phantoms 4 --tumours ../shared/data/sts_crops

The baseline is float32, in the same run. Clicks are the deepest voxel of the target, then that of the largest error of
the float32 mask.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from click_accuracy import FIRST_SEED, phantoms, tumours
from seganypet.evaluation import dice
from seganypet.inference import Session
from seganypet.models.weights import load_model
from seganypet.prompts import next_click
from seganypet.volume import BoolArray, Volume

CLICKS = 3


def masks(sessions: list[Session], target: BoolArray, volume: Volume) -> list[list[BoolArray]]:
    """Return the masks of each session after each click."""
    found: list[list[BoolArray]] = []
    rng = np.random.default_rng(0)
    before = np.zeros_like(target)
    for session in sessions:
        session.reset()
    while len(found) < CLICKS:
        click = next_click(before, target, spacing_mm=volume.spacing_mm, generator=rng)
        if click is None:
            break
        found.append([session.add_click(click.ijk, click.positive).array for session in sessions])
        before = found[-1][0]
    return found


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phantoms", type=int, default=4, help="number of simulated scans")
    parser.add_argument("--tumours", type=Path, help="folder of the real tumours")
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    precisions = ("float32", "bfloat16")
    sessions = [Session(load_model(arguments.weights, precision=p)) for p in precisions]
    cases = [phantoms(range(FIRST_SEED, FIRST_SEED + arguments.phantoms), None, 8)]
    cases += [tumours(arguments.tumours)] if arguments.tumours else []
    rows: list[tuple[int, float, float, float]] = []
    for _, volume, targets in (item for source in cases for item in source):
        for session in sessions:
            session.set_volume(volume)
        for _, target in targets:
            for click, (full, short) in enumerate(masks(sessions, target, volume), start=1):
                rows.append((click, dice(short, full), dice(full, target), dice(short, target)))
    print(
        "| clicks | targets | Dice between them: median, 5th percentile, least | to the reference: float32, bfloat16 |"
    )
    print("|---|---|---|---|")
    for click in range(1, CLICKS + 1):
        between, full, short = np.array([row[1:] for row in rows if row[0] == click]).T
        low = np.percentile(between, 5)
        print(
            f"| {click} | {len(between)} | {np.median(between):.4f}, {low:.4f}, {between.min():.4f} "
            f"| {full.mean():.3f}, {short.mean():.3f} |"
        )


if __name__ == "__main__":
    main()
