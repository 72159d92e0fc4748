"""Dice of the demonstration's three targets, one click each, on the simulated scans of several seeds.

python benchmarks/demo_seeds.py --seeds 12
"""

from __future__ import annotations

import argparse

from seganypet.cli.phantom_scan import targets_of
from seganypet.evaluation import dice
from seganypet.inference import Session
from seganypet.models.weights import load_model
from seganypet.phantom import PhantomConfig, simulate_case


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    session = Session(load_model(arguments.weights))
    print("| seed | liver | kidney | lesion |\n|---|---|---|---|")
    for seed in range(1, arguments.seeds + 1):
        case = simulate_case(seed, PhantomConfig(spacing_mm=(4.0, 4.0, 3.0), tracer="fdg"))
        session.set_volume(case.volume)
        scores = []
        for target in targets_of(case):
            session.reset()
            assert target.truth is not None
            scores.append(f"{dice(session.add_click(target.clicks[0].ijk).array, target.truth):.2f}")
        print(f"| {seed} | " + " | ".join(scores) + " |")


if __name__ == "__main__":
    main()
