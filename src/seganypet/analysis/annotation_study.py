"""The papers' annotation study: how long readers need without the model and with it, and how well masks agree.

A manual reading is one in which the model was off, an assisted one any other. A reader's manual reading of a scan is
compared with the same reader's assisted one [P2, clinical utility]. The time that is saved is
100 · (1 − assisted / manual) per cent, of several scans or lesions that of their sums.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from seganypet.analysis.annotation_matching import Match, matches
from seganypet.analysis.annotation_time import IDLE_S, Effort, efforts, total
from seganypet.analysis.study_scans import scan_labels
from seganypet.errors import UsageError
from seganypet.io.study_log import StudyObject, StudyReading

# Of fewer pairs, Wilcoxon's two-sided p is above 0.05 whatever they are.
_LEAST_TESTED: Final = 6
MODES: Final = {False: "manual", True: "assisted"}


@dataclass(frozen=True, kw_only=True)
class LesionPair:
    """One lesion of one scan, as a reader segmented it without the model and with it.

    Attributes:
        scan: As tables name it.
        reader: Name of the reader.
        manual_object: Id and name in the manual reading; None where nothing there fits the assisted one.
        assisted_object: Likewise, in the assisted reading.
        manual: Work on it; None as above.
        assisted: Likewise.
        saving_pct: None where one is missing, or took no time.
        dice: Of the two masks; None where one is missing or both are empty.
        matched_by: "overlap" or "name"; None where one is missing.
    """

    scan: str
    reader: str
    manual_object: str | None
    assisted_object: str | None
    manual: Effort | None
    assisted: Effort | None
    saving_pct: float | None
    dice: float | None
    matched_by: str | None


@dataclass(frozen=True, kw_only=True)
class ScanPair:
    """One scan, as a reader read it both ways; all work counts, that on objects without a counterpart included.

    Attributes:
        scan: As tables name it.
        reader: Name of the reader.
        manual: Work on all objects.
        assisted: Likewise.
        saving_pct: None where the manual reading took no time.
    """

    scan: str
    reader: str
    manual: Effort
    assisted: Effort
    saving_pct: float | None


@dataclass(frozen=True, kw_only=True)
class ReaderPair:
    """How two readers agree on the lesions of the scans that both read in the same way.

    Attributes:
        readers: Their names.
        mode: "manual" or "assisted".
        scans: How many.
        lesions: How many were found to be the same.
        alone: How many only one of them has.
        dice: Mean over the lesions that are the same; None where there are none.
    """

    readers: tuple[str, str]
    mode: str
    scans: int
    lesions: int
    alone: int
    dice: float | None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Seconds of several scans or lesions: sum, mean, and standard deviation of the sample, None of a single one."""

    total_s: float
    mean_s: float
    sd_s: float | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Manual against assisted time of a reader, or of all readers together.

    Attributes:
        reader: Name of the reader; None of all.
        unit: "scan" or "lesion": what one measurement is.
        n: How many pairs there are.
        manual: Of their times.
        assisted: Likewise.
        saving_pct: Of the sums; None where manual work took no time.
        dice: Mean of the Dice coefficients between both ways; None of scans, and where there are none.
        p_value: Wilcoxon's signed-rank test of the pairs, two-sided; None of fewer than six that differ.
    """

    reader: str | None
    unit: str
    n: int
    manual: Spread
    assisted: Spread
    saving_pct: float | None
    dice: float | None
    p_value: float | None


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that tables are made of.

    Attributes:
        idle_s: How much of a pause counts at most.
        comparisons: Scans, then lesions; each reader, then all where there are several.
        scans: Every scan that a reader read both ways.
        lesions: Every lesion of these scans, those without a counterpart included.
        agreements: Of every two readers, where they read the same scans in the same way.
        unpaired: Readings without a counterpart: scan, reader, mode.
    """

    idle_s: float
    comparisons: tuple[Comparison, ...]
    scans: tuple[ScanPair, ...]
    lesions: tuple[LesionPair, ...]
    agreements: tuple[ReaderPair, ...]
    unpaired: tuple[tuple[str, str, str], ...]


