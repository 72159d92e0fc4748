"""Masks in bfloat16 beside those in float32: same weights, same clicks. About two minutes with the defaults.

    python benchmarks/precision_agreement.py --cases 4

The baseline is float32, in the same run. Clicks are the deepest voxel of the target, then that of the largest error of
the float32 mask.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from protocol_cases import cases
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
    parser.add_argument("--cases", type=int, default=4, help="simulated scans, besides the real tumours")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    precisions = ("float32", "bfloat16")
    sessions = [Session(load_model(arguments.weights, precision=p)) for p in precisions]
    makers = [
        maker for name in ("bodies", "tumours") for maker in cases(name, arguments.data, arguments.cases)
    ]
    rows: list[tuple[int, float, float, float]] = []
    for case in (maker() for maker in makers):
        for session in sessions:
            session.set_volume(case.volume)
        for _, target in case.targets:
            for click, (full, short) in enumerate(masks(sessions, target, case.volume), start=1):
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
