"""`seganypet segment`: one target of one scan, from clicks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.clicks import add_click_options, check_prompts, read_clicks
from seganypet.cli.messages import collected_warnings, progress, say, table
from seganypet.cli.outputs import JSON, NIFTI, PNG, check_outputs, record_path, staged
from seganypet.cli.reading import add_reading_options, files_of, read
from seganypet.cli.segmentation import (
    DISCLAIMER,
    Segmented,
    Stopwatch,
    add_model_options,
    add_prompt_options,
    clicks_table,
    load,
    record_of,
    segment_target,
    shown,
)

if TYPE_CHECKING:
    from seganypet.volume import Mask, Volume


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "segment",
        help="segment a target of a scan from clicks",
        description="Segment one target of a PET scan from clicks. Writes the mask on the scan's own grid, and a "
        f"run record (.json) beside it. Existing files of these names are replaced. {DISCLAIMER}",
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
    """Read, segment, write; nothing is written unless all is."""
    started, stopwatch = datetime.now(UTC), Stopwatch()
    check_prompts(arguments)
    outputs = _outputs(arguments)
    check_outputs(outputs, files_of(arguments))
    with collected_warnings() as warnings:
        with progress(f"reading {arguments.pet}"):
            volume = read(arguments)
            clicks = read_clicks(arguments, volume)
            prior = _prior(arguments, volume)
        stopwatch.lap("reading")
        with progress("loading the model"):
            from seganypet.inference.session import Session

            model = load(arguments)
            session = Session(model)
            session.set_volume(volume)
        stopwatch.lap("preparing")
        with progress("segmenting"):
            target = segment_target(
                session, clicks, name=_target_name(arguments), prior=prior, box=arguments.box
            )
        stopwatch.lap("segmenting")
    record = record_of(
        arguments,
        volume,
        model,
        target,
        started=started,
        outputs=list(outputs),
        seconds=stopwatch.seconds,
        warnings=warnings,
    )
    with staged(list(outputs)) as places, progress("writing"):
        from seganypet.io import write_json, write_mask

        write_mask(target.mask, places[arguments.output])
        write_json(record, places[record_path(arguments.output)])
        if arguments.figure is not None:
            from seganypet.analysis.figure import save_figure

            save_figure(volume, {target.name: target.mask}, clicks, places[arguments.figure])
    _report(volume, target, stopwatch.seconds, list(outputs))
    return 0


def _outputs(arguments: argparse.Namespace) -> Mapping[Path, tuple[str, ...]]:
    """Return what will be written; the record's name follows from the mask's, which is checked first."""
    check_outputs({arguments.output: NIFTI}, [])
    outputs = {arguments.output: NIFTI, record_path(arguments.output): JSON}
    if arguments.figure is not None:
        outputs[arguments.figure] = PNG
    return outputs


def _prior(arguments: argparse.Namespace, volume: Volume) -> Mask | None:
    if arguments.mask is None:
        return None
    from seganypet.io import read_mask

    return read_mask(arguments.mask, like=volume)


def _target_name(arguments: argparse.Namespace) -> str:
    name: str = arguments.object or record_path(arguments.output).stem
    return name


def _report(volume: Volume, target: Segmented, seconds: Mapping[str, float], outputs: list[Path]) -> None:
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
    for path in outputs:
        say(f"wrote {path}")
    say(DISCLAIMER)
