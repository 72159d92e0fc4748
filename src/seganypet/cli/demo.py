"""`seganypet demo`: three targets of a simulated scan from one click each, or one target of a scan of your own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.clicks import HOW_TO_CLICK, TypedClick, add_click_options, check_first
from seganypet.cli.messages import collected_warnings, progress, say, table
from seganypet.cli.outputs import JSON, NIFTI, PNG, check_outputs, record_path, staged
from seganypet.cli.reading import add_reading_options, files_of, read
from seganypet.cli.segmentation import (
    DISCLAIMER,
    Segmented,
    Stopwatch,
    add_model_options,
    clicks_table,
    load,
    record_of,
    segment_target,
    shown,
)
from seganypet.errors import UsageError

if TYPE_CHECKING:
    from seganypet.phantom import PhantomCase
    from seganypet.prompts.click import Click
    from seganypet.volume import BoolArray, Volume

# Training draws its seeds from 1000 on: this body was never trained on.
_SEED = 7
_SPACING_MM = (4.0, 4.0, 3.0)
_ORGANS = ("liver", "kidney_left")
_LESION_ML = (5.0, 50.0)
_SCAN, _LABELS, _LESIONS, _NAMES = "pet.nii.gz", "labels.nii.gz", "lesions.nii.gz", "labels.json"


@dataclass(frozen=True, eq=False)
class _Target:
    """What to segment: its clicks, and the truth where it is known."""

    name: str
    clicks: Sequence[Click]
    truth: BoolArray | None = None


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
    started, stopwatch = datetime.now(UTC), Stopwatch()
    clicks: list[TypedClick] = arguments.clicks
    folder: Path = arguments.output
    simulated = arguments.pet is None
    if simulated and clicks:
        raise UsageError(f"{clicks[0].option} needs a scan to click on; give --pet PATH, or no clicks")
    if not simulated and not clicks:
        raise UsageError(f"--pet needs clicks; {HOW_TO_CLICK}")
    if not simulated:
        check_first(clicks)
    names = [*_ORGANS, "lesion"] if simulated else ["mask"]
    outputs: dict[Path, tuple[str, ...]] = {folder / f"{name}.nii.gz": NIFTI for name in names}
    outputs |= {record_path(path): JSON for path in list(outputs)} | {folder / "figure.png": PNG}
    check_outputs(outputs, [] if simulated else files_of(arguments))
    with collected_warnings() as warnings:
        if simulated:
            case = _simulate(folder)
            stopwatch.lap("simulating")
            arguments.pet = folder / _SCAN
        with progress(f"reading {arguments.pet}"):
            volume = read(arguments)
        targets = (
            _targets(case, volume) if simulated else [_Target("mask", [click.on(volume) for click in clicks])]
        )
        stopwatch.lap("reading")
        with progress("loading the model"):
            from seganypet.inference.session import Session

            model = load(arguments)
            session = Session(model)
            session.set_volume(volume)
        stopwatch.lap("preparing")
        results = []
        for target in targets:
            with progress(f"segmenting {target.name}"):
                results.append(segment_target(session, target.clicks, name=target.name))
    dices = [_dice(result, target) for result, target in zip(results, targets, strict=True)]
    with staged(list(outputs)) as places:
        from seganypet.analysis.figure import save_figure
        from seganypet.io import write_json, write_mask

        for result, dice in zip(results, dices, strict=True):
            path = folder / f"{result.name}.nii.gz"
            record = record_of(
                arguments,
                volume,
                model,
                result,
                started=started,
                outputs=[path, record_path(path), folder / "figure.png"],
                seconds=stopwatch.seconds,
                warnings=warnings,
                further={} if dice is None else {"dice": dice},
            )
            write_mask(result.mask, places[path])
            write_json(record, places[record_path(path)])
        save_figure(
            volume,
            {result.name: result.mask for result in results},
            [click for result in results for click in result.clicks],
            places[folder / "figure.png"],
            title=f"Simulated FDG PET, seed {_SEED}" if simulated else None,
        )
    _report(volume, results, dices, list(outputs))
    return 0


def _simulate(folder: Path) -> PhantomCase:
    """Return a simulated scan, after writing it with its labels."""
    paths = {folder / name: NIFTI for name in (_SCAN, _LABELS, _LESIONS)}
    check_outputs({**paths, folder / _NAMES: JSON}, [])
    with progress("simulating a scan"):
        from seganypet.io import write_json, write_volume
        from seganypet.io.label_map import write_label_map
        from seganypet.phantom import PhantomConfig, simulate_case

        case = simulate_case(_SEED, PhantomConfig(spacing_mm=_SPACING_MM, tracer="fdg"))
        with staged([*paths, folder / _NAMES]) as places:
            write_volume(case.volume, places[folder / _SCAN])
            write_label_map(case.reference, case.volume, places[folder / _LABELS])
            write_label_map(case.lesions, case.volume, places[folder / _LESIONS])
            write_json(case.labels, places[folder / _NAMES])
    return case


def _targets(case: PhantomCase, volume: Volume) -> list[_Target]:
    """Return two organs and a lesion, each clicked once at its deepest voxel."""
    import numpy as np

    from seganypet.prompts import next_click

    truths = {name: np.isin(case.reference, case.labels[name]) for name in _ORGANS}
    sizes_ml = np.bincount(case.lesions.ravel())[1:] * volume.voxel_volume_ml
    truths["lesion"] = case.lesions == chosen_lesion(sizes_ml.tolist())
    targets = []
    for name, truth in truths.items():
        click = next_click(np.zeros_like(truth), truth, spacing_mm=volume.spacing_mm)
        if click is not None:
            targets.append(_Target(name, [click], truth))
    return targets


def chosen_lesion(sizes_ml: Sequence[float]) -> int:
    """Return the id, from 1 on, of the largest lesion of 5 to 50 ml, or of the largest where there is none."""
    low, high = _LESION_ML
    fitting = [size for size in sizes_ml if low <= size <= high]
    return 1 + list(sizes_ml).index(max(fitting or sizes_ml))


def _dice(result: Segmented, target: _Target) -> float | None:
    if target.truth is None:
        return None
    from seganypet.evaluation.metrics import dice

    return dice(result.mask.array, target.truth)


def _report(
    volume: Volume, results: Sequence[Segmented], dices: Sequence[float | None], outputs: Sequence[Path]
) -> None:
    known = any(value is not None for value in dices)
    if not known:
        say(clicks_table(results[0].clicks, volume))
        say()
    rows = [["target", "ml", "SUVmax", "SUVmean", *(["Dice"] if known else []), "seconds"]]
    for result, value in zip(results, dices, strict=True):
        found = result.measurement
        rows.append(
            [
                result.name,
                f"{found.volume_ml:.1f}",
                shown(found.suv_max, 2),
                shown(found.suv_mean, 2),
                *([shown(value, 3)] if known else []),
                f"{sum(result.seconds):.2f}",
            ]
        )
    say(table(rows))
    if known:
        say(f"one click each, on simulated scan {outputs[0].parent / _SCAN}; Dice against its exact labels")
    say()
    for path in outputs:
        say(f"wrote {path}")
    say(DISCLAIMER)
