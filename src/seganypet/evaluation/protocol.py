"""The interactive protocol: a simulated reader clicks, a method answers, Dice after each click."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np

from seganypet.errors import ImageValueError
from seganypet.evaluation.metrics import dice
from seganypet.evaluation.thresholds import region_growing, threshold_41
from seganypet.inference import Session
from seganypet.models.model import SegmentationModel
from seganypet.prompts import Click, ClickPolicy, next_click
from seganypet.volume import BoolArray, Mask, Volume


class ClickMethod(Protocol):
    """A method that answers clicks with masks; it never sees the reference."""

    def start(self, volume: Volume) -> None:
        """Take a volume; forget all clicks."""

    def restart(self) -> None:
        """Forget all clicks, keep the volume."""

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click, bool [I, J, K] on the volume's grid."""


class SessionMethod:
    """A promptable model, as a reader uses it."""

    def __init__(self, model: SegmentationModel) -> None:
        self._session = Session(model)

    def start(self, volume: Volume) -> None:
        """Take a volume; forget all clicks."""
        self._session.set_volume(volume)

    def restart(self) -> None:
        """Forget all clicks, keep the volume and its embeddings."""
        self._session.reset()

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        mask: Mask = self._session.add_click(click.ijk, positive=click.positive)
        return mask.array


class ThresholdMethod:
    """A habit of the clinic: what a threshold gives at the first click.

    It has no way to be corrected: joining the regions of several clicks, or taking away those of negative ones, made
    it worse on every target tried, so later clicks leave its mask as it is.

    Args:
        name: "threshold41" (41 % of SUVmax, connected, seeded at the hottest voxel within 8 mm) or "region_growing"
            (connected voxels above half of the clicked voxel's SUV).
    """

    def __init__(self, name: Literal["threshold41", "region_growing"]) -> None:
        self._name = name

    def start(self, volume: Volume) -> None:
        """Take a volume; forget all clicks."""
        self._volume = volume
        self.restart()

    def restart(self) -> None:
        """Forget all clicks, keep the volume."""
        self._mask: BoolArray | None = None

    def click(self, click: Click) -> BoolArray:
        """Return the mask of the first click."""
        if self._mask is None:
            volume = self._volume
            if self._name == "threshold41":
                self._mask = threshold_41(volume.array, click.ijk, volume.spacing_mm)
            else:
                self._mask = region_growing(volume.array, click.ijk)
        return self._mask


def dice_per_click(
    method: ClickMethod,
    reference: BoolArray,
    spacing_mm: tuple[float, float, float],
    *,
    clicks: int,
    first: ClickPolicy = "deepest",
    generator: np.random.Generator | None = None,
) -> Iterator[float]:
    """Yield the Dice after each click of a simulated reader; the method must have been given the volume.

    The first click goes to the deepest voxel of the target (or to a random one), each later one to the deepest
    voxel of the largest error. Where nothing is wrong any more, the last Dice is repeated.

    Args:
        method: What is tested.
        reference: The target, bool [I, J, K], on the volume's grid.
        spacing_mm: Voxel size along i, j, k.
        clicks: How many.
        first: Policy of the first click.
        generator: Source of randomness for a random first click.

    Raises:
        ImageValueError: The reference is empty: there is nothing to click, and any method would be perfect.
    """
    if not reference.any():
        raise ImageValueError("the reference is empty: there is nothing to click; leave this target out")
    method.restart()
    prediction = np.zeros_like(reference)
    for number in range(clicks):
        policy: ClickPolicy = first if number == 0 else "deepest"
        click = next_click(prediction, reference, spacing_mm=spacing_mm, policy=policy, generator=generator)
        if click is not None:
            prediction = method.click(click)
        yield dice(prediction, reference)
