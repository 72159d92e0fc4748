"""`Entry`: the published uptake of a tissue, and its log-normal form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from seganypet.errors import UsageError

ESTIMATE = "estimate"


@dataclass(frozen=True)
class Entry:
    """Mean SUV of a tissue with its spread between patients.

    Attributes:
        mean: Arithmetic mean over patients of the tissue's mean SUV (body weight).
        sd: Arithmetic standard deviation between patients.
        source: Key of `SOURCES`, or "estimate" where no survey measured the tissue.
        note: How the value follows from its source; for an estimate, from which tissue it was set.

    Raises:
        UsageError: A value is not positive, or an estimate does not say what it rests on.
    """

    mean: float
    sd: float
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        if not (self.mean > 0 and self.sd > 0):
            raise UsageError(f"uptake {self.mean:g} with SD {self.sd:g}; expected both above 0")
        if self.source == ESTIMATE and not self.note:
            raise UsageError(f"uptake {self.mean:g} is an estimate without a note; say what it was set from")

    @cached_property
    def lognormal(self) -> tuple[float, float]:
        """Log median and log standard deviation of the log-normal with this mean and standard deviation.

        sigma² = ln(1 + (sd / mean)²) and mu = ln(mean) - sigma² / 2, from the moments of the log-normal
        distribution, mean = exp(mu + sigma² / 2) and variance = (exp(sigma²) - 1) mean².
        """
        variance = math.log1p((self.sd / self.mean) ** 2)
        return math.log(self.mean) - variance / 2, math.sqrt(variance)


def estimate(mean: float, sd: float, note: str) -> Entry:
    """Return an entry that no survey confirms, with what it was set from."""
    return Entry(mean, sd, ESTIMATE, note)
