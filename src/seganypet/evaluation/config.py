"""How methods are evaluated; with the same settings the same numbers come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from seganypet.errors import UsageError
from seganypet.evaluation.autopet import PAIRS
from seganypet.evaluation.cases import Lesions
from seganypet.evaluation.metrics import TOLERANCE_MM
from seganypet.evaluation.readers import Habits

Scheme = Literal["clicks", "autopet", "recorded"]
"""Where clicks come from: a reader who looks at each mask; ten pairs made in advance, on all lesions of a case; or the
files that the manifest names in its column `prompts`."""
MOST_CLICKS: Final = 100


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Settings of an evaluation.

    Attributes:
        scheme: Where clicks come from.
        clicks: After how many clicks results are shown; all up to the largest are made and recorded.
        habits: How the simulated reader clicks.
        draws: How often each target is segmented, with other random clicks.
        seed: Of all randomness.
        targets: Their names; empty for all.
        lesions: All of a case as one target, one by one, both, or none.
        tolerance_mm: Of the surface Dice.

    Raises:
        UsageError: Clicks that are none; draws that would all be the same; a tolerance below 0; autoPET's scheme
            without lesions as one target.
    """

    scheme: Scheme = "clicks"
    clicks: tuple[int, ...] = (1, 3, 5)
    habits: Habits = field(default_factory=Habits)
    draws: int = 1
    seed: int = 0
    targets: tuple[str, ...] = ()
    lesions: Lesions = "both"
    tolerance_mm: float = TOLERANCE_MM

    def __post_init__(self) -> None:
        if not self.clicks or not all(1 <= n <= MOST_CLICKS for n in self.clicks):
            raise UsageError(
                f"clicks {','.join(map(str, self.clicks)) or 'none'}: expected whole numbers from 1 to {MOST_CLICKS}"
            )
        if list(self.clicks) != sorted(set(self.clicks)):
            raise UsageError(f"clicks are {self.clicks}; give each number once, the smallest first")
        if self.draws < 1 or self.seed < 0:
            raise UsageError(f"draws is {self.draws} and seed {self.seed}; expected 1 and 0, or more")
        if self.draws > 1 and not (
            self.scheme == "autopet" or (self.scheme == "clicks" and self.habits.random)
        ):
            raise UsageError(
                f"draws is {self.draws}, but all would be the same; choose a random first click, or a perturbation"
            )
        if not self.tolerance_mm >= 0:
            raise UsageError(f"tolerance_mm is {self.tolerance_mm}; expected a length of 0 or more")
        if self.scheme == "autopet" and self.lesions not in ("union", "both"):
            raise UsageError(
                f"autoPET's scheme is for all lesions of a case as one target, not {self.lesions!r}"
            )

    @property
    def rounds(self) -> int:
        """How often the reader clicks at each target."""
        return PAIRS if self.scheme == "autopet" else self.clicks[-1]