_Readings = Mapping[tuple[str, str, bool], StudyReading]
"""By scan, reader and whether the model was on."""


def annotation_study(logs: Sequence[Sequence[StudyReading]], *, idle_s: float = IDLE_S) -> Study:
    """Return what readings say of the time that assistance saves.

    Args:
        logs: Readings, log by log.
        idle_s: How much of a pause counts at most.

    Raises:
        UsageError: There are no readings; one is in two logs; or nobody read a scan both ways.
    """
    readings = _sorted(logs)
    both = [(scan, reader) for scan, reader, assisted in readings if not assisted]
    both = [(scan, reader) for scan, reader in both if (scan, reader, True) in readings]
    if not both:
        raise UsageError(_one_sided(readings))
    scans, lesions = [], []
    for scan, reader in both:
        manual, assisted = readings[scan, reader, False], readings[scan, reader, True]
        scans.append(_scan_pair(scan, reader, manual, assisted, idle_s))
        lesions += _lesion_pairs(scan, reader, manual, assisted, idle_s)
    return Study(
        idle_s=idle_s,
        comparisons=(*_comparisons("scan", scans), *_comparisons("lesion", lesions)),
        scans=tuple(scans),
        lesions=tuple(lesions),
        agreements=tuple(_agreements(readings)),
        unpaired=tuple(
            (scan, reader, MODES[assisted])
            for scan, reader, assisted in readings
            if (scan, reader, not assisted) not in readings
        ),
    )


def saving_pct(manual: Effort | Spread | None, assisted: Effort | Spread | None) -> float | None:
    """Return how much less time the assisted work took, in per cent; None where that has no value."""
    if manual is None or assisted is None:
        return None
    before, after = (
        part.seconds if isinstance(part, Effort) else part.total_s for part in (manual, assisted)
    )
    return 100 * (1 - after / before) if before > 0 else None


def _sorted(logs: Sequence[Sequence[StudyReading]]) -> _Readings:
    """Return all readings by scan, reader and mode, in this order."""
    labels = scan_labels(logs)
    found: dict[tuple[str, str, bool], StudyReading] = {}
    for reading in itertools.chain(*logs):
        key = labels[reading.scan_id], reading.reader, reading.assisted
        if key in found:
            raise UsageError(
                f"the {MODES[reading.assisted]} reading of {key[0]} by {reading.reader} is in two logs; give each once"
            )
        found[key] = reading
    return {key: found[key] for key in sorted(found)}


def _one_sided(readings: _Readings) -> str:
    """Return why there is nothing to compare."""
    if not readings:
        return "there are no readings to compare; begin some on the page, manual ones with the model off"
    count = Counter((reader, MODES[assisted]) for _, reader, assisted in readings)
    held = ", ".join(f"{reader}: {number} {mode}" for (reader, mode), number in sorted(count.items()))
    return (
        f"nobody read a scan both ways, by hand and assisted ({held}); the same reader, by the same name, must read "
        "the same scan once more the other way"
    )


def _scan_pair(
    scan: str, reader: str, manual: StudyReading, assisted: StudyReading, idle_s: float
) -> ScanPair:
    before, after = (total(efforts(reading, idle_s).values()) for reading in (manual, assisted))
    return ScanPair(
        scan=scan, reader=reader, manual=before, assisted=after, saving_pct=saving_pct(before, after)
    )


def _lesion_pairs(
    scan: str, reader: str, manual: StudyReading, assisted: StudyReading, idle_s: float
) -> list[LesionPair]:
    before, after = efforts(manual, idle_s), efforts(assisted, idle_s)
    return [
        _lesion_pair(scan, reader, match, before, after)
        for match in matches(manual.objects, assisted.objects)
    ]


