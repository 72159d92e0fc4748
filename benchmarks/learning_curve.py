"""How a training learned: loss and training Dice of its first and last clicks, in equal parts of its steps.

    python benchmarks/learning_curve.py RUNS/windows RUNS/default

The patches differ from step to step, so that rows say more than single steps do, and runs on other targets cannot be
compared.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np

_TERMS: Final = ("dice_first_click", "dice_last_click")


def parts_of(run: Path, parts: int) -> list[tuple[int, list[float]]]:
    """Return the last step of each part of a run's log, and the part's mean of loss, first and last click."""
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    steps = {row["step"]: row for row in map(json.loads, lines)}  # a resumed run repeats some
    rows = [steps[step] for step in sorted(steps)]
    values = np.array([[row["loss"], *(row["terms"][name] for name in _TERMS)] for row in rows])
    return [
        (rows[part[-1]]["step"], values[part].mean(axis=0).tolist())
        for part in np.array_split(np.arange(len(rows)), parts)
        if part.size
    ]


def main() -> None:
    """Print a Markdown table for each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of `seganypet train`")
    parser.add_argument("--parts", type=int, default=8, help="rows of a table")
    arguments = parser.parse_args()
    for run in arguments.runs:
        print(f"\n| {run.name}, to step | loss | Dice, first click | last click |\n|---|---|---|---|")
        for step, (loss, first, last) in parts_of(run, arguments.parts):
            print(f"| {step:,} | {loss:.3f} | {first:.3f} | {last:.3f} |")


if __name__ == "__main__":
    main()
