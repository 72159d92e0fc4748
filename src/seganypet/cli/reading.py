"""Options for reading a scan: which series, and values that replace the file's for SUV."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.outputs import NIFTI, record_path
from seganypet.cli.parsing import positive
from seganypet.errors import UsageError

if TYPE_CHECKING:
    from seganypet.io.suv import SUVOverrides
    from seganypet.volume import Volume

_BQ_PER_MBQ = 1e6


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add `--series` and the SUV overrides."""
    parser.add_argument(
        "--series", metavar="UID", help="SeriesInstanceUID, where a folder holds several PET series"
    )
    group = parser.add_argument_group("SUV", "values that replace or complete those of the file")
    group.add_argument("--weight-kg", type=positive, metavar="KG", help="body weight")
    dose = group.add_mutually_exclusive_group()
    dose.add_argument("--dose-bq", type=positive, metavar="BQ", help="injected activity, in Bq")
    dose.add_argument("--dose-mbq", type=positive, metavar="MBQ", help="the same in MBq")
    group.add_argument(
        "--injection-time", metavar="HH:MM:SS", help="local time of injection, or date and time in ISO form"
    )
    group.add_argument(
        "--reference-time", metavar="HH:MM:SS", help="local time that the image is decay-corrected to"
    )
    group.add_argument("--half-life-s", type=positive, metavar="S", help="half-life of the radionuclide")
    group.add_argument("--height-m", type=positive, metavar="M", help="body height")
    group.add_argument("--sex", choices=("M", "F"), help="for SUV normalised to lean body mass")


def overrides_of(arguments: argparse.Namespace) -> SUVOverrides:
    """Return the SUV overrides among parsed arguments."""
    from seganypet.io.suv import SUVOverrides

    dose_bq = arguments.dose_bq
    if arguments.dose_mbq is not None:
        dose_bq = arguments.dose_mbq * _BQ_PER_MBQ
    return SUVOverrides(
        weight_kg=arguments.weight_kg,
        dose_bq=dose_bq,
        injection_time=arguments.injection_time,
        reference_time=arguments.reference_time,
        half_life_s=arguments.half_life_s,
        height_m=arguments.height_m,
        sex=arguments.sex,
    )


def read(arguments: argparse.Namespace) -> Volume:
    """Return the scan `arguments.pet` in SUVbw.

    Raises:
        SegAnyPETError: As for `io.read_volume`.
        UsageError: A series was chosen for a NIfTI file.
    """
    from seganypet.io import read_volume

    if arguments.series is not None and _is_nifti(arguments.pet):
        raise UsageError(f"--series chooses a DICOM series, and {arguments.pet} is NIfTI; leave it out")
    return read_volume(arguments.pet, series_uid=arguments.series, overrides=overrides_of(arguments))


def files_of(arguments: argparse.Namespace) -> list[Path]:
    """Return the files that a command reads, or would read if they were there: no output may take their place."""
    files: list[Path] = [arguments.pet]
    if _is_nifti(arguments.pet):
        files.append(record_path(arguments.pet))  # where its BIDS sidecar lies
    files += [
        path for path in (getattr(arguments, "prompts", None), getattr(arguments, "mask", None)) if path
    ]
    weights = getattr(arguments, "weights", "")
    if weights.endswith(".safetensors"):
        files += [Path(weights), Path(weights).with_suffix(".json")]
    return files


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(NIFTI)