def _lesion_pair(
    scan: str, reader: str, match: Match, before: Mapping[int, Effort], after: Mapping[int, Effort]
) -> LesionPair:
    manual = None if match.first is None else before.get(match.first.id, Effort())
    assisted = None if match.second is None else after.get(match.second.id, Effort())
    return LesionPair(
        scan=scan,
        reader=reader,
        manual_object=_label(match.first),
        assisted_object=_label(match.second),
        manual=manual,
        assisted=assisted,
        saving_pct=saving_pct(manual, assisted),
        dice=match.dice,
        matched_by=match.by,
    )


def _label(found: StudyObject | None) -> str | None:
    return None if found is None else f"{found.id} {found.name}"


def _comparisons(unit: str, pairs: Sequence[ScanPair] | Sequence[LesionPair]) -> list[Comparison]:
    """Return the comparison of each reader, and of all where there are several."""
    readers = sorted({pair.reader for pair in pairs})
    found = [
        _comparison(reader, unit, [pair for pair in pairs if pair.reader == reader]) for reader in readers
    ]
    if len(readers) > 1:
        found.append(_comparison(None, unit, pairs))
    return [comparison for comparison in found if comparison is not None]


def _comparison(reader: str | None, unit: str, pairs: Iterable[ScanPair | LesionPair]) -> Comparison | None:
    """Return the comparison of those pairs that have both sides, or None where there are none."""
    complete: list[tuple[Effort, Effort, float | None]] = [
        (pair.manual, pair.assisted, getattr(pair, "dice", None))
        for pair in pairs
        if pair.manual is not None and pair.assisted is not None
    ]
    if not complete:
        return None
    manual, assisted = (
        [sides[side].seconds for sides in ((m, a) for m, a, _ in complete)] for side in (0, 1)
    )
    known = [score for _, _, score in complete if score is not None]
    before, after = _spread(manual), _spread(assisted)
    return Comparison(
        reader=reader,
        unit=unit,
        n=len(complete),
        manual=before,
        assisted=after,
        saving_pct=saving_pct(before, after),
        dice=statistics.fmean(known) if known else None,
        p_value=_wilcoxon(manual, assisted),
    )


def _spread(seconds: Sequence[float]) -> Spread:
    deviation = statistics.stdev(seconds) if len(seconds) > 1 else None
    return Spread(total_s=sum(seconds), mean_s=statistics.fmean(seconds), sd_s=deviation)


def _wilcoxon(manual: Sequence[float], assisted: Sequence[float]) -> float | None:
    """Return the p of Wilcoxon's signed-rank test, two-sided, pairs without a difference left out."""
    if sum(m != a for m, a in zip(manual, assisted, strict=True)) < _LEAST_TESTED:
        return None
    from scipy import stats

    result: Any = stats.wilcoxon(manual, assisted)
    return float(result.pvalue)


def _agreements(readings: _Readings) -> Iterable[ReaderPair]:
    """Give every two readers and mode in which they read a scan in common."""
    for assisted in MODES:
        by_reader: dict[str, dict[str, StudyReading]] = {}
        for (scan, reader, mode), reading in readings.items():
            if mode == assisted:
                by_reader.setdefault(reader, {})[scan] = reading
        for first, second in itertools.combinations(sorted(by_reader), 2):
            common = sorted(by_reader[first].keys() & by_reader[second].keys())
            if common:
                yield _reader_pair(
                    (first, second),
                    MODES[assisted],
                    [(by_reader[first][scan], by_reader[second][scan]) for scan in common],
                )


def _reader_pair(
    readers: tuple[str, str], mode: str, pairs: Sequence[tuple[StudyReading, StudyReading]]
) -> ReaderPair:
    found = [match for first, second in pairs for match in matches(first.objects, second.objects)]
    same = [match for match in found if match.by is not None]
    known = [match.dice for match in same if match.dice is not None]
    return ReaderPair(
        readers=readers,
        mode=mode,
        scans=len(pairs),
        lesions=len(same),
        alone=len(found) - len(same),
        dice=statistics.fmean(known) if known else None,
    )
