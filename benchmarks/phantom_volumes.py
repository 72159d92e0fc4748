"""Compare the organ volumes of procedural bodies with published ones; prints a Markdown table.

python benchmarks/phantom_volumes.py --bodies 40 --spacing 4 4 3
"""

from __future__ import annotations

import argparse

import numpy as np

from seganypet.phantom.anatomy import procedural_anatomy
from seganypet.phantom.anatomy.organ_volumes import (
    ORGAN_VOLUMES,
    REFERENCES,
    OrganVolume,
    organ_volumes_ml,
)

_TOLERANCE = 0.3  # of the published mean


def main() -> None:
    """Print mean, SD, least and most of every organ over bodies beside what is published."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--spacing", type=float, nargs=3, default=(4.0, 4.0, 3.0), metavar="MM")
    given = parser.parse_args()
    drawn: dict[str, list[tuple[float, bool]]] = {name: [] for name in ORGAN_VOLUMES}
    for seed in range(given.first_seed, given.first_seed + given.bodies):
        body = procedural_anatomy(np.random.default_rng(seed), spacing_mm=given.spacing)
        female = "uterus" in body.names.values()
        for name, volume_ml in organ_volumes_ml(body).items():
            drawn[name].append((volume_ml, female))
    print("| organ | mean ± SD, ml | range, ml | published mean M / F, ml | range, ml | source | |")
    print("|---|---|---|---|---|---|---|")
    for name, organ in ORGAN_VOLUMES.items():
        if drawn[name]:
            print(_row(name, organ, drawn[name]))
    print()
    for key, reference in REFERENCES.items():
        print(f"- {key}: {reference}")


def _row(name: str, organ: OrganVolume, drawn: list[tuple[float, bool]]) -> str:
    volumes_ml = np.array([volume_ml for volume_ml, _ in drawn])
    expected_ml = np.mean([organ.female_ml if female else organ.male_ml for _, female in drawn])
    agrees = abs(volumes_ml.mean() / expected_ml - 1) <= _TOLERANCE
    inside = organ.low_ml <= volumes_ml.min() and volumes_ml.max() <= organ.high_ml
    verdict = "ok" if agrees and inside else f"{'mean' if not agrees else 'range'} off"
    digits = 0 if volumes_ml.mean() >= 20 else 1
    return (
        f"| {name} | {volumes_ml.mean():.{digits}f} ± {volumes_ml.std():.{digits}f} "
        f"| {volumes_ml.min():.{digits}f}–{volumes_ml.max():.{digits}f} "
        f"| {organ.male_ml:g} / {organ.female_ml:g} | {organ.low_ml:g}–{organ.high_ml:g} "
        f"| {organ.source} | {verdict} |"
    )


if __name__ == "__main__":
    main()
