"""`seganypet demo`: three targets of a simulated scan from one click each, or one target of a scan of your own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.clicks import HOW_TO_CLICK, add_click_options, check_first
from seganypet.cli.messages import collected_warnings, progress, say, table
from seganypet.cli.outputs import check_outputs
from seganypet.cli.phantom_scan import SCAN, SEED, TARGETS, Target, scan_outputs, targets_of, write_scan
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
from seganypet.errors import UsageError

if TYPE_CHECKING:
    from seganypet.analysis.quantification import Measurement
    from seganypet.volume import Volume

_OWN_TARGET = "mask"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "demo",
        help="segment a simulated scan, or your own, and draw a picture",
        description="Without --pet: simulates an FDG scan and segments liver, left kidney and a lesion from one click "
        f"each. With --pet: segments a target of your own scan at the clicks given. {DISCLAIMER}",
    )
    parser.add_argument(
        "--pet", type=Path, metavar="PET", help="a scan of your own: NIfTI file or DICOM folder"
    )
    add_click_options(parser)
    add_model_options(parser)
    add_reading_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="folder to write (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make or read a scan, segment, draw, print."""
    started, stopwatch = now(), Stopwatch()
    simulated = arguments.pet is None
    _check_clicks(arguments)
    folder: Path = arguments.output
    masks = {name: folder / f"{name}.nii.gz" for name in (TARGETS if simulated else [_OWN_TARGET])}
    outputs = outputs_of(list(masks.values()), folder / "figure.png")
    check_outputs(
        outputs | (scan_outputs(folder) if simulated else {}), [] if simulated else files_of(arguments)
    )
    with collected_warnings() as warnings:
        model = load(arguments)  # first, so that without weights no scan is left behind
        seconds = {"loading": stopwatch.lap()}
        volume, targets = _simulated(arguments) if simulated else _own(arguments)
        seconds["reading"] = stopwatch.lap()
        session = session_on(volume, model)
        seconds["preparing"] = stopwatch.lap()
        results = [segment_target(session, target.clicks, name=target.name) for target in targets]
    dices = [_dice(result, target) for result, target in zip(results, targets, strict=True)]
    truths = [_measured(volume, target) for target in targets]
    this = Run(arguments=arguments, session=session, started=started, seconds=seconds, warnings=warnings)
    written = write_results(
        this,
        {masks[result.name]: result for result in results},
        folder / "figure.png",
        title=f"Simulated FDG PET, seed {SEED}" if simulated else None,
        further={r.name: {"dice": dice} for r, dice in zip(results, dices, strict=True) if dice is not None},
    )
    _report(volume, results, dices, truths)
    for path in [*(scan_outputs(folder) if simulated else ()), *written]:
        say(f"wrote {path}")
    say(DISCLAIMER)
    return 0


def _check_clicks(arguments: argparse.Namespace) -> None:
    """Refuse clicks without a scan, and a scan without clicks."""
    clicks = arguments.clicks
    if arguments.pet is None:
        if clicks:
            raise UsageError(f"{clicks[0].option} needs a scan to click on; give --pet PATH, or no clicks")
        return
    if not clicks:
        raise UsageError(f"--pet needs clicks; {HOW_TO_CLICK}")
    check_first(clicks)


def _simulated(arguments: argparse.Namespace) -> tuple[Volume, list[Target]]:
    """Return a simulated scan as it reads back from its file, and what to find in it."""
    case = write_scan(arguments.output)
    arguments.pet = arguments.output / SCAN
    return read(arguments), targets_of(case)


def _own(arguments: argparse.Namespace) -> tuple[Volume, list[Target]]:
    """Return the user's scan, and what was clicked."""
    with progress(f"reading {arguments.pet}"):
        volume = read(arguments)
    return volume, [Target(name=_OWN_TARGET, clicks=[click.on(volume) for click in arguments.clicks])]


def _dice(result: Segmented, target: Target) -> float | None:
    """Return the agreement with the truth, where it is known."""
    if target.truth is None:
        return None
    from seganypet.evaluation.metrics import dice

    return dice(result.mask.array, target.truth)


def _measured(volume: Volume, target: Target) -> Measurement | None:
    """Return what the truth holds, where it is known."""
    if target.truth is None:
        return None
    from seganypet.analysis.quantification import measure

    return measure(volume, volume.like(target.truth))


def _report(
    volume: Volume,
    results: Sequence[Segmented],
    dices: Sequence[float | None],
    truths: Sequence[Measurement | None],
) -> None:
    known = any(dice is not None for dice in dices)
    columns = ["ml", "SUVmax", "SUVmean"]
    rows = [
        ["target", *columns, *(["Dice", *(f"true {name}" for name in columns)] if known else []), "seconds"]
    ]
    for result, dice, truth in zip(results, dices, truths, strict=True):
        compared = [] if truth is None else [shown(dice, 3), *_numbers(truth)]
        rows.append([result.name, *_numbers(result.measurement), *compared, f"{sum(result.seconds):.2f}"])
    if not known:
        say(clicks_table(results[0].clicks, volume))
        say()
    say(table(rows))
    if known:
        say("  One click each; Dice against, and true values of, the exact labels of the simulation.")
    say()


def _numbers(found: Measurement) -> list[str]:
    return [f"{found.volume_ml:.1f}", shown(found.suv_max, 2), shown(found.suv_mean, 2)]
