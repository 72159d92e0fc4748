"""One target segmented from its prompts, with what is worth saying and keeping about it; used by several verbs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seganypet.cli.messages import table
from seganypet.cli.parsing import numbers

if TYPE_CHECKING:
    from datetime import datetime

    from seganypet.analysis.quantification import Measurement
    from seganypet.inference.session import Session
    from seganypet.models.model import SegmentationModel
    from seganypet.prompts.click import Click
    from seganypet.volume import Mask, Source, Volume

DISCLAIMER = "Research use only, not a medical device."
Box = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmented:
    """A segmented target.

    Attributes:
        name: What it is called.
        mask: On the volume's own grid.
        clicks: The clicks that made it.
        measurement: What the mask holds.
        seconds: Time of each prompt: the box or mask, then the clicks.
    """

    name: str
    mask: Mask
    clicks: tuple[Click, ...]
    measurement: Measurement
    seconds: list[float]


@dataclass
class Stopwatch:
    """Seconds by what they were spent on, in order.

    Attributes:
        seconds: The times so far.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """Book the time since the last lap."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._since, 3)
        self._since = now


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add `--weights`, `--device` and `--precision`."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--weights", default="default", metavar="W", help="shipped weights by name, or a .safetensors file"
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, …; auto takes a GPU if there is one"
    )
    group.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="number format"
    )


def add_prompt_options(parser: argparse.ArgumentParser) -> None:
    """Add the prompts other than clicks: `--box`, `--prompts`, `--object` and `--mask`."""
    group = parser.add_argument_group("other prompts")
    form = "I,J,K,I,J,K"
    group.add_argument(
        "--box", type=numbers(form), metavar=form, help="first and last voxel of a box around the target"
    )
    group.add_argument(
        "--prompts", type=Path, metavar="FILE", help="clicks of a file, made before those typed here"
    )
    group.add_argument(
        "--object", metavar="NAME", help="which object of the prompt file, where it holds several"
    )
    group.add_argument(
        "--mask", type=Path, metavar="PRIOR", help="a mask to start from, which the clicks correct"
    )


def load(arguments: argparse.Namespace) -> SegmentationModel:
    """Return the model that `arguments` name."""
    from seganypet.models.weights import load_model

    return load_model(arguments.weights, device=arguments.device, precision=arguments.precision)


def segment_target(
    session: Session,
    clicks: Sequence[Click],
    *,
    name: str,
    prior: Mask | None = None,
    box: Box | None = None,
) -> Segmented:
    """Return one target of the session's volume; the session is reset first, its embeddings are kept.

    Args:
        session: With a volume.
        clicks: In order.
        name: What the target is called.
        prior: A mask to start from.
        box: First and last voxel of a box.

    Raises:
        PromptError, GeometryError: As for `Session`.
    """
    from seganypet.analysis.quantification import measure

    session.reset()
    seconds = []
    stopwatch = Stopwatch()
    if box is not None:
        session.add_box(box[:3], box[3:])
        stopwatch.lap("prompt")
        seconds.append(stopwatch.seconds["prompt"])
    if prior is not None:
        session.add_mask(prior)
        stopwatch.lap("prompt")
        seconds.append(stopwatch.seconds["prompt"])
    for click in clicks:
        session.add_click(click.ijk, click.positive)
        stopwatch.lap("prompt")
        seconds.append(stopwatch.seconds["prompt"])
    mask = session.mask
    return Segmented(
        name=name, mask=mask, clicks=tuple(clicks), measurement=measure(session.volume, mask), seconds=seconds
    )


def record_of(
    arguments: argparse.Namespace,
    volume: Volume,
    model: SegmentationModel,
    target: Segmented,
    *,
    started: datetime,
    outputs: Sequence[Path],
    seconds: Mapping[str, float],
    warnings: Sequence[str],
    further: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the run record of a mask: all that is needed to make it again, and what was measured in it.

    Args:
        arguments: What was asked for.
        volume: The scan.
        model: What segmented it.
        target: The result.
        started: When the run began.
        outputs: Files of this run.
        seconds: Times of the run's parts.
        warnings: Texts of the warnings shown.
        further: Further entries.
    """
    from seganypet.io import run_record
    from seganypet.models.weights import weights_path

    inputs: list[str | Path | Source] = [volume.source]
    inputs += [
        path for path in (getattr(arguments, "prompts", None), getattr(arguments, "mask", None)) if path
    ]
    description = model.description
    path = weights_path(arguments.weights)
    config = {
        "weights": arguments.weights,
        "device": str(model.device),
        "precision": model.precision,
        "working_spacing_mm": description.spacing_mm,
        "box": getattr(arguments, "box", None),
    }
    return run_record(
        arguments.command_line,
        [*inputs, path],
        outputs,
        config,
        started,
        extra={
            "target": target.name,
            "clicks": [described_click(click, volume) for click in target.clicks],
            "measurements": asdict(target.measurement),
            "seconds": {**seconds, "prompts": target.seconds},
            "weights": {
                "name": description.name,
                "path": str(path),
                "sha256": description.sha256,
                "architecture": description.architecture,
                "licence": description.licence,
                "date": description.date,
            },
            "reader": volume.source.record,
            "grid": {"shape": list(volume.shape), "affine": volume.affine.tolist()},
            "warnings": list(warnings),
            "intended_use": DISCLAIMER,
            **(further or {}),
        },
    )


def described_click(click: Click, volume: Volume) -> dict[str, Any]:
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
                ",".join(f"{c:g}" for c in click.ijk),
                f"{x:.1f},{y:.1f},{z:.1f}",
                f"{suv_at(volume, click):.2f}",
            ]
        )
    return table(rows)


def shown(value: float | None, digits: int) -> str:
    """Return a number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
