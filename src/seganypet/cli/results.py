"""What is kept and said of segmented targets: masks, run records, a picture, tables."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seganypet.cli.messages import progress, table
from seganypet.cli.outputs import JSON, NIFTI, PNG, record_path, staged
from seganypet.cli.segmentation import DISCLAIMER, Segmented

if TYPE_CHECKING:
    from seganypet.inference.session import Session
    from seganypet.prompts.click import Click
    from seganypet.volume import Source, Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A run of a verb, for its records.

    Attributes:
        arguments: What was asked for.
        session: With the scan and the model.
        started: When the run began.
        seconds: Times of its parts; more may join.
        warnings: Texts of the warnings shown so far.
    """

    arguments: argparse.Namespace
    session: Session
    started: datetime
    seconds: Mapping[str, float]
    warnings: Sequence[str] = field(default_factory=list)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def outputs_of(masks: Sequence[Path], figure: Path | None) -> dict[Path, tuple[str, ...]]:
    """Return all files that belong to masks, with the suffixes they may have: records beside them, a picture."""
    outputs: dict[Path, tuple[str, ...]] = {}
    for path in masks:
        outputs |= {path: NIFTI, record_path(path): JSON}
    return outputs if figure is None else {**outputs, figure: PNG}


def write_results(
    run: Run,
    results: Mapping[Path, Segmented],
    figure: Path | None,
    *,
    title: str | None = None,
    further: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Write masks, their run records and a picture of all; return the files. Nothing is written unless all is.

    Args:
        run: The run.
        results: What to write, by the path of the mask.
        figure: Where the picture goes, if there is to be one.
        title: Its heading; the scan's file name by default.
        further: Further entries of the records, by name of the target.

    Raises:
        OutputError: A file cannot be written.
    """
    from seganypet.io import write_json, write_mask

    outputs, volume = list(outputs_of(list(results), figure)), run.session.volume
    with progress("writing"), staged(outputs) as places:
        for path, target in results.items():
            write_mask(target.mask, places[path])
            write_json(
                _record(run, target, outputs, (further or {}).get(target.name, {})), places[record_path(path)]
            )
        if figure is not None:
            from seganypet.analysis.figure import save_figure

            masks = {target.name: target.mask for target in results.values()}
            clicks = [click for target in results.values() for click in target.clicks]
            save_figure(volume, masks, clicks, places[figure], title=title)
    return outputs


def _record(
    run: Run, target: Segmented, outputs: Sequence[Path], further: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the run record of a mask: all that is needed to make it again, and what was measured in it."""
    from seganypet.io import run_record
    from seganypet.models.weights import sha256_of, weights_path

    arguments, volume, model = run.arguments, run.session.volume, run.session.model
    description, weights = model.description, weights_path(arguments.weights)
    inputs: list[str | Path | Source] = [volume.source]
    inputs += [
        path for path in (getattr(arguments, "prompts", None), getattr(arguments, "mask", None)) if path
    ]
    config = {
        "weights": arguments.weights,
        "device": str(model.device),
        "precision": model.precision,
        "box": getattr(arguments, "box", None),
    }
    extra = {
        "target": target.name,
        "clicks": [_described(click, volume) for click in target.clicks],
        "measurements": asdict(target.measurement),
        "working_spacing_mm": target.working_spacing_mm,
        "expected_dice": target.expected_dice,
        "seconds": {**run.seconds, "prompts": list(target.seconds)},
        "weights": {
            "name": description.name,
            "path": str(weights),
            "sha256": description.sha256 or sha256_of(weights),
            "architecture": description.architecture,
            "licence": description.licence,
            "date": description.date,
        },
        "reader": volume.source.record,
        "grid": {"shape": list(volume.shape), "affine": volume.affine.tolist()},
        "warnings": list(run.warnings),
        "intended_use": DISCLAIMER,
        **further,
    }
    return run_record(arguments.command_line, [*inputs, weights], outputs, config, run.started, extra=extra)


def _described(click: Click, volume: Volume) -> dict[str, Any]:
    """Return a click with its world position and the SUV of the voxel it lies in."""
    return {
        "ijk": list(click.ijk),
        "xyz_mm": [round(c, 3) for c in volume.to_xyz_mm(click.ijk)],
        "positive": click.positive,
        "suv": suv_at(volume, click),
    }


def suv_at(volume: Volume, click: Click) -> float:
    """Return the SUV of the voxel that a click lies in."""
    voxel = tuple(min(max(int(c + 0.5), 0), n - 1) for c, n in zip(click.ijk, volume.shape, strict=True))
    return float(volume.array[voxel])


def clicks_table(clicks: Sequence[Click], volume: Volume) -> str:
    """Return the clicks with voxel, world position and SUV, as text."""
    rows = [["click", "voxel i,j,k", "x,y,z (mm)", "SUV"]]
    for click in clicks:
        x, y, z = volume.to_xyz_mm(click.ijk)
        rows.append(
            [
                "positive" if click.positive else "negative",
                ",".join(f"{round(c, 1):g}" for c in click.ijk),
                f"{x:.1f},{y:.1f},{z:.1f}",
                f"{suv_at(volume, click):.2f}",
            ]
        )
    return table(rows)


def shown(value: float | None, digits: int) -> str:
    """Return a number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
