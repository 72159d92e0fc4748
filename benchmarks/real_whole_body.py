"""One click in the thigh tumour of the real whole-body scan STS_001: Dice against GTV_Mass, click by click.

    python benchmarks/real_whole_body.py ../shared/data/sts_001

The reference is the published mask of the Image Biomarker Standardisation Initiative; it is drawn on MR, not on PET.
STS_001 is never trained on. The first click is the tumour's hottest or its deepest voxel, then a simulated reader
corrects.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from seganypet.evaluation import dice
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.registry import chosen
from seganypet.io import read_mask, read_volume
from seganypet.prompts import Click, next_click
from seganypet.volume import BoolArray, Mask, Volume


def on_grid(mask: Mask, volume: Volume) -> BoolArray:
    """Return a mask of a crop on the whole volume's grid; both share their voxels."""
    placed = np.zeros(volume.shape, dtype=np.bool_)
    for voxel in np.argwhere(mask.array):
        i, j, k = (round(c) for c in volume.to_ijk(mask.to_xyz_mm(voxel)))
        placed[i, j, k] = True
    return placed


def main() -> None:
    """Click, print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="sts_001: dicom_pet/ and ibsi_suv/")
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    volume = read_volume(arguments.folder / "dicom_pet")
    (mask_file,) = (arguments.folder / "ibsi_suv").glob("*mass*.nii.gz")
    reference = on_grid(read_mask(mask_file), volume)
    methods = {
        name: chosen(text).build(Options())
        for name, text in (
            ("SegAnyPET", arguments.weights),
            ("41 % of SUVmax", "threshold41"),
            ("region growing", "region_growing"),
        )
    }
    print(f"GTV_Mass: {reference.sum()} voxels")
    print("| first click, method | " + " | ".join(f"click {n}" for n in range(1, 6)) + " | seconds |")
    print("|---" * 7 + "|")
    for place, ijk in first_clicks(volume, reference).items():
        for name, method in methods.items():
            method.start(Scan(case="STS_001", volume=volume))
            prediction, scores, click = np.zeros_like(reference), [], Click(ijk)
            started = time.perf_counter()
            for _ in range(5):
                prediction = method.click(click)
                scores.append(f"{dice(prediction, reference):.3f}")
                click = next_click(prediction, reference, spacing_mm=volume.spacing_mm) or click
            where = ",".join(str(int(c)) for c in ijk)
            print(f"| {place} ({where}), {name} | " + " | ".join(scores), end="")
            print(f" | {time.perf_counter() - started:.1f} |")


def first_clicks(volume: Volume, reference: BoolArray) -> dict[str, tuple[float, float, float]]:
    """Return where a reader may click first: the middle of the tumour, or its hottest voxel."""
    deepest = next_click(np.zeros_like(reference), reference, spacing_mm=volume.spacing_mm)
    hottest = np.unravel_index(int(np.argmax(np.where(reference, volume.array, -1))), volume.shape)
    i, j, k = (float(c) for c in hottest)
    return {"hottest": (i, j, k)} | ({"deepest": deepest.ijk} if deepest else {})


if __name__ == "__main__":
    main()
