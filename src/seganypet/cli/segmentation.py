"""A model, a session, and targets segmented in it: what `segment` and `demo` have in common."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seganypet.cli.messages import progress
from seganypet.errors import SegAnyPETWarning

if TYPE_CHECKING:
    from seganypet.analysis.quantification import Measurement
    from seganypet.inference.session import Session
    from seganypet.models.model import SegmentationModel
    from seganypet.prompts.box import Box
    from seganypet.prompts.click import Click
    from seganypet.volume import Mask, Volume

DISCLAIMER = "Research use only, not a medical device."


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmented:
    """A segmented target.

    Attributes:
        name: What it is called.
        mask: On the volume's own grid.
        clicks: The clicks that made it.
        measurement: What the mask holds.
        working_spacing_mm: Edge of the voxels of the working grid that the mask was made on.
        expected_dice: How good the mask is likely to be, or None, as of `Session`.
        seconds: Time of each prompt: the box or mask, then the clicks.
    """

    name: str
    mask: Mask
    clicks: tuple[Click, ...]
    measurement: Measurement
    working_spacing_mm: float
    expected_dice: float | None
    seconds: Sequence[float]


class Stopwatch:
    """Measures times one after the other."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap, or since the start."""
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        return round(seconds, 3)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add `--weights`, `--device` and `--precision`."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--weights",
        default="default",
        metavar="W",
        help="shipped weights by name, a .safetensors file, or a .pth checkpoint of SegAnyPET or SAM-Med3D",
    )
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu, cuda, cuda:1, …; auto takes a GPU if there is one"
    )
    group.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="number format"
    )


def load(arguments: argparse.Namespace) -> SegmentationModel:
    """Return the model that the arguments name."""
    with progress("loading the model"):
        from seganypet.models.weights import load_model

        return load_model(arguments.weights, device=arguments.device, precision=arguments.precision)


def session_on(volume: Volume, model: SegmentationModel) -> Session:
    """Return a session with a volume on the model's working grid."""
    from seganypet.inference.session import Session

    session = Session(model)
    session.set_volume(volume)
    return session


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
        box: A box to start from, instead of a mask.

    Raises:
        PromptError, GeometryError: As for `Session`.
    """
    from seganypet.analysis.quantification import measure

    session.reset()
    stopwatch, seconds = Stopwatch(), []
    with progress(f"segmenting {name}"):
        if box is not None:
            session.add_box(box.ijk_min, box.ijk_max)
            seconds.append(stopwatch.lap())
        if prior is not None:
            session.add_mask(prior)
            seconds.append(stopwatch.lap())
        for click in clicks:
            session.add_click(click.ijk, click.positive)
            seconds.append(stopwatch.lap())
    mask = session.mask
    measurement = measure(session.volume, mask)
    if not mask.array.any():
        warnings.warn(
            f"{name}: the mask is empty, for the network found no target there; add a positive click in its middle",
            SegAnyPETWarning,
            stacklevel=2,
        )
    return Segmented(
        name=name,
        mask=mask,
        clicks=tuple(clicks),
        measurement=measurement,
        working_spacing_mm=session.working_spacing_mm,
        expected_dice=session.expected_dice,
        seconds=seconds,
    )
