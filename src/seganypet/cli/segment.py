"""`seganypet segment`: one target of one scan, from clicks or a box."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.clicks import add_click_options, add_prompt_options, check_prompts, read_box, read_clicks
from seganypet.cli.messages import collected_warnings, progress, say, table
from seganypet.cli.outputs import NIFTI, check_outputs, record_path
from seganypet.cli.reading import add_reading_options, files_of, read
from seganypet.cli.results import Run, clicks_table, now, outputs_of, shown, write_results
from seganypet.cli.segmentation import (
    DISCLAIMER,
    Segmented,
    Stopwatch,
    add_model_options,
    load,
    segment_target,
    session_on,
)
from seganypet.errors import PromptError

if TYPE_CHECKING:
    from seganypet.volume import Mask, Volume


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "segment",
        help="segment a target of a scan from clicks or a box",
        description="Segment one target of a PET scan from clicks or a box. Writes the mask on the scan's own grid, "
        f"and a run record (.json) beside it. Existing files of these names are replaced. {DISCLAIMER}",
    )
    parser.add_argument(
        "pet", type=Path, metavar="PET", help="NIfTI file, DICOM folder, or a file of a DICOM series"
    )
    add_click_options(parser)
    add_prompt_options(parser)
    add_model_options(parser)
    add_reading_options(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MASK", help="mask to write: .nii.gz or .nii"
    )
    parser.add_argument(
        "--figure", type=Path, metavar="PNG", help="picture to write: projections and slices with the mask"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, read, segment, write, print."""
    started, stopwatch = now(), Stopwatch()
    check_prompts(arguments)
    check_outputs({arguments.output: NIFTI}, [])  # first, as the record's name follows from it
    check_outputs(outputs_of([arguments.output], arguments.figure), files_of(arguments))
    with collected_warnings() as warnings:
        with progress(f"reading {arguments.pet}"):
            volume = read(arguments)
            clicks, prior = read_clicks(arguments, volume), _prior(arguments, volume)
        seconds = {"reading": stopwatch.lap()}
        session = session_on(volume, load(arguments))
        seconds["preparing"] = stopwatch.lap()
        name = arguments.object or record_path(arguments.output).stem
        target = segment_target(session, clicks, name=name, prior=prior, box=read_box(arguments))
    this = Run(arguments=arguments, session=session, started=started, seconds=seconds, warnings=warnings)
    written = write_results(this, {arguments.output: target}, arguments.figure)
    _report(volume, target, seconds)
    for path in written:
        say(f"wrote {path}")
    say(DISCLAIMER)
    return 0


def _prior(arguments: argparse.Namespace, volume: Volume) -> Mask | None:
    """Return the mask to start from, if there is one."""
    if arguments.mask is None:
        return None
    from seganypet.io import read_mask

    prior = read_mask(arguments.mask, like=volume)
    if not prior.array.any():
        raise PromptError(
            f"{arguments.mask}: the mask to start from is empty; leave it out and click instead"
        )
    return prior


def _report(volume: Volume, target: Segmented, seconds: Mapping[str, float]) -> None:
    if target.clicks:
        say(clicks_table(target.clicks, volume))
        say()
    found, (first, *later) = target.measurement, target.seconds
    rows = [
        ["volume", f"{found.volume_ml:.2f} ml"],
        ["SUVmax", f"{shown(found.suv_max, 2)} g/ml"],
        ["SUVmean", f"{shown(found.suv_mean, 2)} g/ml"],
        ["reading", f"{seconds['reading']:.2f} s"],
        ["preparing", f"{seconds['preparing']:.2f} s"],
        ["first prompt", f"{first:.2f} s"],
    ]
    if later:
        rows.append(["each later prompt", f"{sum(later) / len(later):.2f} s"])
    say(table(rows))
    say()
