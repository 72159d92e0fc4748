"""From activity, in Bq/ml, to SUV normalised to body weight: the dose, decayed to the time of the pixels."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final, TypeVar

from seganypet.errors import SUVError
from seganypet.io.suv_tags import Ledger, jsonable, remedy
from seganypet.io.suv_times import injection_before, start_references, stated_reference
from seganypet.io.suv_values import dose_bq_of, half_life_s_of, weight_kg_of

_DECAY_CORRECTIONS: Final = ("START", "ADMIN", "NONE")
_SHORT_UPTAKE_S = 1800.0
_LONG_UPTAKE_S = 4 * 3600.0
# Nuclides that live shorter are scanned from the injection on; those that live longer, days after it.
_SHORT_LIVED_S, _LONG_LIVED_S = 1800.0, 12 * 3600.0
_MOST_HALF_LIVES = 10.0

_T = TypeVar("_T")


def activity_factors(ledger: Ledger) -> list[float]:
    """Return the factors from Bq/ml to SUVbw, one for each frame, by DecayCorrection (0054,1102).

    Args:
        ledger: Values and books.

    Raises:
        SUVError: A value is missing, impossible or contradicts another.
    """
    weight_kg = weight_kg_of(ledger)
    dose_bq = dose_bq_of(ledger, weight_kg)
    grams_per_bq = 1000.0 * weight_kg / dose_bq
    frames = ledger.tags.frames
    reference = stated_reference(ledger)
    if reference is not None:
        half_life_s = half_life_s_of(ledger)
        return [grams_per_bq * decay for decay in _growth(ledger, [reference] * len(frames), half_life_s)]
    correction = (ledger.tag("decay_correction") or "").strip().upper()
    if correction not in _DECAY_CORRECTIONS:
        raise SUVError(
            f"{ledger.tags.name_of('decay_correction')} is {correction!r}; expected START, ADMIN or NONE; "
            f"{remedy('reference_time')}"
        )
    ledger.branch.append(f"decay correction: {correction}")
    if correction == "ADMIN":
        ledger.facts["delta_t_s"] = 0.0
        return [grams_per_bq] * len(frames)
    half_life_s = half_life_s_of(ledger)
    if correction == "START":
        references = start_references(ledger, half_life_s)
        return [grams_per_bq * decay for decay in _growth(ledger, references, half_life_s)]
    starts, durations_s = _frame_times(ledger)
    growth = _growth(ledger, starts, half_life_s)
    means = [_start_over_mean(duration_s, half_life_s) for duration_s in durations_s]
    return [grams_per_bq * g * m for g, m in zip(growth, means, strict=True)]


def _frame_times(ledger: Ledger) -> tuple[list[datetime], list[float]]:
    """Return start and length, in s, of every frame, which pixels without decay correction need."""
    starts = [_needed(ledger, f.acquisition_datetime, "acquisition_datetime") for f in ledger.tags.frames]
    durations_s = [_needed(ledger, f.duration_s, "duration_s") for f in ledger.tags.frames]
    ledger.used[ledger.tags.name_of("acquisition_datetime")] = sorted({s.isoformat() for s in starts})
    ledger.used[ledger.tags.name_of("duration_s")] = sorted(set(durations_s))
    return starts, durations_s


def _needed(ledger: Ledger, value: _T | None, name: str) -> _T:
    if not value:
        raise SUVError(
            f"DecayCorrection is NONE and {ledger.tags.name_of(name)} is {value}; "
            "export the series with decay correction"
        )
    return value


def _growth(ledger: Ledger, references: list[datetime], half_life_s: float) -> list[float]:
    """Return 2^(Δt/T½) of each time, Δt counted from the injection."""
    first = min(references)
    injection = injection_before(ledger, first)
    deltas_s = [(r - injection).total_seconds() for r in references]
    delta_s = min(deltas_s)
    ledger.facts["injection"] = jsonable(injection)
    ledger.facts["reference"] = jsonable(first)
    ledger.facts["delta_t_s"] = delta_s
    if delta_s < 0:
        raise SUVError(
            f"{_injection_label(ledger)} is {injection}, after the time of decay correction {first}; "
            f"{remedy('injection_time')} or {remedy('reference_time')}"
        )
    if max(deltas_s) > _MOST_HALF_LIVES * half_life_s:
        raise SUVError(
            f"{_injection_label(ledger)} is {injection}, {max(deltas_s) / 3600:.1f} h before the time of "
            f"decay correction {first}: over 10 half-lives of {half_life_s:g} s; {remedy('injection_time')}"
        )
    if delta_s < _SHORT_UPTAKE_S and half_life_s > _SHORT_LIVED_S:
        ledger.warn(f"only {delta_s / 60:.0f} min from injection ({injection}) to decay correction ({first})")
    if max(deltas_s) > _LONG_UPTAKE_S and half_life_s < _LONG_LIVED_S:
        ledger.warn(
            f"{max(deltas_s) / 3600:.1f} h from injection ({injection}) to decay correction ({first})"
        )
    return [2.0 ** (d / half_life_s) for d in deltas_s]


def _injection_label(ledger: Ledger) -> str:
    if ledger.overrides.injection_time is not None:
        return "override injection_time"
    tags = ledger.tags
    sources = ("injection_datetime", "injection_time", "ge_injection_datetime")
    return tags.name_of(next(name for name in sources if getattr(tags, name) is not None))


def _start_over_mean(duration_s: float, half_life_s: float) -> float:
    """Return activity at a frame's start over its mean during the frame, x / (1 - e^-x)."""
    x = math.log(2) * duration_s / half_life_s
    return x / -math.expm1(-x)
