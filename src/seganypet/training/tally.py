"""`Tally`: the numbers of the steps since the last line of the log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from seganypet.training.distributed import Processes


class Tally:
    """Series of numbers, all kept: their exact sums depend neither on their order nor on where a run was cut.

    Args:
        series: Numbers so far, by name.
    """

    def __init__(self, series: Mapping[str, Iterable[float]] | None = None) -> None:
        self.series = {name: list(values) for name, values in (series or {}).items()}

    def add(self, numbers: Mapping[str, float]) -> None:
        """Take up numbers; those that are not finite are left out."""
        for name, value in numbers.items():
            if math.isfinite(value):
                self.series.setdefault(name, []).append(value)

    def pool(self, processes: Processes) -> None:
        """Move what all processes have into the first one's tally."""
        gathered = processes.gather(self.series)
        self.series = {}
        for series in gathered if processes.is_first else ():
            for name, values in series.items():
                self.series.setdefault(name, []).extend(values)

    def total(self, name: str) -> float:
        """Return the sum of a series, 0 where there is none."""
        return math.fsum(self.series.get(name, ()))

    def mean(self, name: str) -> float | None:
        """Return the mean of a series, None where there is none."""
        values = self.series.get(name)
        return math.fsum(values) / len(values) if values else None
