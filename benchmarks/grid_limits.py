"""What a perfect mask scores on working grids of several voxel sizes, brought back to the scan's own voxels.

    python benchmarks/grid_limits.py --cases 3

"share": each working voxel knows how much of it is target, as logits can say; "mask": it is inside or outside.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from protocol_cases import cases
from seganypet.evaluation import dice
from seganypet.preprocessing import ModelGrid
from seganypet.volume import BoolArray

EDGES_MM = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


def limits(target: BoolArray, grid: ModelGrid) -> tuple[float, float]:
    """Return the Dice of a target that was known on a grid, by shares and as a mask."""
    share = grid.resample(target)
    hard = (share > 0.5).astype(np.float32)
    found = (grid.restore(values - np.float32(0.5), (0, 0, 0)) for values in (share, hard))
    by_share, by_mask = (dice(mask, target) for mask in found)
    return by_share, by_mask


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=3, help="simulated scans")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    arguments = parser.parse_args()
    found: dict[str, list[list[tuple[float, float]]]] = {}
    for case in (maker() for maker in cases("tuning", arguments.data, arguments.cases)):
        grids = [ModelGrid.of(case.volume.affine, case.volume.shape, edge) for edge in EDGES_MM]
        for name, mask in case.targets:
            found.setdefault(name, []).append([limits(mask, grid) for grid in grids])
    print("| target (n): share, mask | " + " | ".join(f"{edge:g} mm" for edge in EDGES_MM) + " |")
    print("|---" * (len(EDGES_MM) + 1) + "|")
    for name, scores in sorted(found.items()):
        cells = [f"{share:.2f}, {mask:.2f}" for share, mask in np.mean(scores, axis=0)]
        print(f"| {name} ({len(scores)}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
