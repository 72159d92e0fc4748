"""When the tracer was injected, and what time the activity in the image is decay-corrected to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final

from seganypet.errors import SUVError
from seganypet.io.suv_tags import FrameTags, Ledger, remedy

# A scan that starts longer than this after the injection of the evening before is a mistaken clock instead.
_LONGEST_UPTAKE_OVER_MIDNIGHT = timedelta(hours=12)
# Times are stored with and without fractions of a second.
_SAME_TIME = timedelta(seconds=1)
# Back-computed reference times of one series differ by rounding only; 1 min is 0.6 % of SUV with F-18.
_WIDEST_BACK_COMPUTED = timedelta(minutes=1)
_LATE_ACQUISITION = timedelta(minutes=10)
_CLOCK_DIFFERENCE_S: Final = 60.0
_NO_DATE = datetime(1900, 1, 1)


def injection_before(ledger: Ledger, scan: datetime) -> datetime:
    """Return when the tracer was injected.

    In this order: the override, RadiopharmaceuticalStartDateTime, RadiopharmaceuticalStartTime, GE's private
    datetime. A time without a date is the last such time before the scan, so that midnight may lie between.

    Args:
        ledger: Values and books.
        scan: The time that the injection preceded.

    Raises:
        SUVError: There is none, or it lies after the scan.
    """
    override = ledger.override("injection_time")
    if override is not None:
        ledger.branch.append("injection time: override")
        given = parse_override("injection_time", override)
        return given if isinstance(given, datetime) else _last_before(ledger, given, scan, "injection_time")
    stated: datetime | None = ledger.tag("injection_datetime")
    clock: time | None = ledger.tag("injection_time")
    if stated is not None:
        ledger.branch.append("injection time: RadiopharmaceuticalStartDateTime")
        if clock is not None and _clock_difference_s(stated.time(), clock) > _CLOCK_DIFFERENCE_S:
            names = [ledger.tags.name_of(n) for n in ("injection_datetime", "injection_time")]
            ledger.warn(f"{names[0]} is {stated}, {names[1]} is {clock}: the former was used")
        return stated
    if clock is not None:
        ledger.branch.append("injection time: RadiopharmaceuticalStartTime")
        return _last_before(ledger, clock, scan, "injection_time")
    vendor: datetime | None = ledger.tag("ge_injection_datetime")
    if vendor is not None:
        ledger.branch.append("injection time: GE private (0009,103B)")
        return vendor
    names = [ledger.tags.name_of(n) for n in ("injection_datetime", "injection_time")]
    raise SUVError(f"{names[0]} and {names[1]} are missing; {remedy('injection_time')}")


def stated_reference(ledger: Ledger) -> datetime | None:
    """Return the time of decay correction that an override or the file states outright, or None."""
    override = ledger.override("reference_time")
    if override is not None:
        ledger.branch.append("reference time: override")
        given = parse_override("reference_time", override)
        if isinstance(given, datetime):
            return given
        return datetime.combine(_scan_date(ledger), given)
    if ledger.tags.reference_datetime is not None:
        ledger.branch.append("reference time: stated by the file")
        stated: datetime = ledger.tag("reference_datetime")
        return stated
    return None


def start_references(ledger: Ledger, half_life_s: float) -> list[datetime]:
    """Return, for each frame, the time that pixels with DecayCorrection START are corrected to.

    SeriesDate and SeriesTime where they do not lie after the first acquisition; else the series was stamped
    anew when it was processed, and GE's or Siemens' private tag tells, or FrameReferenceTime does, or the
    first acquisition stands in [QIBA FDG-PET/CT profile, "happy path" of the DICOM SUV calculation].

    Args:
        ledger: Values and books.
        half_life_s: Half-life of the radionuclide.

    Raises:
        SUVError: No time can be found, or the frames contradict each other.
    """
    frames = ledger.tags.frames
    series: datetime | None = ledger.tag("series_datetime")
    ge, siemens = ledger.tags.ge_scan_datetime, ledger.tags.siemens_reference_datetime
    first = _first_acquisition(ledger)
    if series is not None and first is not None and series <= first + _SAME_TIME:
        ledger.branch.append("reference time: SeriesDate and SeriesTime")
        _compare(ledger, series, first, half_life_s)
        return [series] * len(frames)
    if ge is not None:
        ledger.branch.append("reference time: GE private (0009,100D)")
        return [ledger.tag("ge_scan_datetime")] * len(frames)
    if siemens is not None:
        ledger.branch.append("reference time: Siemens private (0071,1022)")
        return [ledger.tag("siemens_reference_datetime")] * len(frames)
    if first is None:
        return [_series_unchecked(ledger, series)] * len(frames)
    computed = [_back_computed(frame, half_life_s) for frame in frames]
    known = [c for c in computed if c is not None]
    if len(known) == len(frames):
        ledger.branch.append("reference time: computed back from FrameReferenceTime")
        _note_frames(ledger, frames)
        return _agreeing(ledger, known, first)
    ledger.branch.append("reference time: first AcquisitionDate and AcquisitionTime")
    ledger.warn(
        f"{ledger.tags.name_of('series_datetime')} ({series}) is missing or after the first acquisition, and "
        f"nothing else states the time of decay correction: the first acquisition, {first}, was assumed"
    )
    return [first] * len(frames)


def mean_time_s(duration_s: float, half_life_s: float) -> float:
    """Return when, after a frame's start, its decaying activity equals its mean, in s [QIBA].

    Args:
        duration_s: Length of the frame.
        half_life_s: Half-life of the radionuclide.
    """
    decay = math.log(2) / half_life_s
    x = decay * duration_s
    return math.log(x / -math.expm1(-x)) / decay if x > 0 else 0.0


def parse_override(name: str, value: datetime | str) -> datetime | time:
    """Return an override's time: with a date where it has one.

    Raises:
        SUVError: It is neither a datetime nor text in ISO form, or it carries a time zone.
    """
    if isinstance(value, str):
        parsed = _from_iso(value.strip())
        if parsed is None:
            raise SUVError(f"override {name} is {value!r}; expected HH:MM:SS or YYYY-MM-DDTHH:MM:SS")
    else:
        parsed = value
    if parsed.tzinfo is not None:
        raise SUVError(
            f"override {name} is {value!s} with a time zone; give the scanner's local time without"
        )
    return parsed


def _from_iso(text: str) -> datetime | time | None:
    for parse in (time.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def _last_before(ledger: Ledger, clock: time, scan: datetime, name: str) -> datetime:
    """Return the last such time before the scan; a time later than the scan's was on the day before."""
    same_day = datetime.combine(scan.date(), clock)
    if same_day <= scan:
        return same_day
    day_before = same_day - timedelta(days=1)
    if scan - day_before > _LONGEST_UPTAKE_OVER_MIDNIGHT:
        raise SUVError(
            f"{ledger.label(name)} is {clock}, after the time of decay correction {scan}; {remedy(name)}"
        )
    ledger.branch.append("injection time: day before, across midnight")
    return day_before


