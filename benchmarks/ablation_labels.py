"""How rectified labels compare with the noisy ones against the truth while training: from the logs of runs.

    python benchmarks/ablation_labels.py RUNS cpcl confident --parts 4

Means over all runs whose folder begins with the name, in equal parts of the training.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

COLUMNS = ("lambda", "lq_label_dice", "rectified_label_dice", "labels_changed", "changes_right")
HEADINGS = ("λ", "noisy labels", "rectified labels", "voxels changed", "changes that are right")


def lines_of(run: Path) -> list[dict[str, float]]:
    """Return the terms of every line of a run's log, with the step."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line["terms"] | {"step": line["step"]} for line in lines]


def means(lines: Sequence[dict[str, float]], parts: int) -> list[list[float]]:
    """Return the mean of every column in each part of the steps."""
    last = max(line["step"] for line in lines)
    rows = []
    for part in range(parts):
        chosen = [line for line in lines if part * last < parts * line["step"] <= (part + 1) * last]
        values = [[line[c] for line in chosen if line.get(c) is not None] for c in COLUMNS]
        rows.append([sum(v) / len(v) if v else math.nan for v in values])
    return rows


def main() -> None:
    """Print a Markdown table for each arm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path)
    parser.add_argument("arms", nargs="+")
    parser.add_argument("--parts", type=int, default=4)
    arguments = parser.parse_args()
    for arm in arguments.arms:
        runs = sorted(path.parent for path in arguments.runs.glob(f"{arm}_[0-9]*/log.jsonl"))
        lines = [line for run in runs for line in lines_of(run)]
        print(f"\n{arm}: {len(runs)} runs\n\n| part of the training | " + " | ".join(HEADINGS) + " |")
        print("|---" * (len(COLUMNS) + 1) + "|")
        for part, row in enumerate(means(lines, arguments.parts)):
            shown = [f"{row[0]:.4f}", f"{row[1]:.3f}", f"{row[2]:.3f}", f"{row[3]:.2%}", f"{row[4]:.0%}"]
            span = f"{part / arguments.parts:.0%} to {(part + 1) / arguments.parts:.0%}"
            print("| " + " | ".join([span, *shown]) + " |")


if __name__ == "__main__":
    main()
