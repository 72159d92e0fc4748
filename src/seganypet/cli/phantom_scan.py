"""The simulated scan of the demonstration: written like a real one, with its exact labels and a click per target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.messages import progress
from seganypet.cli.outputs import JSON, NIFTI, check_outputs, staged

if TYPE_CHECKING:
    from seganypet.phantom import PhantomCase
    from seganypet.prompts.click import Click
    from seganypet.volume import BoolArray

SEED = 8
"""Training draws its seeds from 1000 on: this body was never trained on. Of seeds 1 to 12 a middling one, see
docs/experiments.md."""
TARGETS = ("liver", "kidney_left", "lesion")
SCAN = "pet.nii.gz"

_SPACING_MM = (4.0, 4.0, 3.0)
_LESION_ML = (5.0, 50.0)
_LABELS, _LESIONS, _NAMES = "labels.nii.gz", "lesions.nii.gz", "labels.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What to segment.

    Attributes:
        name: What it is called.
        clicks: Where to click, in order.
        truth: What is to be found, bool [I, J, K]; None where nobody knows.
    """

    name: str
    clicks: Sequence[Click]
    truth: BoolArray | None = None


def scan_outputs(folder: Path) -> dict[Path, tuple[str, ...]]:
    """Return the files of a simulated scan, with the suffixes they may have."""
    return {folder / SCAN: NIFTI, folder / _LABELS: NIFTI, folder / _LESIONS: NIFTI, folder / _NAMES: JSON}


def write_scan(folder: Path) -> PhantomCase:
    """Simulate a scan and write it to a folder with its labels; return it.

    Raises:
        OutputError: A file cannot be written.
    """
    outputs = scan_outputs(folder)
    check_outputs(outputs, [])
    with progress("simulating a scan"):
        from seganypet.io import write_json, write_volume
        from seganypet.io.label_map import write_label_map
        from seganypet.phantom import PhantomConfig, simulate_case

        case = simulate_case(SEED, PhantomConfig(spacing_mm=_SPACING_MM, tracer="fdg"))
        with staged(list(outputs)) as places:
            write_volume(case.volume, places[folder / SCAN])
            write_label_map(case.reference, case.volume, places[folder / _LABELS])
            write_label_map(case.lesions, case.volume, places[folder / _LESIONS])
            write_json(case.labels, places[folder / _NAMES])
    return case


def targets_of(case: PhantomCase) -> list[Target]:
    """Return the targets of a simulated scan, each clicked once at its deepest voxel."""
    import numpy as np

    from seganypet.prompts import next_click

    sizes_ml = np.bincount(case.lesions.ravel())[1:] * case.volume.voxel_volume_ml
    targets = []
    for name in TARGETS:
        if name == "lesion":
            truth = case.lesions == chosen_lesion(sizes_ml.tolist())
        else:
            truth = np.isin(case.reference, case.labels[name])
        click = next_click(np.zeros_like(truth), truth, spacing_mm=case.volume.spacing_mm)
        targets.append(Target(name=name, clicks=[] if click is None else [click], truth=truth))
    return targets


def chosen_lesion(sizes_ml: Sequence[float]) -> int:
    """Return the id, from 1 on, of the largest lesion of 5 to 50 ml, or of the largest where there is none."""
    low, high = _LESION_ML
    fitting = [size for size in sizes_ml if low <= size <= high]
    return 1 + list(sizes_ml).index(max(fitting or sizes_ml))