def _scan_date(ledger: Ledger) -> datetime:
    return (
        ledger.tags.series_datetime
        or _first_acquisition(ledger)
        or ledger.tags.injection_datetime
        or _NO_DATE
    )


def _first_acquisition(ledger: Ledger) -> datetime | None:
    known = [f.acquisition_datetime for f in ledger.tags.frames if f.acquisition_datetime is not None]
    first = min(known, default=None)
    label = ledger.tags.name_of("acquisition_datetime")
    ledger.used[label] = None if first is None else first.isoformat()
    return first


def _series_unchecked(ledger: Ledger, series: datetime | None) -> datetime:
    names = [ledger.tags.name_of(n) for n in ("series_datetime", "acquisition_datetime")]
    if series is None:
        raise SUVError(f"{names[0]} and {names[1]} are missing; {remedy('reference_time')}")
    ledger.branch.append("reference time: SeriesDate and SeriesTime")
    ledger.warn(f"{names[1]} is missing: {names[0]} ({series}) was taken as the time of decay correction")
    return series


def _back_computed(frame: FrameTags, half_life_s: float) -> datetime | None:
    if frame.acquisition_datetime is None or frame.duration_s is None or frame.reference_time_s is None:
        return None
    offset_s = mean_time_s(frame.duration_s, half_life_s) - frame.reference_time_s
    return frame.acquisition_datetime + timedelta(seconds=offset_s)


def _agreeing(ledger: Ledger, references: list[datetime], first: datetime) -> list[datetime]:
    low, high = min(references), max(references)
    if high - low > _WIDEST_BACK_COMPUTED:
        raise SUVError(
            f"{ledger.tags.name_of('reference_time_s')} puts the decay correction of some slices at {low}, "
            f"of others at {high}; {remedy('reference_time')}: often the first acquisition, {first.time()}"
        )
    return references


def _compare(ledger: Ledger, series: datetime, first: datetime, half_life_s: float) -> None:
    """Warn where another time of the file contradicts the series' time by more than 1 % of SUV."""
    for name in ("ge_scan_datetime", "siemens_reference_datetime"):
        vendor: datetime | None = getattr(ledger.tags, name)
        if vendor is not None:
            ledger.tag(name)
            change = abs(2 ** ((vendor - series).total_seconds() / half_life_s) - 1)
            if change > 0.01:
                ledger.warn(
                    f"{ledger.tags.name_of(name)} is {vendor}, {ledger.tags.name_of('series_datetime')} is "
                    f"{series}: the latter was used; the former would change SUV by {change:.1%}"
                )
    if first - series > _LATE_ACQUISITION:
        ledger.warn(f"the first acquisition, {first}, is long after SeriesTime, {series}, which was used")


def _note_frames(ledger: Ledger, frames: Sequence[FrameTags]) -> None:
    for name in ("duration_s", "reference_time_s"):
        ledger.used[ledger.tags.name_of(name)] = sorted({getattr(f, name) for f in frames})


def _clock_difference_s(a: time, b: time) -> float:
    seconds = abs((datetime.combine(_NO_DATE, a) - datetime.combine(_NO_DATE, b)).total_seconds())
    return min(seconds, 86_400 - seconds)
