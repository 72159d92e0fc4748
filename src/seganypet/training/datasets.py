"""Data sets of samples in which sample number n is a pure function of (seed, n), whoever asks for it and when."""

from __future__ import annotations

from torch.utils.data import Dataset

from seganypet.errors import UsageError
from seganypet.training.balance import IndexedCase, TargetIndex
from seganypet.training.cohort import Cohort
from seganypet.training.cutting import PatchFormat
from seganypet.training.randomness import Seed, Use, rng_of
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig, draw_sample


class CohortPatches(Dataset[Sample]):
    """Patches of the cases of a cohort; without end, so it has no length.

    Args:
        cohort: From `read_cohort`.
        form: What the network expects.
        sampling: How patches are drawn.
        seed: Of everything.

    Raises:
        UsageError: As for `TargetIndex`.
    """

    def __init__(self, cohort: Cohort, form: PatchFormat, sampling: SamplingConfig, seed: Seed) -> None:
        self.cohort, self.form, self.sampling, self.seed = cohort, form, sampling, seed
        indexed = [IndexedCase(case.manifest, case.hq, case.targets) for case in cohort.cases]
        self._index = TargetIndex(indexed, sampling)

    def __getitem__(self, number: int) -> Sample:
        """Return a sample by its number, 0 or above.

        Raises:
            ImageReadError: A case's folder in the cache is damaged, or gone.
        """
        rng = rng_of(self.seed, Use.COHORT_SAMPLE, number)
        at, target = self._index.draw(number, rng)
        case = self.cohort.open(at)
        return draw_sample(case, case.targets[target], self.form, self.sampling, rng)


class MixedPatches(Dataset[Sample]):
    """Samples of two data sets, one of them with a given share.

    Sample n is sample n of one or the other.

    Args:
        first: Where most come from.
        second: Where `share` of them come from.
        share: Part of `second`, 0 to 1.
        seed: Of the choice.

    Raises:
        UsageError: The share is none.
    """

    def __init__(self, first: Dataset[Sample], second: Dataset[Sample], share: float, seed: Seed) -> None:
        if not 0 <= share <= 1:
            raise UsageError(f"share is {share}; expected 0 to 1")
        self.first, self.second, self.share, self.seed = first, second, share, seed

    def __getitem__(self, number: int) -> Sample:
        """Return a sample by its number, 0 or above."""
        chosen = (
            self.second if rng_of(self.seed, Use.MIXED_SAMPLE, number).random() < self.share else self.first
        )
        return chosen[number]
