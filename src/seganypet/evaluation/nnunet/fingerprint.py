"""nnU-Net's fingerprint of a data set: shapes, voxel sizes and intensities, without a pool of processes of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from seganypet.evaluation.nnunet.export import ENDING
from seganypet.io import write_json
from seganypet.io.side_by_side import side_by_side

FINGERPRINT: Final = "dataset_fingerprint.json"
# Voxels drawn of each case; what comes of it normalises where the settings say "cohort".
_SAMPLES: Final = 100_000
_PERCENTILES: Final = (0.5, 50.0, 99.5)


def write_fingerprint(names: Iterable[str], raw: Path, folder: Path, *, jobs: int = 1) -> None:
    """Write what nnU-Net's extractor would, each case by its own function.

    Args:
        names: Identifiers of the cases with labels.
        raw: Folder of the raw data set.
        folder: Of the preprocessed data set.
        jobs: Processes side by side.
    """
    work = [(name, raw) for name in names]
    found = dict(side_by_side(_analysed, work, jobs, called="write_fingerprint"))
    cases = [found[number] for number in range(len(work))]
    values = np.concatenate([np.asarray(case[2][0], dtype=np.float64) for case in cases])
    fingerprint = {
        "spacings": [case[1] for case in cases],
        "shapes_after_crop": [case[0] for case in cases],
        "foreground_intensity_properties_per_channel": {"0": _properties(values)},
        "median_relative_size_after_cropping": float(np.median([case[4] for case in cases])),
    }
    write_json(fingerprint, folder / FINGERPRINT)


def _analysed(name: str, raw: Path) -> tuple[Any, ...]:
    """Return shape, spacing, drawn intensities, their statistics and the share of the scan that is not empty."""
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import (
        DatasetFingerprintExtractor,
    )
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    image, labels = raw / "imagesTr" / f"{name}_0000{ENDING}", raw / "labelsTr" / f"{name}{ENDING}"
    analysed: tuple[Any, ...] = DatasetFingerprintExtractor.analyze_case(
        [str(image)], str(labels), SimpleITKIO, _SAMPLES
    )
    return analysed


def _properties(values: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the statistics of one channel's foreground; zeros where no case has any."""
    if not values.size:
        values = np.zeros(1)
    low, median, high = np.percentile(values, _PERCENTILES)
    return {
        "mean": float(values.mean()),
        "median": float(median),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "percentile_99_5": float(high),
        "percentile_00_5": float(low),
    }
