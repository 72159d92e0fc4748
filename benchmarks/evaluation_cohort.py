"""Write the cohorts that methods are compared on: simulated scans of two tracers, and the real tumours.

    python benchmarks/evaluation_cohort.py COHORTS --data ../shared/data --jobs 2
    seganypet evaluate --manifest COHORTS/phantoms/manifest.csv --methods default,threshold41 -o RESULTS

COHORTS/phantoms: to test on, the first scans of the sets "anatomy" and "bodies" of `protocol_cases.py`, FDG and
DOTATATE in turn; to train task-specific networks on, scans of other seeds, of the anatomies and tracers that our own
held-out run learns from, with the organs that it learns. COHORTS/tumours: STS_002 to STS_034, where they lie; those
from 025 on to test on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from default_weights import LEARNED_ANATOMIES
from protocol_cases import FIRST_SEEDS, FIVE, HELD_OUT, OTHERS, TRACERS, scan_of
from seganypet.io import ManifestRow, write_json, write_manifest, write_volume
from seganypet.io.label_map import write_label_map
from seganypet.io.manifest import LABELS_NAME
from seganypet.io.side_by_side import side_by_side
from seganypet.targets import LESION
from seganypet.training.recipes import UNSEEN_TRACER
from sts_manifest import rows_of

SEEN: Final = (*FIVE, *OTHERS)
"""Organs that task-specific networks are trained on."""
_TRAINING_SEED: Final = 970_000
_TESTED: Final = (*FIVE, *OTHERS, *HELD_OUT, LESION)


class Scan(NamedTuple):
    """A scan to be simulated: its name, split, seed, body (None: procedural) and tracer (None: a mixture)."""

    name: str
    split: str
    seed: int
    label_map: Path | None
    tracer: str | None


def scans(data: Path, train: int, test: int) -> list[Scan]:
    """Return the scans of the phantom cohort.

    Args:
        data: Folder of the shared data.
        train: How many to train on; half of them procedural bodies, half of the two anatomies.
        test: How many to test on, of each of the two sets.
    """
    anatomies = [data / "anatomy" / f"{name}.nii.gz" for name in LEARNED_ANATOMIES]
    bodies = [None, anatomies[0], None, anatomies[1]]
    found = [
        Scan(f"train_{n:03d}", "train", _TRAINING_SEED + n, bodies[n % len(bodies)], None)
        for n in range(train)
    ]
    left_out = data / "anatomy" / "visible_human_female_3mm.nii.gz"
    for name, label_map in (("anatomy", left_out), ("bodies", None)):
        for seed in range(FIRST_SEEDS[name], FIRST_SEEDS[name] + test):
            tracer = TRACERS[seed % len(TRACERS)]
            found.append(Scan(f"{name}_{seed}", "test", seed, label_map, tracer))
    return found


def write_scan(folder: Path, scan: Scan) -> tuple[ManifestRow, dict[str, list[int]]]:
    """Simulate and write a scan; return its row, and the ids of all names."""
    mixture = {"tracer": "mixed", "without": (UNSEEN_TRACER,)}
    settings = mixture if scan.tracer is None else {"tracer": scan.tracer}
    case = scan_of(scan.seed, scan.label_map, **settings)
    paths = {name: folder / scan.name / f"{name}.nii.gz" for name in ("pet", "reference", "lesions")}
    write_volume(case.volume, paths["pet"])
    write_label_map(case.reference, case.volume, paths["reference"])
    write_label_map(case.lesions, case.volume, paths["lesions"])
    wanted = _TESTED if scan.split == "test" else (*SEEN, LESION)
    present = [n for n in wanted if n == LESION or np.isin(case.reference, case.labels[n]).any()]
    row = ManifestRow(
        case=scan.name,
        image=paths["pet"],
        reference=paths["reference"],
        lesions=paths["lesions"],
        targets=tuple(present),
        split=scan.split,
        quality="hq",
        tracer=case.tracer,
    )
    return row, case.labels


def main() -> None:
    """Write both cohorts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, metavar="COHORTS")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--train", type=int, default=40, help="simulated scans to train on")
    parser.add_argument("--test", type=int, default=4, help="simulated scans to test on, of each set")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    phantoms, tumours = arguments.output / "phantoms", arguments.output / "tumours"
    wanted = scans(arguments.data, arguments.train, arguments.test)
    written = dict(
        side_by_side(write_scan, [(phantoms, scan) for scan in wanted], arguments.jobs, called="main")
    )
    write_manifest([written[n][0] for n in range(len(wanted))], phantoms / "manifest.csv")
    write_json(written[0][1], phantoms / LABELS_NAME)
    write_manifest(rows_of(arguments.data / "sts_crops"), tumours / "manifest.csv")
    write_json({}, tumours / LABELS_NAME)
    print(f"{phantoms}: {arguments.train} scans to train on, {len(wanted) - arguments.train} to test on")


if __name__ == "__main__":
    main()
