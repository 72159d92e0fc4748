"""Readers: where the clicks of an evaluation come from. They alone see the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from seganypet.analysis.views import nearest_axes
from seganypet.errors import ImageValueError, UsageError
from seganypet.prompts import CLICK_POLICIES, Click, ClickPolicy, next_click
from seganypet.volume import Affine, BoolArray

# So thick that no voxel beside the slice is ever the nearest one outside the target.
_THICK_MM: Final = 1e6


class Reader(Protocol):
    """Someone who looks at a mask and clicks."""

    def clicks(self, prediction: BoolArray) -> Sequence[Click]:
        """Return what is clicked next, in order, given the mask [I, J, K]; nothing where nothing is wrong."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a simulated reader clicks; see `seganypet.prompts.next_click`.

    Attributes:
        first: Policy of the first click.
        later: Policy of all others.
        perturbation_mm: Standard deviation of a random offset of every click, along each axis.

    Raises:
        UsageError: A policy that is none, or a perturbation below 0.
    """

    first: ClickPolicy = "deepest"
    later: ClickPolicy = "deepest"
    perturbation_mm: float = 0.0

    def __post_init__(self) -> None:
        for policy in (self.first, self.later):
            if policy not in CLICK_POLICIES:
                raise UsageError(f"click policy {policy!r} is unknown; choose of {', '.join(CLICK_POLICIES)}")
        if not (math.isfinite(self.perturbation_mm) and self.perturbation_mm >= 0):
            raise UsageError(f"perturbation_mm is {self.perturbation_mm}; expected a length of 0 or more")

    @property
    def random(self) -> bool:
        """Whether another draw gives other clicks."""
        return (self.first, self.later) != ("deepest", "deepest") or self.perturbation_mm > 0


class SimulatedReader:
    """Clicks in 3D, one click each time, where the mask differs from the reference [P1 Alg. 1, P2 eq. 1].

    Args:
        reference: The target, bool [I, J, K].
        spacing_mm: Voxel size along i, j, k.
        habits: How the reader clicks.
        generator: Source of randomness; the same seed gives the same clicks on the same masks.

    Raises:
        ImageValueError: The reference is empty: there is nothing to click, and any method would be perfect.
    """

    def __init__(
        self,
        reference: BoolArray,
        spacing_mm: tuple[float, float, float],
        habits: Habits,
        generator: np.random.Generator,
    ) -> None:
        if not reference.any():
            raise ImageValueError("the reference is empty: there is nothing to click; leave this target out")
        self._reference = reference
        self._spacing_mm = spacing_mm
        self._habits = habits
        self._generator = generator
        self._policy = habits.first

    def clicks(self, prediction: BoolArray) -> Sequence[Click]:
        """Return one click, or none where the masks agree."""
        click = next_click(
            prediction,
            self._reference,
            spacing_mm=self._spacing_mm,
            policy=self._policy,
            generator=self._generator,
            perturbation_mm=self._habits.perturbation_mm,
        )
        self._policy = self._habits.later
        return [] if click is None else [click]


class SliceReader:
    """Clicks once in every axial slice that holds the target, each time: N, 2N, 3N, ... points [P1 Table 1].

    In each slice the click goes where a reader of that slice alone would put it.

    Args:
        reference: The target, bool [I, J, K].
        affine: Of its grid.
        habits: How the reader clicks.
        generator: Source of randomness.

    Raises:
        ImageValueError: The reference is empty.
    """

    def __init__(
        self, reference: BoolArray, affine: Affine, habits: Habits, generator: np.random.Generator
    ) -> None:
        axis = axial_axis(affine)
        others = tuple(a for a in range(3) if a != axis)
        i, j, k = (
            _THICK_MM if a == axis else float(mm)
            for a, mm in enumerate(np.linalg.norm(affine[:3, :3], axis=0))
        )
        self._axis = axis
        self._reader_of = {
            int(n): SimulatedReader(_slice(reference, axis, int(n)), (i, j, k), habits, generator)
            for n in np.flatnonzero(reference.any(axis=others))
        }
        if not self._reader_of:
            raise ImageValueError("the reference is empty: there is nothing to click; leave this target out")

    def clicks(self, prediction: BoolArray) -> Sequence[Click]:
        """Return a click in each slice of the target, but for those that are right."""
        found = []
        for n, reader in self._reader_of.items():
            for click in reader.clicks(_slice(prediction, self._axis, n)):
                ijk = list(click.ijk)
                ijk[self._axis] = float(n)
                found.append(Click((ijk[0], ijk[1], ijk[2]), positive=click.positive))
        return found


class RecordedReader:
    """Makes the clicks that were made before, whatever the masks.

    Args:
        rounds: What was clicked each time.

    Attributes:
        rounds: How many times.
    """

    def __init__(self, rounds: Sequence[Sequence[Click]]) -> None:
        self.rounds = len(rounds)
        self._left = iter(rounds)

    def clicks(self, prediction: BoolArray) -> Sequence[Click]:
        """Return the next recorded clicks; nothing when there are no more."""
        return next(self._left, ())


def axial_axis(affine: Affine) -> int:
    """Return the array's axis along which axial slices follow each other."""
    return nearest_axes(affine)[0][2]


def _slice(mask: BoolArray, axis: int, number: int) -> BoolArray:
    """Return one slice, as an array one voxel thick."""
    return np.take(mask, [number], axis=axis)
