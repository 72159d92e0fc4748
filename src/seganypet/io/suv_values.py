"""Weight, dose, half-life, height and sex as SUV needs them: present, in the right unit, and possible."""

from __future__ import annotations

from typing import Final

from seganypet.errors import SUVError
from seganypet.io.isotopes import HALF_LIVES_S, identify_nuclide
from seganypet.io.suv_norms import Sex
from seganypet.io.suv_tags import Ledger, remedy

# Imaging takes 0.3 MBq/kg at the very least; a number a thirtieth of that is in kBq, MBq or mCi.
_LEAST_DOSE_BQ: Final = 1e4
_LEAST_DOSE_BQ_PER_KG: Final = 1e4
_LARGE_DOSE_BQ: Final = 2e10
# Radioiodine therapy gives some 1e10 Bq; a hundred times that is a number of Bq taken for MBq.
_MOST_DOSE_BQ: Final = 1e12
# What a number in another unit may mean: suggestions outside this range would be no help.
_USUAL_DOSE_BQ: Final = (1e6, 1e10)
_BQ_PER_UNIT: Final = {"MBq": 1e6, "kBq": 1e3, "mCi": 3.7e7}
_HEAVIEST_KG: Final = 500.0
_TALLEST_M: Final = 2.6
_HALF_LIFE_DOUBTFUL, _HALF_LIFE_WRONG = 0.02, 0.10


def weight_kg_of(ledger: Ledger) -> float:
    """Return the body weight, in kg.

    Raises:
        SUVError: It is missing, 0, or a number of grams.
    """
    weight_kg = ledger.positive("weight_kg")
    if weight_kg > _HEAVIEST_KG:
        raise SUVError(
            f"{ledger.label('weight_kg')} is {weight_kg:g}; expected kg, up to {_HEAVIEST_KG:g}; "
            f"{remedy('weight_kg')}"
        )
    return weight_kg


def height_m_of(ledger: Ledger) -> float:
    """Return the body height, in m.

    Raises:
        SUVError: It is missing, 0, or a number of cm.
    """
    height_m = ledger.positive("height_m")
    if height_m > _TALLEST_M:
        raise SUVError(
            f"{ledger.label('height_m')} is {height_m:g}; expected m, up to {_TALLEST_M:g}; "
            f"{remedy('height_m')}"
        )
    return height_m


def sex_of(ledger: Ledger) -> Sex:
    """Return the sex, "M" or "F".

    Raises:
        SUVError: It is missing or another.
    """
    sex = (ledger.override("sex") or ledger.tag("sex") or "").strip().upper()
    if sex == "M":
        return "M"
    if sex == "F":
        return "F"
    raise SUVError(f"{ledger.label('sex')} is {sex!r}; expected M or F; {remedy('sex')}")


def dose_bq_of(ledger: Ledger, weight_kg: float) -> float:
    """Return the injected activity, in Bq.

    Args:
        ledger: Values and books.
        weight_kg: Body weight, which tells what is too little.

    Raises:
        SUVError: It is missing, 0, or so small or large that it must be in another unit.
    """
    dose_bq = ledger.positive("dose_bq")
    if dose_bq < _LEAST_DOSE_BQ or dose_bq < _LEAST_DOSE_BQ_PER_KG * weight_kg:
        raise SUVError(
            f"{ledger.label('dose_bq')} is {dose_bq:g}, too little for {weight_kg:g} kg in Bq: it looks "
            f"like MBq, kBq or mCi; {remedy('dose_bq')}{_readings(dose_bq)}"
        )
    if dose_bq > _MOST_DOSE_BQ:
        raise SUVError(
            f"{ledger.label('dose_bq')} is {dose_bq:g} Bq, more than any patient gets: was a number in Bq given as "
            f"MBq? {remedy('dose_bq')}"
        )
    if dose_bq > _LARGE_DOSE_BQ:
        ledger.warn(f"{ledger.label('dose_bq')} is {dose_bq:g}: an unusually large dose was accepted")
    return dose_bq


def _readings(number: float) -> str:
    """Return what a dose in Bq would be if the number were in another unit, as far as that is usual."""
    low, high = _USUAL_DOSE_BQ
    doses = {unit: number * factor for unit, factor in _BQ_PER_UNIT.items()}
    usual = [
        f"{dose_bq:.4g} Bq if it is in {unit}" for unit, dose_bq in doses.items() if low <= dose_bq <= high
    ]
    return f", such as {', '.join(usual)}" if usual else ""


def half_life_s_of(ledger: Ledger) -> float:
    """Return the half-life, in s, after comparing it with that of the nuclide the file names.

    Raises:
        SUVError: It is missing, 0, or over 10 % from the nuclide's.
    """
    nuclide = nuclide_of(ledger)
    known_s = HALF_LIVES_S.get(nuclide) if nuclide else None
    hint = f", such as {known_s:g} for {nuclide}" if known_s else ""
    try:
        half_life_s = ledger.positive("half_life_s")
    except SUVError as error:
        raise SUVError(f"{error}{hint}") from None
    if nuclide is None or known_s is None:
        ledger.warn(f"no known radionuclide is named: half-life {half_life_s:g} s could not be checked")
        return half_life_s
    off = abs(half_life_s / known_s - 1)
    if off > _HALF_LIFE_WRONG and ledger.overrides.half_life_s is None:
        raise SUVError(
            f"{ledger.label('half_life_s')} is {half_life_s:g}, but {nuclide} has {known_s:g} s; "
            f"{remedy('half_life_s')}{hint}"
        )
    if off > _HALF_LIFE_DOUBTFUL:
        ledger.warn(f"{ledger.label('half_life_s')} is {half_life_s:g} s; {nuclide} has {known_s:g} s")
    return half_life_s


def nuclide_of(ledger: Ledger) -> str | None:
    """Return the nuclide that the file names ("F-18"), noting it, or None."""
    texts: list[str | None] = [ledger.tag("radionuclide"), ledger.tag("radiopharmaceutical")]
    nuclide = identify_nuclide(*texts)
    ledger.facts["nuclide"] = nuclide
    return nuclide
