"""The fixed cases that weights are tested on; and others to choose settings by.

No shipped weights were trained on those of "anatomy", "bodies" and "tumours"; "fold1" to "fold3" are for the weights of
that fold alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from seganypet.io import read_mask, read_volume
from seganypet.phantom import PhantomCase, PhantomConfig, simulate_case
from seganypet.phantom.cohort import read_anatomy
from seganypet.volume import BoolArray, Volume
from sts_manifest import is_trained_on

FIVE: Final = ("liver", "kidney_left", "kidney_right", "heart", "spleen")
"""The organs that the papers train on."""
HELD_OUT: Final = (
    "aorta",
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
    "prostate",
    "pancreas",
    "urinary_bladder",
)
"""Organs that a run is trained without, to see whether what it never learned can be clicked."""
OTHERS: Final = ("brain", "lung_left", "lung_right", "stomach", "parotid_gland_left", "thyroid_gland")
"""Further organs that readers click."""
SMALL, MIDDLE, LARGE = "lesion 0.5-2 ml", "lesion 2-10 ml", "lesion over 10 ml"
TRACERS: Final = ("fdg", "dotatate")
"""The tracer of most scans, and one that training never saw."""
_PATIENTS: Final = range(2, 35)
FOLDS: Final = 3
"""Of the cross-validation over the real tumours' patients."""
SETS: Final = ("anatomy", "bodies", "tumours", *(f"fold{n}" for n in range(1, FOLDS + 1)), "tuning")
FIRST_SEEDS: Final = {"anatomy": 920_000, "bodies": 930_000, "tuning": 950_000}
"""Of the simulated scans of a set."""
LESIONS_PER_CASE: Final = 10
_SPACING_MM: Final = (4.0, 4.0, 3.0)
_LEAST_ML: Final = 2.0


class Case(NamedTuple):
    """A scan with what is to be segmented in it.

    Attributes:
        name: Of the scan.
        group: What it is an example of.
        volume: In SUV.
        targets: Each with its name; lesions by size.
    """

    name: str
    group: str
    volume: Volume
    targets: list[tuple[str, BoolArray]]


Maker = Callable[[], Case]


def cases(name: str, data: Path, count: int) -> list[Maker]:
    """Return makers of the cases of a set.

    Args:
        name: "anatomy" (bodies of an anatomy left out of training), "bodies" (procedural bodies of unseen seeds),
            "tumours" (real ones), "fold1" and so on (the real tumours that this fold does not learn from), or "tuning"
            (to choose settings by).
        data: Folder of the shared data.
        count: Of simulated scans.
    """
    if name == "tumours" or name.startswith("fold"):
        fold = None if name == "tumours" else (int(name.removeprefix("fold")), FOLDS)
        left_out = [n for n in _PATIENTS if not is_trained_on(n, fold)]
        return [_Tumour(data / "sts_crops" / f"STS_{n:03d}") for n in left_out]
    female = data / "anatomy" / "visible_human_female_3mm.nii.gz"
    label_map = female if name == "anatomy" else None
    return [_Phantom(name, FIRST_SEEDS[name] + n, label_map) for n in range(count)]


def scan_of(seed: int, label_map: Path | None, **settings: Any) -> PhantomCase:
    """Return a simulated scan with many lesions.

    Args:
        seed: Of everything random.
        label_map: Of the body to scan; None for a procedural one.
        **settings: Of `PhantomConfig`, beside those that all have.
    """
    config = PhantomConfig(
        spacing_mm=_SPACING_MM,
        lesions="mixed",
        lesion_count=(10, 16),
        **settings,
    )
    return simulate_case(seed, config, None if label_map is None else read_anatomy(label_map, seed))


class _Phantom(NamedTuple):
    """Makes a simulated scan; tracers take turns."""

    group: str
    seed: int
    label_map: Path | None

    def __call__(self) -> Case:
        tracer = TRACERS[self.seed % len(TRACERS)]
        case = scan_of(self.seed, self.label_map, tracer=tracer)
        voxel_ml = case.volume.voxel_volume_ml
        targets = []
        for name in (*FIVE, *HELD_OUT, *OTHERS):
            mask = np.isin(case.reference, case.labels.get(name, ()))
            if mask.sum() * voxel_ml > _LEAST_ML:
                targets.append((name, mask))
        sizes = [(n, (case.lesions == n).sum() * voxel_ml) for n in range(1, int(case.lesions.max()) + 1)]
        chosen = [(n, ml) for n, ml in sizes if ml >= 0.5][:LESIONS_PER_CASE]
        targets += [(size_name(ml), case.lesions == n) for n, ml in chosen]
        return Case(f"{self.group}_{self.seed}_{tracer}", f"{self.group}, {tracer}", case.volume, targets)


class _Tumour(NamedTuple):
    """Reads a real tumour."""

    folder: Path

    def __call__(self) -> Case:
        volume = read_volume(self.folder / "pet_suv.nii.gz")
        mask = read_mask(self.folder / "gtv_mass.nii.gz", like=volume).array
        return Case(self.folder.name, "tumours", volume, [("real tumour", mask)])


def size_name(volume_ml: float) -> str:
    """Return the size class of a lesion."""
    return SMALL if volume_ml < 2 else MIDDLE if volume_ml < 10 else LARGE


def rows_of_table(targets: Sequence[str]) -> dict[str, list[str]]:
    """Return the rows of a table, and the targets that each is a mean of."""
    known = {"papers' organs": FIVE, "organs held out": HELD_OUT, "other organs": OTHERS}
    rows = {title: [name for name in names if name in targets] for title, names in known.items()}
    rows |= {name: [name] for name in (SMALL, MIDDLE, LARGE, "real tumour")}
    return {title: names for title, names in rows.items() if set(names) & set(targets)}
